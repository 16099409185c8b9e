//! 5 STORE: what projections write and queries read.
