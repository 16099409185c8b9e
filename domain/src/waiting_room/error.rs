//! Why a waiting room refuses.

/// A refusal of a waiting room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such room, or another organizer's.
    #[error("no such waiting room")]
    NotFound,
    /// The sale is over.
    #[error("the waiting room is closed")]
    Closed,
    /// Nobody is let in while the room is paused.
    #[error("the waiting room is paused")]
    Paused,
    /// A field breaks a rule.
    #[error("{at}: {detail}")]
    Invalid {
        /// The field.
        at: &'static str,
        /// What is wrong.
        detail: String,
    },
}

impl Error {
    /// The stable code of the refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Closed => "waiting_room_closed",
            Self::Paused => "waiting_room_paused",
            Self::Invalid { .. } => "invalid_field",
        }
    }
}
