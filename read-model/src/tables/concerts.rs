//! Concerts: the acts and their texts.

use domain::{
    ids::{ConcertId, OrganizerId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// A concert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concert {
    /// Key.
    pub concert_id: ConcertId,
    /// Whose it is.
    pub organizer_id: OrganizerId,
    /// Title.
    pub title: String,
    /// Artist.
    pub artist: String,
    /// Free text.
    pub description: Option<String>,
    /// When it was announced.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub announced_at: Timestamp,
    /// Last event that changed the row.
    pub position: u64,
}
