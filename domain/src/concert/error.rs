//! Why a concert refuses.

/// A refusal of a concert.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such concert, or another organizer's.
    #[error("no such concert")]
    NotFound,
    /// The concert exists already.
    #[error("the concert is already announced")]
    AlreadyAnnounced,
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
            Self::AlreadyAnnounced => "already_announced",
            Self::Invalid { .. } => "invalid_field",
        }
    }
}
