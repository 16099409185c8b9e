//! A show as a snapshot stores it: what the events said, without what can be derived from it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    ReservationStatus, Show,
    plan::{Plan, SeatIndex},
    reservations::Reservation,
    seats::{SeatState, Seats},
    state::{Area, Terms},
};
use crate::time::Timestamp;

/// The stored form of a [`Show`].
#[derive(Serialize, Deserialize)]
pub(super) struct Snapshot {
    terms: Option<Terms>,
    plan: Arc<Plan>,
    standing: Vec<Area>,
    reservations: Vec<Reservation>,
    blocked: Vec<SeatIndex>,
    cancelled_at: Option<Timestamp>,
}

impl From<Show> for Snapshot {
    fn from(show: Show) -> Self {
        Self {
            blocked: show.seats.all_blocked(),
            terms: show.terms,
            plan: show.plan,
            standing: show.standing,
            reservations: show.reservations.into_entries(),
            cancelled_at: show.cancelled_at,
        }
    }
}

impl From<Snapshot> for Show {
    fn from(stored: Snapshot) -> Self {
        let mut plan = stored.plan;
        if let Some(terms) = &stored.terms {
            Arc::make_mut(&mut plan).index(terms.categories.len(), terms.focus);
        }
        let mut seats = Seats::default();
        seats.grow(&plan);
        for seat in stored.blocked {
            seats.set(&plan, seat, SeatState::Blocked);
        }
        for (entry, slot) in stored.reservations.iter().zip(0..) {
            let state = match entry.status {
                ReservationStatus::Held => SeatState::Held(slot),
                ReservationStatus::Confirmed => SeatState::Sold(slot),
                ReservationStatus::Released
                | ReservationStatus::Expired
                | ReservationStatus::Cancelled => continue,
            };
            for seat in &entry.seats {
                seats.set(&plan, *seat, state);
            }
        }
        Self {
            terms: stored.terms,
            plan,
            seats,
            standing: stored.standing,
            reservations: stored.reservations.into(),
            cancelled_at: stored.cancelled_at,
        }
    }
}
