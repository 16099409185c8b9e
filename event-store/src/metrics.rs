//! Metrics of this crate, with unit and help.
