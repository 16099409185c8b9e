//! What can be asked of an operation.

use std::collections::BTreeMap;

/// A request to an operation.
#[derive(Debug, Clone)]
pub enum Command {
    /// Record what an operator does.
    Record {
        /// What is done: one of [`acts`](super::acts), at most 64 bytes.
        act: String,
        /// What it is done to, 1 to 200 bytes.
        subject: String,
        /// How, by name: at most 16, names of 1 to 64 bytes, texts of at most 1,000.
        arguments: BTreeMap<String, String>,
        /// Who does it, 1 to 200 bytes.
        actor: String,
        /// Why, 1 to 1,000 bytes.
        reason: String,
    },
}
