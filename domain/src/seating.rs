//! Value types of a seating plan, as venue and show events store it: compact, integers only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most bytes of a zone's, row's, seat's or category's name: more than any ticket prints, and it bounds an event.
pub const MAX_LABEL_BYTES: usize = 64;

/// A point on the plan, in hundredths of the plan's own unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// To the right.
    pub x: i64,
    /// Downwards.
    pub y: i64,
}

/// One numbered seat. JSON: `["A-1-7", "7", 0, 12000, 4500]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seat(
    /// `seat_guid`: unique in the plan, at most 64 bytes.
    pub String,
    /// Seat number as printed on the ticket, at most 64 bytes.
    pub String,
    /// Index into the plan's categories.
    pub u16,
    /// Absolute x (zone, row and seat offsets added), in hundredths of the plan's unit.
    pub i64,
    /// Absolute y, likewise.
    pub i64,
);

/// A row of seats, in the order in which they stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Row number as printed on the ticket, at most 64 bytes.
    pub row: String,
    /// Its seats, side by side.
    pub seats: Vec<Seat>,
}

/// A zone, or a part of one: at most 2,000 seats, whole rows where they fit, so that an event stays small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ZonePart {
    /// Zone name, at most 64 bytes. Not unique by itself: parts of one zone follow each other in the stream.
    pub zone: String,
    /// Index of the zone in the plan, from 0.
    pub zone_index: u16,
    /// Number of the part within the zone, from 0.
    pub part: u16,
    /// Rows, in plan order. A row that was cut continues in the next part with `continued`.
    pub rows: Vec<Row>,
    /// Whether the first row continues the last row of the part before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continued: bool,
}

/// An area sold by capacity, with a category of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StandingArea {
    /// Name, unique in the venue, at most 64 bytes.
    pub name: String,
    /// Its category: no seat and no other area shares it.
    pub category: String,
    /// Places.
    pub capacity: u32,
}
