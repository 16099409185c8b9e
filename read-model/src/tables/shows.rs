//! Shows: dated concerts in venues. How their places stand is kept with the seat map and joined when a show is read.

use domain::{
    ids::{ConcertId, OrganizerId, ShowId, VenueId},
    points::Points,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// A show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Show {
    /// Key.
    pub show_id: ShowId,
    /// Whose it is.
    pub organizer_id: OrganizerId,
    /// The concert.
    pub concert_id: ConcertId,
    /// The venue.
    pub venue_id: VenueId,
    /// When the concert begins.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub starts_at: Timestamp,
    /// First instant at which a hold is accepted.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub on_sale_at: Timestamp,
    /// First instant at which none is accepted any more.
    #[serde(with = "chrono::serde::ts_microseconds_option")]
    pub off_sale_at: Option<Timestamp>,
    /// Length of a hold, in seconds.
    pub hold_seconds: u32,
    /// Places that one customer may hold or own at a time.
    pub max_seats_per_customer: u32,
    /// Whether a hold may leave a single free seat between taken ones.
    pub no_stranded_seats: bool,
    /// When the show was called off.
    #[serde(with = "chrono::serde::ts_microseconds_option")]
    pub cancelled_at: Option<Timestamp>,
    /// Why it was called off, in the organizer's words.
    pub cancel_reason: Option<String>,
    /// Last event that changed the row.
    pub position: u64,
}

/// Whether a show sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShowStatus {
    /// Not yet.
    Scheduled,
    /// Now.
    OnSale,
    /// No more.
    OffSale,
    /// Called off.
    Cancelled,
}

impl Show {
    /// Whether the show sells at `now`.
    pub fn status(&self, now: Timestamp) -> ShowStatus {
        if self.cancelled_at.is_some() {
            ShowStatus::Cancelled
        } else if now < self.on_sale_at {
            ShowStatus::Scheduled
        } else if self.off_sale_at.is_some_and(|end| now >= end) {
            ShowStatus::OffSale
        } else {
            ShowStatus::OnSale
        }
    }
}

/// How a show's places stand, seats and standing together. The four add up to the capacity.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// All places.
    pub capacity: u32,
    /// Free.
    pub available: u32,
    /// Held.
    pub held: u32,
    /// Sold.
    pub sold: u32,
    /// Out of sale.
    pub blocked: u32,
    /// By category: seat categories in plan order, then standing areas.
    pub categories: Vec<CategoryCount>,
}

/// What is left of one category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryCount {
    /// Name.
    pub name: String,
    /// Price of one place.
    pub price: Points,
    /// Free places.
    pub available: u32,
}

/// A show and how its places stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowWithCounts {
    /// The show.
    pub show: Show,
    /// Its places.
    pub counts: Counts,
}
