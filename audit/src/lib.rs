//! Checks and explains the log at its own pace.
//!
//! Everything here reads only, takes no lock, and works beside a running server.
#![warn(missing_docs)]

pub mod verify;

pub use crate::verify::verify;
