//! STUB.

pub mod command;
pub mod error;
pub mod event;
pub mod upcast;

use serde::{Deserialize, Serialize};

pub use self::{command::Command, error::Error, event::Event};
use crate::{aggregate::Aggregate, time::Timestamp};

/// A concert.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Concert {
    /// Whose it is; `None` before it is announced.
    pub organizer_id: Option<crate::ids::OrganizerId>,
    /// Title.
    pub title: String,
    /// Artist.
    pub artist: String,
    /// Free text.
    pub description: Option<String>,
}

impl Aggregate for Concert {
    const TYPE: &'static str = "concert";
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
