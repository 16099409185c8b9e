//! STUB.

pub mod command;
pub mod error;
pub mod event;
pub mod upcast;

use serde::{Deserialize, Serialize};

pub use self::{command::Command, error::Error, event::Event};
use crate::{aggregate::Aggregate, time::Timestamp};

/// A customer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Customer {
    /// Who; `None` before the registration.
    pub customer_id: Option<crate::ids::CustomerId>,
    /// E-mail address, encrypted.
    pub email: event::Ciphertext,
    /// Name, encrypted.
    pub name: event::Ciphertext,
    /// Whether the customer was erased.
    pub erased: bool,
}

impl Aggregate for Customer {
    const TYPE: &'static str = "customer";
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
