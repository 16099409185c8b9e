//! What every adapter of [`crate::ReadModel`] promises, as functions against the port.
