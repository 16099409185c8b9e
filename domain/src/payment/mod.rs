//! STUB.

pub mod command;
pub mod error;
pub mod event;
pub mod upcast;

use serde::{Deserialize, Serialize};

pub use self::{command::Command, error::Error, event::Event};
use crate::{aggregate::Aggregate, time::Timestamp};

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not requested yet.
    #[default]
    None,
    /// The saga runs.
    Running,
    /// Paid.
    Completed,
    /// Undone by the saga.
    Failed,
    /// Paid, and to be undone.
    Refunding,
    /// Undone at the organizer's wish.
    Refunded,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Payment {
    /// Where it stands.
    pub status: Status,
    /// What is paid for; nil before the request.
    pub reservation_id: crate::ids::ReservationId,
    /// In which show.
    pub show_id: crate::ids::ShowId,
    /// By whom.
    pub customer_id: crate::ids::CustomerId,
    /// To whom.
    pub organizer_id: crate::ids::OrganizerId,
    /// How much.
    pub amount: crate::points::Points,
    /// The code of a failed payment.
    pub failure: Option<String>,
    /// Whether a failed payment had debited points and gave them back.
    pub refunded: bool,
    /// Whether a refund was asked for while the saga ran.
    pub refund_requested: bool,
    /// When the process manager takes over; `None` once ended.
    pub resume_at: Option<Timestamp>,
}

impl Aggregate for Payment {
    const TYPE: &'static str = "payment";
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
