//! 1 ACCEPT: HTTP in, events out.
