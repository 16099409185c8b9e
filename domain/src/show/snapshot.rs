//! A show as a snapshot stores it: what the events said, without what can be derived from it.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};

use super::{
    ReservationStatus, Show,
    passes::{BoughtPass, Passes},
    plan::{Plan, RowPlace, SeatIndex},
    reservations::Reservation,
    seats::{SeatState, Seats},
    state::{Area, Terms},
};
use crate::time::Timestamp;

/// The stored form of a [`Show`]: borrowed when it is written, so that a large house is not copied first.
#[derive(Serialize, Deserialize)]
pub(super) struct Snapshot<'a> {
    version: u64,
    terms: Cow<'a, Option<Terms>>,
    plan: Cow<'a, Plan>,
    standing: Cow<'a, [Area]>,
    reservations: Cow<'a, [Reservation]>,
    blocked: Vec<(SeatIndex, u64)>,
    cancelled_at: Option<Timestamp>,
    bought: Cow<'a, [BoughtPass]>,
}

impl Serialize for Show {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let snapshot = Snapshot {
            version: self.version,
            terms: Cow::Borrowed(&self.terms),
            plan: Cow::Borrowed(&self.plan),
            standing: Cow::Borrowed(&self.standing),
            reservations: Cow::Borrowed(self.reservations.entries()),
            blocked: self.seats.all_blocked(),
            cancelled_at: self.cancelled_at,
            bought: Cow::Borrowed(self.passes.bought()),
        };
        snapshot.serialize(serializer)
    }
}

/// A snapshot that contradicts itself. It is then as good as none: the events are folded instead.
#[derive(Debug, thiserror::Error)]
#[error("the snapshot names a {0} that it does not have")]
pub(super) struct Inconsistent(&'static str);

impl Snapshot<'_> {
    /// Checks every index once, so that no decision has to.
    fn check(&self) -> Result<(), Inconsistent> {
        let (rows, seats) = (&self.plan.rows, self.plan.seats.len());
        let good_row = |row: &RowPlace| row.start <= row.end && row.end as usize <= seats;
        if !rows.iter().all(good_row) {
            return Err(Inconsistent("row's seat"));
        }
        if !self
            .plan
            .seats
            .iter()
            .all(|seat| (seat.row as usize) < rows.len())
        {
            return Err(Inconsistent("seat's row"));
        }
        let taken = self.reservations.iter().flat_map(|entry| &entry.seats);
        if !taken
            .chain(self.blocked.iter().map(|(seat, _)| seat))
            .all(|seat| (*seat as usize) < seats)
        {
            return Err(Inconsistent("seat"));
        }
        let mut areas = self.reservations.iter().filter_map(|entry| entry.standing);
        if !areas.all(|taken| (taken.area as usize) < self.standing.len()) {
            return Err(Inconsistent("standing area"));
        }
        Ok(())
    }
}

impl TryFrom<Snapshot<'static>> for Show {
    type Error = Inconsistent;

    fn try_from(stored: Snapshot<'static>) -> Result<Self, Inconsistent> {
        stored.check()?;
        let mut plan = stored.plan.into_owned();
        if let Some(terms) = &*stored.terms {
            plan.index(terms.categories.len(), terms.focus);
        }
        let mut seats = Seats::default();
        seats.grow(&plan);
        for (seat, sequence) in stored.blocked {
            seats.set(&plan, seat, SeatState::Blocked(sequence));
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
        Ok(Self {
            version: stored.version,
            terms: stored.terms.into_owned(),
            plan: Arc::new(plan),
            seats,
            standing: stored.standing.into_owned(),
            reservations: stored.reservations.into_owned().into(),
            cancelled_at: stored.cancelled_at,
            passes: Passes::from(stored.bought.into_owned()),
        })
    }
}
