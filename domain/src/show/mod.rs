//! A show: the whole seat inventory of one dated concert. One stream is the consistency boundary, so that all seats
//! asked for are held or none, and the limit, the search and the standing capacity are decided in the same step.
//!
//! ```text
//!                  hold               confirm                    refund, or the show is cancelled
//!     free seats ────────▶ Held ─────────────────▶ Confirmed ───────────────────────▶ Cancelled
//!                           ├── given back ──▶ Released   ▲
//!                           └── ran out ─────▶ Expired ───┘ a late payment, where all places are still free
//! ```
//!
//! A hold is void the instant `now >= expires_at`, whether or not an event says so yet: [`Aggregate::due`] records
//! up to [`EXPIRY_BATCH`] of them before each batch of commands, and a decision that needs the places of a further
//! one records that one itself, so that by events alone no seat is ever in two live reservations.

mod alternatives;
mod best_available;
pub mod command;
mod confirm;
pub mod error;
pub mod event;
mod evolve;
mod hold;
mod house;
mod limits;
mod passes;
mod plan;
mod reservations;
mod seats;
mod snapshot;
mod state;
pub mod upcast;
mod vacancy;

use cqrs_es::event_sink::EventSink;

use self::state::Terms;
pub use self::{
    command::{Command, Selection},
    error::{Error, TakenSeat},
    event::Event,
    house::{MAX_HOUSE_SEATS, MAX_REASON_BYTES},
    limits::{MAX_HOLD_SECONDS, MAX_PLACES_PER_CUSTOMER},
    passes::{BoughtPass, Stock},
    state::{Counts, ReservationStatus, ReservationView, Show},
};
use crate::{
    aggregate::{self, Aggregate, ClaimChange, Services},
    time::Timestamp,
};

/// Most expired holds recorded at once: with 100 places each they still fit one append, and one batch of commands
/// waits no longer for them than for itself.
pub const EXPIRY_BATCH: usize = 500;
/// Most reservations wound up at once after a cancellation, for the same reason.
pub const WIND_UP_BATCH: usize = 500;
/// Namespace of the claim that leads from a reservation to its show.
pub const RESERVATION: &str = "reservation";

impl Aggregate for Show {
    const TYPE: &'static str = "show";
    const SNAPSHOT_SCHEMA: u32 = 2;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: &Command, now: Timestamp) -> Result<Vec<Event>, Error> {
        match command {
            Command::Schedule(schedule) => self.schedule(schedule),
            Command::Hold {
                reservation_id,
                customer_id,
                selection,
                pass,
            } => self.hold(*reservation_id, *customer_id, selection, *pass, now),
            Command::Extend {
                reservation_id,
                customer_id,
            } => self.extend(*reservation_id, *customer_id, now),
            Command::Release {
                reservation_id,
                customer_id,
            } => self.release(*reservation_id, *customer_id, now),
            Command::Confirm {
                reservation_id,
                payment_id,
                amount,
            } => self.confirm(*reservation_id, *payment_id, *amount, now),
            Command::Abandon {
                reservation_id,
                payment_id,
                code,
            } => self.abandon(*reservation_id, *payment_id, code),
            Command::CancelReservation {
                reservation_id,
                payment_id,
            } => self.cancel_reservation(*reservation_id, *payment_id),
            Command::Block {
                organizer_id,
                seats,
                reason,
            } => self.block(*organizer_id, seats, reason, now),
            Command::Unblock {
                organizer_id,
                seats,
                reason,
            } => self.unblock(*organizer_id, seats, reason),
            Command::CancelShow {
                organizer_id,
                reason,
            } => self.cancel_show(*organizer_id, reason, now),
            Command::ExpireDue => self.terms().map(|_| Vec::new()),
            Command::WindUp { limit } => self.wind_up(*limit, now),
        }
    }

    fn evolve(&mut self, event: &Event) {
        self.apply_event(event);
    }

    fn due(&self, now: Timestamp) -> Vec<Event> {
        let Ok(terms) = self.terms() else {
            return Vec::new();
        };
        let void = self.reservations.void(now).take(EXPIRY_BATCH);
        void.map(|slot| self.expired(terms, slot)).collect()
    }

    fn wake_at(&self) -> Option<Timestamp> {
        match self.cancelled_at {
            Some(cancelled_at) if self.is_winding_up() => Some(cancelled_at),
            Some(_) | None => self.reservations.first_expiry(),
        }
    }

    fn claims(event: &Event) -> Vec<ClaimChange> {
        match event {
            // Kept for good: a reservation is found by its id however it ended.
            Event::SeatsHeld { reservation_id, .. } => vec![ClaimChange::Set {
                namespace: RESERVATION,
                key: reservation_id.to_string(),
            }],
            Event::ShowScheduled { .. }
            | Event::SeatsListed { .. }
            | Event::StandingListed { .. }
            | Event::HoldExtended { .. }
            | Event::HoldReleased { .. }
            | Event::HoldExpired { .. }
            | Event::ReservationConfirmed { .. }
            | Event::PaymentAbandoned { .. }
            | Event::ReservationCancelled { .. }
            | Event::SeatsBlocked { .. }
            | Event::SeatsUnblocked { .. }
            | Event::ShowCancelled { .. } => Vec::new(),
        }
    }
}

impl cqrs_es::Aggregate for Show {
    const TYPE: &'static str = <Self as Aggregate>::TYPE;
    type Command = Command;
    type Event = Event;
    type Error = Error;
    type Services = Services;

    async fn handle(
        &mut self,
        command: Command,
        services: &Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Error> {
        aggregate::handle(self, command, services, sink).await
    }

    fn apply(&mut self, event: Event) {
        self.evolve(&event);
    }
}

#[cfg(test)]
mod tests;
