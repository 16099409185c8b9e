//! Given / when / then. The house of these tests has three rows of five seats and a floor for ten:
//!
//! ```text
//!                    focus
//!     A-1  A-2  A-3  A-4  A-5      Front, 50 points a seat
//!     B-1  B-2  B-3  B-4  B-5      Front
//!     C-1  C-2  C-3  C-4  C-5      Back, 30 points a seat
//!     floor                        Standing, 20 points a place
//! ```

mod alternatives;
mod holds;
mod house;
mod passes;
mod properties;
mod sales;
mod search;

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    Command, Error, Event, Selection, Show, TakenSeat,
    command::Schedule,
    event::{HeldSeat, HeldStanding, Places, StandingPlaces},
};
use crate::{
    aggregate::Aggregate,
    ids::{CustomerId, OrganizerId, ReservationId},
    points::Points,
    seating::StandingArea,
    testing::{at, id, stored},
    time::Timestamp,
    venue::plan::SeatingPlan,
};

/// Customers.
const ANNA: u128 = 101;
const BEN: u128 = 102;
/// Reservations.
const R1: u128 = 1;
const R2: u128 = 2;
const R3: u128 = 3;
/// Payments.
const P1: u128 = 201;
const P2: u128 = 202;
/// Length of a hold.
const HOLD: i64 = 300;

fn organizer() -> OrganizerId {
    id(7)
}

fn plan() -> SeatingPlan {
    let rows = [("A", "Front"), ("B", "Front"), ("C", "Back")].map(|(row, category)| {
        let seats: Vec<_> = (1..=5)
            .map(|n| {
                json!({
                    "seat_guid": format!("{row}-{n}"),
                    "seat_number": n.to_string(),
                    "category": category,
                    "position": {"x": n * 10, "y": 0},
                })
            })
            .collect();
        let y = i32::from(row.as_bytes()[0] - b'A') * 10;
        json!({"row_number": row, "position": {"x": 0, "y": y}, "seats": seats})
    });
    let plan = json!({
        "size": {"width": 60, "height": 30},
        "categories": [{"name": "Front"}, {"name": "Back"}],
        "zones": [{"name": "Hall", "zone_id": "h", "rows": rows}],
    });
    SeatingPlan::parse(&plan)
        .unwrap()
        .with_focus(&json!({"x": 40, "y": -10}))
        .unwrap()
}

fn prices(prices: &[(&str, Points)]) -> BTreeMap<String, Points> {
    prices
        .iter()
        .map(|(name, price)| ((*name).to_owned(), *price))
        .collect()
}

/// On sale from second 0 to second 10,000, at most four places a customer.
fn schedule() -> Schedule {
    let plan = plan();
    Schedule {
        organizer_id: organizer(),
        concert_id: id(8),
        venue_id: id(9),
        starts_at: at(20_000),
        on_sale_at: at(0),
        off_sale_at: Some(at(10_000)),
        prices: prices(&[("Front", 50), ("Back", 30), ("Standing", 20)]),
        hold_seconds: u32::try_from(HOLD).unwrap(),
        max_seats_per_customer: 4,
        no_stranded_seats: false,
        waiting_room: None,
        categories: plan.categories,
        focus: plan.focus,
        zones: plan.zones,
        standing: vec![StandingArea {
            name: "Floor".to_owned(),
            category: "Standing".to_owned(),
            capacity: 10,
        }],
    }
}

/// A show that commands are run on, as the executor does it; events are stored and read back on the way.
struct Stage {
    show: Show,
    /// The show's stream: the event of sequence 1 first.
    stream: Vec<Event>,
}

impl Stage {
    fn set(schedule: Schedule) -> Self {
        let mut stage = Self {
            show: Show::default(),
            stream: Vec::new(),
        };
        stage
            .run(&Command::Schedule(Box::new(schedule)), at(-100))
            .expect("a good schedule");
        stage
    }

    fn open() -> Self {
        Self::set(schedule())
    }

    /// Decides and folds; what is due is recorded first. Answers the events of the command alone.
    fn run(&mut self, command: &Command, now: Timestamp) -> Result<Vec<Event>, Error> {
        let due = self.show.due(now);
        self.fold(&due);
        let events = self.show.decide(command, now)?;
        self.fold(&events);
        Ok(events)
    }

    fn fold(&mut self, events: &[Event]) {
        for event in events {
            self.show.evolve(&stored(event));
        }
        self.stream.extend_from_slice(events);
    }

    fn hold(&mut self, r: u128, who: u128, seats: &[&str], now: i64) -> Result<Vec<Event>, Error> {
        self.run(&hold(r, who, named(seats)), at(now))
    }

    fn confirm(&mut self, r: u128, p: u128, amount: Points, now: i64) -> Result<Vec<Event>, Error> {
        self.run(&confirm(r, p, amount), at(now))
    }

    fn block(&mut self, seats: &[&str]) {
        let command = Command::Block {
            organizer_id: organizer(),
            seats: guids(seats),
            reason: "Camera".to_owned(),
        };
        self.run(&command, at(0)).expect("free seats");
    }

    fn cancel(&mut self, now: i64) {
        let command = Command::CancelShow {
            organizer_id: organizer(),
            reason: "Storm".to_owned(),
        };
        self.run(&command, at(now)).expect("a live show");
    }

    /// Available, held, sold, blocked.
    fn counts(&self) -> [u32; 4] {
        let counts = self.show.counts();
        [counts.available, counts.held, counts.sold, counts.blocked]
    }
}

fn guids(seats: &[&str]) -> Vec<String> {
    seats.iter().map(|seat| (*seat).to_owned()).collect()
}

fn named(seats: &[&str]) -> Selection {
    Selection::Seats(guids(seats))
}

fn best(category: &str, quantity: u32, adjacent: bool) -> Selection {
    Selection::BestAvailable {
        category: category.to_owned(),
        quantity,
        adjacent,
    }
}

fn standing(quantity: u32) -> Selection {
    Selection::Standing {
        category: "Standing".to_owned(),
        quantity,
    }
}

fn hold(r: u128, who: u128, selection: Selection) -> Command {
    Command::Hold {
        reservation_id: id(r),
        customer_id: id(who),
        selection,
        pass: None,
    }
}

fn release(r: u128, who: u128) -> Command {
    Command::Release {
        reservation_id: id(r),
        customer_id: id(who),
    }
}

fn extend(r: u128, who: u128) -> Command {
    Command::Extend {
        reservation_id: id(r),
        customer_id: id(who),
    }
}

fn confirm(r: u128, p: u128, amount: Points) -> Command {
    Command::Confirm {
        reservation_id: id(r),
        payment_id: id(p),
        amount,
    }
}

fn abandon(r: u128, p: u128) -> Command {
    Command::Abandon {
        reservation_id: id(r),
        payment_id: id(p),
        code: "hold_expired".to_owned(),
    }
}

fn cancel_reservation(r: u128, p: u128) -> Command {
    Command::CancelReservation {
        reservation_id: id(r),
        payment_id: id(p),
    }
}

fn places(seats: &[&str]) -> Places {
    Places {
        seats: guids(seats),
        standing: None,
    }
}

fn held_seat(row: &str, number: &str, category: &str, price: Points) -> HeldSeat {
    HeldSeat {
        seat_guid: format!("{row}-{number}"),
        zone: "Hall".to_owned(),
        row: row.to_owned(),
        number: number.to_owned(),
        category: category.to_owned(),
        price,
    }
}

/// The seats of the only `SeatsHeld` among `events`.
fn seats_of(events: &[Event]) -> Vec<&str> {
    let mut found = events.iter().filter_map(|event| match event {
        Event::SeatsHeld { seats, .. } => Some(seats),
        _ => None,
    });
    let seats = found.next().expect("something was held");
    assert_eq!(found.next(), None);
    seats.iter().map(|seat| seat.seat_guid.as_str()).collect()
}

fn limit(owned: u32, asked: u32) -> Error {
    Error::PurchaseLimitExceeded {
        limit: 4,
        owned,
        asked,
    }
}

/// Seats that are not free, each with the sequence of the event that took it.
fn unavailable(seats: &[(&str, u64)], alternatives: &[&str]) -> Error {
    Error::SeatsUnavailable {
        seats: taken(seats),
        alternatives: guids(alternatives),
    }
}

fn taken(seats: &[(&str, u64)]) -> Vec<TakenSeat> {
    let taken = seats.iter().map(|(seat, sequence)| TakenSeat {
        seat_guid: (*seat).to_owned(),
        sequence: *sequence,
    });
    taken.collect()
}

fn expired_at(seconds: i64, seats: &[(&str, u64)]) -> Error {
    Error::HoldExpired {
        expired_at: at(seconds),
        seats: taken(seats),
    }
}

fn reservation(r: u128) -> ReservationId {
    id(r)
}

fn customer(who: u128) -> CustomerId {
    id(who)
}
