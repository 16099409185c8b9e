//! Snapshots: a fold of a stream's beginning, kept to shorten loading. Never the truth, always droppable.

use crate::log::StreamId;

/// A stored fold. Ignored where `schema` is not the reader's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Whose fold it is.
    pub stream: StreamId,
    /// Number of the state's serialised form.
    pub schema: u32,
    /// The stream's version up to which it is folded.
    pub version: u64,
    /// The state as JSON.
    pub payload: String,
}
