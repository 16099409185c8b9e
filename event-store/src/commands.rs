//! Commands: what makes a repeated request take effect once.

use uuid::Uuid;

use crate::log::Position;

/// Most bytes of a fingerprint.
pub const MAX_FINGERPRINT_BYTES: usize = 64;

/// What identifies a command's content: a keyed digest of the request. Never enters the log's events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fingerprint(pub Vec<u8>);

/// A command as part of an append: which of the append's events it brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRecord {
    /// `UUIDv5` of what identifies the request.
    pub command_id: Uuid,
    /// Digest of its content.
    pub fingerprint: Fingerprint,
    /// Index of its first event in the append, all streams counted through, from 0.
    pub first_event: usize,
    /// Number of its events, at least 1; they stand side by side.
    pub events: usize,
}

/// A command that the log knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCommand {
    /// Its id.
    pub command_id: Uuid,
    /// Digest of its content.
    pub fingerprint: Fingerprint,
    /// Where its first event stands.
    pub first: Position,
    /// Where its last event stands.
    pub last: Position,
}

/// The id of a command's event: `ordinal` counts its events from 0.
pub fn event_id(command_id: Uuid, ordinal: usize) -> Uuid {
    Uuid::new_v5(&command_id, ordinal.to_string().as_bytes())
}
