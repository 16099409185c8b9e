//! Why a drop refuses.

use crate::time::Timestamp;

/// A refusal of a drop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such drop, or another organizer's.
    #[error("no such drop")]
    NotFound,
    /// There is a drop of this id already.
    #[error("the drop is open already")]
    AlreadyOpened,
    /// No entry is accepted yet.
    #[error("the drop opens at {opens_at}")]
    NotOpenYet {
        /// When one is.
        opens_at: Timestamp,
    },
    /// No entry is accepted any more.
    #[error("the drop is closed")]
    Closed,
    /// The list is as long as it may get.
    #[error("the drop has {} entries and takes no more", super::MAX_ENTRIES)]
    Full,
    /// The drop names no beacon.
    #[error("the drop was opened without a beacon")]
    NoBeacon,
    /// Another value of the beacon is recorded.
    #[error("another value of the beacon is recorded")]
    BeaconRecorded,
    /// A step that is not the drop's next.
    #[error("not the drop's next step: {detail}")]
    OutOfStep {
        /// What is missing before it.
        detail: String,
    },
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
            Self::AlreadyOpened => "already_opened",
            Self::NotOpenYet { .. } => "not_open_yet",
            Self::Closed => "drop_closed",
            Self::Full => "drop_full",
            Self::NoBeacon => "no_beacon",
            Self::BeaconRecorded => "beacon_recorded",
            Self::OutOfStep { .. } => "out_of_step",
            Self::Invalid { .. } => "invalid_field",
        }
    }
}
