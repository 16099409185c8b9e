//! STUB.

pub mod command;
pub mod error;
pub mod event;
pub mod upcast;

use serde::{Deserialize, Serialize};

pub use self::{command::Command, error::Error, event::Event};
use crate::{aggregate::Aggregate, time::Timestamp};

/// A customer's points.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PointAccount {
    /// What is there; never below zero.
    pub balance: crate::points::Points,
}

impl PointAccount {
    /// What `payment` debited and has not been given back; `None` when it debited nothing.
    pub fn debited(&self, _payment: crate::ids::PaymentId) -> Option<crate::points::Points> {
        todo!()
    }
}

impl Aggregate for PointAccount {
    const TYPE: &'static str = "point_account";
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
