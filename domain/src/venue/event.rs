//! What can have happened to a venue.

use cqrs_es::DomainEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::OrganizerId,
    seating::{Point, StandingArea, ZonePart},
};

/// A fact about a venue. Stored as JSON, externally tagged; permanent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum Event {
    /// The venue exists; its zones and standing areas follow in the same append.
    VenueRegistered {
        /// Whose it is.
        organizer_id: OrganizerId,
        /// Name, at most 200 bytes.
        name: String,
        /// Extent of the plan, in hundredths of its unit.
        size: Point,
        /// What the best seats are near to, in hundredths of the plan's unit.
        focus: Point,
        /// Seat categories, in plan order; seats name them by index. Standing areas bring their own.
        categories: Vec<String>,
        /// Numbered seats in all zones together.
        seats: u32,
        /// Standing places in all areas together.
        standing_capacity: u32,
    },
    /// A zone, or a part of at most 2,000 seats of one.
    ZoneAdded {
        /// Whose venue it is.
        organizer_id: OrganizerId,
        /// The zone's rows and seats.
        #[serde(flatten)]
        zone: ZonePart,
    },
    /// A standing area.
    StandingAreaAdded {
        /// Whose venue it is.
        organizer_id: OrganizerId,
        /// The area.
        #[serde(flatten)]
        area: StandingArea,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::VenueRegistered { .. } => "VenueRegistered",
            Self::ZoneAdded { .. } => "ZoneAdded",
            Self::StandingAreaAdded { .. } => "StandingAreaAdded",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
