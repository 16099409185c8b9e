//! All reservations of a show, with the indexes that keep decisions short: by id, by expiry, by customer.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::{ReservationStatus, plan::SeatIndex, seats::Slot};
use crate::{
    ids::{CustomerId, EntryId, PaymentId, ReservationId},
    points::Points,
    time::Timestamp,
};

/// A number of places in one standing area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StandingTaken {
    /// Index of the area.
    pub(super) area: u32,
    pub(super) quantity: u32,
}

/// A payment that can't confirm any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Abandoned {
    pub(super) payment_id: PaymentId,
    pub(super) code: String,
}

/// One reservation, from its hold on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reservation {
    pub(super) id: ReservationId,
    pub(super) customer_id: CustomerId,
    pub(super) status: ReservationStatus,
    pub(super) amount: Points,
    pub(super) expires_at: Timestamp,
    pub(super) extended: bool,
    /// Sequence of the event by which it came by its places, the last time.
    pub(super) taken_at: u64,
    /// What confirmed it; kept when it is cancelled.
    pub(super) payment_id: Option<PaymentId>,
    /// Kept after an expiry, because a late payment may take them again; dropped once given back.
    pub(super) seats: Box<[SeatIndex]>,
    pub(super) standing: Option<StandingTaken>,
    pub(super) abandoned: Vec<Abandoned>,
    /// The pass that it was held with.
    pub(super) pass: Option<EntryId>,
}

impl Reservation {
    /// Whether the hold is void at `now`, recorded or not.
    pub(super) fn is_void(&self, now: Timestamp) -> bool {
        self.status == ReservationStatus::Held && self.expires_at <= now
    }

    /// Seats and standing places together.
    pub(super) fn places(&self) -> u32 {
        let seats = u32::try_from(self.seats.len()).expect("a hold has at most 100 seats");
        seats + self.standing.map_or(0, |standing| standing.quantity)
    }
}

/// The ledger. Only `entries` is stored, the rest is derived from it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Reservations {
    entries: Vec<Reservation>,
    by_id: HashMap<ReservationId, Slot>,
    /// Held ones by the instant at which they are void.
    expiring: BTreeSet<(Timestamp, Slot)>,
    confirmed: BTreeSet<Slot>,
    /// Held and confirmed ones.
    by_customer: BTreeSet<(CustomerId, Slot)>,
}

impl Reservations {
    pub(super) fn find(&self, id: ReservationId) -> Option<(Slot, &Reservation)> {
        let slot = *self.by_id.get(&id)?;
        Some((slot, self.get(slot)))
    }

    pub(super) fn get(&self, slot: Slot) -> &Reservation {
        &self.entries[slot as usize]
    }

    /// Appends a reservation; answers its slot.
    pub(super) fn insert(&mut self, reservation: Reservation) -> Slot {
        let slot = Slot::try_from(self.entries.len()).expect("fewer than 2^32 events fit a stream");
        self.by_id.insert(reservation.id, slot);
        self.entries.push(reservation);
        self.register(slot);
        slot
    }

    /// Changes a reservation and keeps the indexes right.
    pub(super) fn update(&mut self, slot: Slot, change: impl FnOnce(&mut Reservation)) {
        self.unregister(slot);
        change(&mut self.entries[slot as usize]);
        self.register(slot);
    }

    fn register(&mut self, slot: Slot) {
        let entry = &self.entries[slot as usize];
        match entry.status {
            ReservationStatus::Held => self.expiring.insert((entry.expires_at, slot)),
            ReservationStatus::Confirmed => self.confirmed.insert(slot),
            ReservationStatus::Released
            | ReservationStatus::Expired
            | ReservationStatus::Cancelled => return,
        };
        self.by_customer.insert((entry.customer_id, slot));
    }

    fn unregister(&mut self, slot: Slot) {
        let entry = &self.entries[slot as usize];
        self.expiring.remove(&(entry.expires_at, slot));
        self.confirmed.remove(&slot);
        self.by_customer.remove(&(entry.customer_id, slot));
    }

    /// When the first hold is void.
    pub(super) fn first_expiry(&self) -> Option<Timestamp> {
        self.expiring.first().map(|(at, _)| *at)
    }

    /// Holds that are void at `now` but not recorded as expired, in the order of their expiry.
    pub(super) fn void(&self, now: Timestamp) -> impl Iterator<Item = Slot> {
        self.expiring
            .range(..=(now, Slot::MAX))
            .map(|(_, slot)| *slot)
    }

    /// Holds, first to expire first, then confirmed ones, first made first.
    pub(super) fn live(&self) -> impl Iterator<Item = Slot> {
        self.expiring
            .iter()
            .map(|(_, slot)| *slot)
            .chain(self.confirmed.iter().copied())
    }

    /// How many holds there are that are live after `soon`, and how many places the others have.
    pub(super) fn holding(&self, soon: Timestamp) -> (u32, u32) {
        let returning = self.void(soon).map(|slot| self.get(slot).places()).sum();
        let staying = self.expiring.len() - self.void(soon).count();
        let staying = u32::try_from(staying).expect("fewer than 2^32 events fit a stream");
        (staying, returning)
    }

    pub(super) fn has_live(&self) -> bool {
        !self.expiring.is_empty() || !self.confirmed.is_empty()
    }

    /// Places in a customer's holds that are live at `now` and confirmed reservations.
    pub(super) fn owned(&self, customer: CustomerId, now: Timestamp) -> u32 {
        let slots = self
            .by_customer
            .range((customer, Slot::MIN)..=(customer, Slot::MAX));
        slots
            .map(|(_, slot)| self.get(*slot))
            .filter(|entry| !entry.is_void(now))
            .map(Reservation::places)
            .sum()
    }

    pub(super) fn entries(&self) -> &[Reservation] {
        &self.entries
    }
}

impl From<Vec<Reservation>> for Reservations {
    fn from(entries: Vec<Reservation>) -> Self {
        let mut ledger = Self::default();
        for entry in entries {
            ledger.insert(entry);
        }
        ledger
    }
}
