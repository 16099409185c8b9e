//! Drops and their entries.

use domain::{
    drop::{Beacon, CloseReason, DrawMode, Lot, Status},
    ids::{CustomerId, DropEntryId, DropId, OrganizerId, ShowId},
    points::Points,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// A drop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drop {
    /// Key.
    pub drop_id: DropId,
    /// Whose it is.
    pub organizer_id: OrganizerId,
    /// What is drawn for.
    pub title: String,
    /// How many there are.
    pub stock: u32,
    /// The chance of each entry, in decimals.
    pub win_probability: String,
    /// What a winner pays.
    pub price: Points,
    /// First instant at which an entry is accepted.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub opens_at: Timestamp,
    /// First instant at which none is accepted any more.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub closes_at: Timestamp,
    /// When entries are drawn.
    pub draw: DrawMode,
    /// SHA-256 of the secret, in hexadecimal.
    pub commitment: String,
    /// The public value that is mixed in.
    pub beacon: Option<Beacon>,
    /// The beacon's value, once it is told.
    pub beacon_value: Option<String>,
    /// What that is the SHA-256 of, in hexadecimal, where it was fetched from the beacon.
    #[serde(default)]
    pub beacon_signature: Option<String>,
    /// When that was, in microseconds since 1970.
    #[serde(with = "chrono::serde::ts_microseconds_option")]
    pub beacon_at: Option<Timestamp>,
    /// Whether whoever closed it knew the beacon's value already.
    pub beacon_in_hand: bool,
    /// The show whose waiting room stands before it.
    pub show_id: Option<ShowId>,
    /// Why no entry is accepted any more.
    pub close_reason: Option<CloseReason>,
    /// Since when.
    #[serde(with = "chrono::serde::ts_microseconds_option")]
    pub closed_at: Option<Timestamp>,
    /// Merkle root of the list, once it is closed.
    pub root: Option<String>,
    /// When the root was published.
    #[serde(with = "chrono::serde::ts_microseconds_option")]
    pub sealed_at: Option<Timestamp>,
    /// Entries accepted.
    pub entries: u32,
    /// Entries drawn.
    pub drawn: u32,
    /// Winning lots.
    pub winning: u32,
    /// What is left of the stock.
    pub stock_left: u32,
    /// Winners who paid.
    pub paid: u32,
    /// Winners who could not.
    pub forfeited: u32,
    /// The secret, in hexadecimal, once all is over.
    pub secret: Option<String>,
    /// Last event that changed the row.
    pub position: u64,
}

impl Drop {
    /// Whether the draw rests on more than the operator's word: the list was sealed before the beacon's value was known.
    pub fn is_beyond_the_operator(&self) -> bool {
        self.beacon.is_some() && !self.beacon_in_hand
    }
}

/// An entry of a drop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropEntry {
    /// Key.
    pub entry_id: DropEntryId,
    /// Of which drop.
    pub drop_id: DropId,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// Place in the list, from 0.
    pub number: u32,
    /// How it stands.
    pub status: Status,
    /// Its lot, once drawn.
    pub lot: Option<Lot>,
    /// Place among the winning lots, from 1.
    pub place: Option<u32>,
    /// Why it was forfeited.
    pub code: Option<String>,
    /// When it was accepted.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub entered_at: Timestamp,
    /// When it last changed.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub updated_at: Timestamp,
    /// Last event that changed the row.
    pub position: u64,
}
