//! Why a venue refuses.

/// A refusal of a venue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The plan or another field breaks a rule.
    #[error("{at}: {detail}")]
    Invalid {
        /// Where: a path such as `seating_plan.zones[2].rows[0].seats[5].category`.
        at: String,
        /// What is wrong, readable alone.
        detail: String,
        /// Stable code: `invalid_seating_plan`, `empty_seating_plan`, `too_many_seats`, `duplicate_seat`,
        /// `unknown_category`, `invalid_standing_area` or `invalid_field`.
        code: &'static str,
    },
    /// The venue exists already.
    #[error("the venue is already registered")]
    AlreadyRegistered,
}

impl Error {
    /// The stable code of the refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { code, .. } => code,
            Self::AlreadyRegistered => "already_registered",
        }
    }
}
