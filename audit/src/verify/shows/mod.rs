//! Seats, standing places, limits and prices: each show replayed by a bookkeeping of its own, which knows nothing of the domain's.

mod book;

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::book::Book;
use super::{
    facts::{Fact, Read},
    report::{Check, Findings},
};

/// Who has a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Seat {
    Free,
    Blocked,
    /// Index of a reservation.
    Taken(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Status {
    Held,
    Confirmed,
    Released,
    Expired,
    Cancelled,
}

#[derive(Debug, Serialize, Deserialize)]
struct Area {
    capacity: u32,
    taken: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Reservation {
    id: Uuid,
    customer: Uuid,
    status: Status,
    extended: bool,
    expires_at: DateTime<Utc>,
    amount: i64,
    seats: Box<[u32]>,
    /// Index of an area, and places.
    standing: Option<(u32, u32)>,
    payment: Option<Uuid>,
}

impl Reservation {
    fn places(&self) -> u64 {
        self.seats.len() as u64 + self.standing.map_or(0, |(_, quantity)| u64::from(quantity))
    }

    fn is_live(&self) -> bool {
        matches!(self.status, Status::Held | Status::Confirmed)
    }
}

/// What a show sells under.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Terms {
    on_sale_at: DateTime<Utc>,
    off_sale_at: Option<DateTime<Utc>>,
    #[serde(with = "super::resume::seconds")]
    hold: TimeDelta,
    limit: u64,
    prices: HashMap<String, i64>,
    categories: Vec<String>,
}

/// One show.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Show {
    terms: Terms,
    seat_index: HashMap<Box<str>, u32>,
    seats: Vec<Seat>,
    seat_category: Vec<u16>,
    area_index: HashMap<Box<str>, u32>,
    areas: Vec<Area>,
    reservations: Vec<Reservation>,
    live: HashMap<Uuid, Vec<u32>>,
    live_count: usize,
    expiring: BTreeSet<(DateTime<Utc>, u32)>,
    cancelled_at: Option<DateTime<Utc>>,
}

/// What others need to know of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sale {
    pub(super) show: Uuid,
    pub(super) customer: Uuid,
    pub(super) amount: i64,
    /// The payment that confirmed it.
    pub(super) payment: Option<Uuid>,
    pub(super) show_cancelled: bool,
}

/// All shows.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Shows {
    shows: HashMap<Uuid, Show>,
    /// Reservation -> show and index.
    reservations: HashMap<Uuid, (Uuid, u32)>,
}

impl Shows {
    /// Takes account of one event of a show.
    pub(super) fn apply(&mut self, read: &Read<'_>, findings: &mut Findings) {
        let show = self.shows.entry(read.id).or_default();
        let mut book = Book {
            show,
            read,
            findings,
        };
        match &read.fact {
            Fact::ShowScheduled(terms) => book.schedule(terms),
            Fact::SeatsListed { rows } => book.list_seats(rows),
            Fact::StandingListed { category, capacity } => book.list_standing(category, *capacity),
            Fact::SeatsHeld(held) => {
                let index = book.hold(held);
                if self
                    .reservations
                    .insert(held.reservation_id, (read.id, index))
                    .is_some()
                {
                    findings.add(
                        Check::Seats,
                        read.event.position,
                        format!("reservation {} is held a second time", held.reservation_id),
                    );
                }
            }
            Fact::HoldExtended {
                reservation_id,
                expires_at,
            } => {
                if let Some(index) = find(&self.reservations, read.id, *reservation_id) {
                    book.extend(index, *expires_at);
                } else {
                    book.unknown(*reservation_id);
                }
            }
            Fact::HoldReleased(moved)
            | Fact::HoldExpired(moved)
            | Fact::ReservationConfirmed(moved)
            | Fact::ReservationCancelled(moved) => {
                match find(&self.reservations, read.id, moved.reservation_id) {
                    Some(index) => book.change(index, moved),
                    None => book.unknown(moved.reservation_id),
                }
            }
            Fact::SeatsBlocked(house) => book.house(house, Seat::Free, Seat::Blocked),
            Fact::SeatsUnblocked(house) => book.house(house, Seat::Blocked, Seat::Free),
            Fact::ShowCancelled { cancelled_at } => book.show.cancelled_at = Some(*cancelled_at),
            _ => {}
        }
    }

    /// A reservation of any show.
    pub(super) fn sale(&self, reservation: Uuid) -> Option<Sale> {
        let (show_id, index) = self.reservations.get(&reservation)?;
        let show = self.shows.get(show_id)?;
        let entry = &show.reservations[*index as usize];
        Some(Sale {
            show: *show_id,
            customer: entry.customer,
            amount: entry.amount,
            payment: entry.payment,
            show_cancelled: show.cancelled_at.is_some(),
        })
    }

    /// The show of a reservation.
    pub(super) fn show_of(&self, reservation: Uuid) -> Option<Uuid> {
        self.reservations.get(&reservation).map(|(show, _)| *show)
    }

    /// All reservations.
    pub(super) fn reservations(&self) -> impl ExactSizeIterator<Item = (Uuid, Uuid)> {
        self.reservations
            .iter()
            .map(|(reservation, (show, _))| (*reservation, *show))
    }

    /// When a show's stream is to wake up.
    pub(super) fn wake_at(&self, show: Uuid) -> Option<DateTime<Utc>> {
        let show = self.shows.get(&show)?;
        match show.cancelled_at {
            Some(at) if show.live_count > 0 => Some(at),
            _ => show.expiring.first().map(|(at, _)| *at),
        }
    }
}

fn find(reservations: &HashMap<Uuid, (Uuid, u32)>, show: Uuid, reservation: Uuid) -> Option<u32> {
    let (of, index) = reservations.get(&reservation)?;
    (*of == show).then_some(*index)
}
