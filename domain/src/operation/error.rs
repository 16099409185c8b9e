//! Why an operation refuses.

/// A refusal of an operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The stream records one act, and has.
    #[error("the act is already recorded")]
    AlreadyRecorded,
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
            Self::AlreadyRecorded => "already_recorded",
            Self::Invalid { .. } => "invalid_field",
        }
    }
}
