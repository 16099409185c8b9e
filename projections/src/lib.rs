//! 4 PROJECT: bus in, rows out.
