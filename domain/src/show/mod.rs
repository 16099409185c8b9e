//! STUB.

pub mod command;
pub mod error;
pub mod event;
pub mod upcast;

use serde::{Deserialize, Serialize};

pub use self::{command::Command, error::Error, event::Event};
use crate::{aggregate::Aggregate, time::Timestamp};

/// Most expired holds recorded at once.
pub const EXPIRY_BATCH: usize = 500;
/// Most reservations wound up at once after a cancellation.
pub const WIND_UP_BATCH: usize = 500;

/// A reservation as the show sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationStatus {
    /// Held; void from `expires_at` on even where no event says so yet.
    Held,
    /// Sold.
    Confirmed,
    /// Given back.
    Released,
    /// Ran out.
    Expired,
    /// Refunded.
    Cancelled,
}

/// A reservation, for those who prepare a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationView {
    /// Whose it is.
    pub customer_id: crate::ids::CustomerId,
    /// Where it stands, by events alone.
    pub status: ReservationStatus,
    /// Its price.
    pub amount: crate::points::Points,
    /// When the hold is, or was, void.
    pub expires_at: Timestamp,
    /// The payment that confirmed it.
    pub payment_id: Option<crate::ids::PaymentId>,
}

/// How a show's places stand. The four add up to the capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Free.
    pub available: u32,
    /// Held.
    pub held: u32,
    /// Sold.
    pub sold: u32,
    /// Out of sale.
    pub blocked: u32,
}

/// The whole seat inventory of one dated concert.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Show {
    organizer_id: Option<crate::ids::OrganizerId>,
}

impl Show {
    /// Whose show it is; `None` before it is scheduled.
    pub fn organizer_id(&self) -> Option<crate::ids::OrganizerId> {
        self.organizer_id
    }

    /// Numbered seats and standing places together.
    pub fn capacity(&self) -> u32 {
        todo!()
    }

    /// How the places stand, seats and standing together, by events alone.
    pub fn counts(&self) -> Counts {
        todo!()
    }

    /// Whether the show was cancelled.
    pub fn is_cancelled(&self) -> bool {
        todo!()
    }

    /// Whether the show was cancelled and still has live holds or confirmed reservations.
    pub fn is_winding_up(&self) -> bool {
        todo!()
    }

    /// A reservation of this show.
    pub fn reservation(&self, _id: crate::ids::ReservationId) -> Option<ReservationView> {
        todo!()
    }

    /// Checks, without deciding anything, whether `customer` could pay for `reservation` at `now`.
    ///
    /// # Errors
    /// What [`Command::Confirm`] would answer at `now`; [`Error::ReservationNotFound`] for another's; an expired hold whose
    /// places were taken since is [`Error::HoldExpired`].
    pub fn payable(
        &self,
        _reservation: crate::ids::ReservationId,
        _customer: crate::ids::CustomerId,
        _now: Timestamp,
    ) -> Result<crate::points::Points, Error> {
        todo!()
    }
}

impl Aggregate for Show {
    const TYPE: &'static str = "show";
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
