//! STUB.

pub mod command;
pub mod error;
pub mod event;
pub mod plan;
pub mod upcast;

use serde::{Deserialize, Serialize};

pub use self::{command::Command, error::Error, event::Event};
use crate::{aggregate::Aggregate, time::Timestamp};

/// A venue.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Venue {
    /// Whose it is; `None` before it is registered.
    pub organizer_id: Option<crate::ids::OrganizerId>,
    /// Name.
    pub name: String,
    /// What the best seats are near to.
    pub focus: crate::seating::Point,
    /// Seat categories in plan order.
    pub categories: Vec<String>,
    /// Zone parts in plan order.
    pub zones: Vec<crate::seating::ZonePart>,
    /// Standing areas.
    pub standing: Vec<crate::seating::StandingArea>,
    /// Numbered seats.
    pub seats: u32,
    /// Standing places.
    pub standing_capacity: u32,
}

impl Aggregate for Venue {
    const TYPE: &'static str = "venue";
    const SNAPSHOT_SCHEMA: u32 = 1;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, _command: &Command, _now: Timestamp) -> Result<Vec<Event>, Error> {
        todo!()
    }

    fn evolve(&mut self, _event: &Event) {
        todo!()
    }
}
