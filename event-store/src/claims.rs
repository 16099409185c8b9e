//! Claims: the command-side index. Unique `(namespace, key)` pairs that point at a stream, set and released by appends.

use crate::log::StreamId;

/// A claim that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Kind of claim.
    pub namespace: String,
    /// Unique within the namespace.
    pub key: String,
    /// Who holds it.
    pub stream: StreamId,
}

/// One change to the claims, part of an append and as durable as its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimChange {
    /// Takes the pair for `stream`. Taking what `stream` itself holds changes nothing; what another stream holds makes
    /// the append end as [`crate::log::Outcome::ClaimTaken`].
    Set {
        /// Kind of claim, at most 64 bytes.
        namespace: String,
        /// Unique within the namespace, at most 255 bytes.
        key: String,
        /// Who takes it.
        stream: StreamId,
    },
    /// Gives the pair back. A pair that `stream` does not hold is left as it is.
    Release {
        /// Kind of claim.
        namespace: String,
        /// Unique within the namespace.
        key: String,
        /// Who gives it back.
        stream: StreamId,
    },
}

impl ClaimChange {
    /// The pair that changes.
    pub fn pair(&self) -> (&str, &str) {
        match self {
            Self::Set { namespace, key, .. } | Self::Release { namespace, key, .. } => {
                (namespace, key)
            }
        }
    }
}
