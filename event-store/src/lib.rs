//! 3 RECORD: one ordered log of events, its executor and its bus; knows no ticketing.
