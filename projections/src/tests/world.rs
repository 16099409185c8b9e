//! Makes logs: plausible events, one after another, of a small world of concerts, shows and customers.

mod money;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use domain::{
    concert, customer,
    ids::{CustomerId, PaymentId, ReservationId, ShowId},
    payment,
    points::Points,
    seating::{Point, Row, Seat, StandingArea, ZonePart},
    show::{
        self,
        event::{HeldSeat, HeldStanding, Places, StandingPlaces},
    },
    time::Timestamp,
    venue,
};
use event_store::{Position, RecordedEvent, StreamId};
use serde::Serialize;
use uuid::Uuid;

/// Seats of each row of a show.
const SEATS: usize = 6;

/// The n-th id of any kind.
pub(crate) fn id<T: From<Uuid>>(n: u64) -> T {
    T::from(Uuid::from_u64_pair(0x0190_0000_0000_7000, (1 << 63) | n))
}

/// The instant at which the event at a position is recorded.
pub(crate) fn recorded_at(position: u64) -> Timestamp {
    let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    start + TimeDelta::milliseconds(i64::try_from(position).unwrap())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Held,
    Confirmed(PaymentId),
    Gone,
}

#[derive(Debug, Clone)]
struct Reservation {
    id: ReservationId,
    show: ShowId,
    customer: CustomerId,
    places: Places,
    amount: Points,
    state: State,
}

/// A log in the making.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) events: Vec<RecordedEvent>,
    next_id: u64,
    shows: Vec<(ShowId, Vec<Option<ReservationId>>)>,
    reservations: Vec<Reservation>,
    balances: BTreeMap<CustomerId, Points>,
}

impl World {
    /// The world after `decisions`, any bytes: each makes something happen that can happen.
    pub(crate) fn of(decisions: &[(u8, u8)]) -> Self {
        let mut world = Self::default();
        world.schedule();
        for (what, which) in decisions {
            world.happen(*what, usize::from(*which));
        }
        world
    }

    fn happen(&mut self, what: u8, which: usize) {
        match what % 14 {
            0 => self.announce(),
            1 => {
                self.schedule();
            }
            2..=4 => self.hold(which),
            5 => self.extend(which),
            6 => self.release(which),
            7 => self.expire(which),
            8 => self.pay(which),
            9 => self.fail_to_pay(which),
            10 => self.refund(which),
            11 => self.block(which),
            12 => {
                self.charge(which);
            }
            _ => self.bystand(which),
        }
    }

    /// Records one event.
    pub(crate) fn record<E: Serialize + cqrs_es::DomainEvent>(
        &mut self,
        aggregate_type: &str,
        aggregate_id: Uuid,
        routing_key: Uuid,
        event: &E,
    ) {
        let position = self.events.len() as u64 + 1;
        self.events.push(RecordedEvent {
            position: Position(position),
            shard: 0,
            epoch: 1,
            stream: StreamId::new(aggregate_type, aggregate_id.to_string()),
            sequence: 1,
            event_id: id(position),
            command_id: id(position),
            routing_key: routing_key.to_string(),
            event_type: event.event_type(),
            event_version: event.event_version(),
            payload: serde_json::to_string(event).unwrap(),
            metadata: "{}".to_owned(),
            recorded_at: recorded_at(position),
        });
    }

    pub(crate) fn fresh<T: From<Uuid>>(&mut self) -> T {
        self.next_id += 1;
        id(self.next_id)
    }

    pub(crate) fn show(&mut self, show: ShowId, event: &show::Event) {
        self.record("show", show.0, show.0, event);
    }

    pub(crate) fn payment(&mut self, payment: PaymentId, show: ShowId, event: &payment::Event) {
        self.record("payment", payment.0, show.0, event);
    }

    pub(crate) fn announce(&mut self) {
        let concert: Uuid = self.fresh();
        let organizer_id = id(1);
        let announced = concert::Event::ConcertAnnounced {
            organizer_id,
            title: "Title".to_owned(),
            artist: "Artist".to_owned(),
            description: None,
        };
        self.record("concert", concert, concert, &announced);
        let revised = concert::Event::ConcertRevised {
            organizer_id,
            title: "Other title".to_owned(),
            artist: "Artist".to_owned(),
            description: Some("Text".to_owned()),
        };
        self.record("concert", concert, concert, &revised);
    }

    /// A show of two rows, in two parts, and a standing area of 20 places.
    pub(crate) fn schedule(&mut self) -> ShowId {
        let show: ShowId = self.fresh();
        let organizer_id = id(1);
        let scheduled = show::Event::ShowScheduled {
            organizer_id,
            concert_id: id(1),
            venue_id: id(1),
            starts_at: recorded_at(1_000_000),
            on_sale_at: recorded_at(10),
            off_sale_at: Some(recorded_at(900_000)),
            prices: BTreeMap::from([("Seats".to_owned(), 100), ("Floor".to_owned(), 50)]),
            categories: vec!["Seats".to_owned()],
            focus: Point::default(),
            seats: 2 * u32::try_from(SEATS).unwrap(),
            standing_capacity: 20,
            hold_seconds: 300,
            max_seats_per_customer: 4,
            no_stranded_seats: false,
            waiting_room: None,
        };
        self.show(show, &scheduled);
        for part in 0..2_u16 {
            let seat = |n: usize| {
                let number = n.to_string();
                Seat(format!("{part}-{n}"), number, 0, 100, i64::from(part))
            };
            let zone = ZonePart {
                zone: "Stalls".to_owned(),
                zone_index: 0,
                part,
                rows: vec![Row {
                    row: part.to_string(),
                    seats: (0..SEATS).map(seat).collect(),
                }],
                continued: false,
            };
            self.show(show, &show::Event::SeatsListed { organizer_id, zone });
        }
        let area = StandingArea {
            name: "Arena floor".to_owned(),
            category: "Floor".to_owned(),
            capacity: 20,
        };
        self.show(show, &show::Event::StandingListed { organizer_id, area });
        self.shows.push((show, vec![None; 2 * SEATS]));
        show
    }

    /// Holds one seat, or standing places where `which` says so.
    pub(crate) fn hold(&mut self, which: usize) {
        let shows = self.shows.len();
        let reservation_id = self.fresh();
        let (show, seats) = &mut self.shows[which % shows];
        let show = *show;
        let free = seats.iter().position(Option::is_none);
        let customer = id(100 + which as u64 % 3);
        let (held, standing) = match free {
            Some(seat) if !which.is_multiple_of(4) => {
                seats[seat] = Some(reservation_id);
                (vec![held_seat(seat)], None)
            }
            Some(_) | None => (vec![], Some(held_standing())),
        };
        let places = Places {
            seats: held.iter().map(|seat| seat.seat_guid.clone()).collect(),
            standing: standing.as_ref().map(|s| StandingPlaces {
                category: s.category.clone(),
                quantity: s.quantity,
            }),
        };
        let taken = self
            .reservations
            .iter()
            .filter(|r| r.show == show && r.places.standing.is_some() && r.state != State::Gone);
        if standing.is_some() && taken.count() >= 10 {
            return;
        }
        let event = show::Event::SeatsHeld {
            organizer_id: id(1),
            reservation_id,
            customer_id: customer,
            seats: held,
            standing,
            amount: 100,
            expires_at: recorded_at(300_000),
            pass: None,
        };
        self.show(show, &event);
        self.reservations.push(Reservation {
            id: reservation_id,
            show,
            customer,
            places,
            amount: 100,
            state: State::Held,
        });
    }

    fn pick(&self, which: usize, state: impl Fn(State) -> bool) -> Option<Reservation> {
        let mut fit: Vec<_> = self
            .reservations
            .iter()
            .filter(|r| state(r.state))
            .collect();
        if fit.is_empty() {
            return None;
        }
        Some(fit.swap_remove(which % fit.len()).clone())
    }

    fn set(&mut self, reservation: &Reservation, state: State) {
        let found = self
            .reservations
            .iter_mut()
            .find(|r| r.id == reservation.id);
        found.unwrap().state = state;
        if state == State::Gone {
            for (_, seats) in &mut self.shows {
                for seat in seats.iter_mut().filter(|s| **s == Some(reservation.id)) {
                    *seat = None;
                }
            }
        }
    }

    pub(crate) fn extend(&mut self, which: usize) {
        if let Some(held) = self.pick(which, |state| state == State::Held) {
            let event = show::Event::HoldExtended {
                organizer_id: id(1),
                reservation_id: held.id,
                customer_id: held.customer,
                expires_at: recorded_at(600_000),
            };
            self.show(held.show, &event);
        }
    }

    pub(crate) fn release(&mut self, which: usize) {
        if let Some(held) = self.pick(which, |state| state == State::Held) {
            let event = show::Event::HoldReleased {
                organizer_id: id(1),
                reservation_id: held.id,
                customer_id: held.customer,
                reason: "customer".to_owned(),
                places: held.places.clone(),
            };
            self.show(held.show, &event);
            self.set(&held, State::Gone);
        }
    }

    pub(crate) fn expire(&mut self, which: usize) {
        if let Some(held) = self.pick(which, |state| state == State::Held) {
            let event = show::Event::HoldExpired {
                organizer_id: id(1),
                reservation_id: held.id,
                customer_id: held.customer,
                expired_at: recorded_at(300_000),
                places: held.places.clone(),
            };
            self.show(held.show, &event);
            self.set(&held, State::Gone);
        }
    }

    /// Blocks a free seat, and every other time puts it back.
    pub(crate) fn block(&mut self, which: usize) {
        let shows = self.shows.len();
        let (show, seats) = &mut self.shows[which % shows];
        let Some(seat) = seats.iter().position(Option::is_none) else {
            return;
        };
        let (organizer_id, reason) = (id(1), "house".to_owned());
        let seats_of = vec![guid(seat)];
        let blocked = show::Event::SeatsBlocked {
            organizer_id,
            seats: seats_of.clone(),
            reason: reason.clone(),
        };
        let show = *show;
        if !which.is_multiple_of(2) {
            seats[seat] = Some(ReservationId::default());
        }
        self.show(show, &blocked);
        if which.is_multiple_of(2) {
            let unblocked = show::Event::SeatsUnblocked {
                organizer_id,
                seats: seats_of,
                reason,
            };
            self.show(show, &unblocked);
        }
    }

    /// What concerns no row; and, once in a while, the end of a show.
    pub(crate) fn bystand(&mut self, which: usize) {
        let customer_id = id(100 + which as u64 % 3);
        let erased = customer::Event::CustomerErased {
            customer_id,
            resume_at: None,
        };
        self.record("customer", customer_id.0, customer_id.0, &erased);
        let venue = self.fresh();
        let registered = venue::Event::StandingAreaAdded {
            organizer_id: id(1),
            area: StandingArea {
                name: "Floor".to_owned(),
                category: "Floor".to_owned(),
                capacity: 1,
            },
        };
        self.record("venue", venue, venue, &registered);
        if which.is_multiple_of(7) {
            let show = self.shows[which % self.shows.len()].0;
            self.cancel(show);
        }
    }

    pub(crate) fn cancel(&mut self, show: ShowId) {
        let event = show::Event::ShowCancelled {
            organizer_id: id(1),
            reason: "rain".to_owned(),
            cancelled_at: recorded_at(50),
        };
        self.show(show, &event);
    }

    /// The reservation made last.
    pub(crate) fn last_reservation(&self) -> ReservationId {
        self.reservations.last().unwrap().id
    }
}

fn guid(seat: usize) -> String {
    format!("{}-{}", seat / SEATS, seat % SEATS)
}

fn held_seat(seat: usize) -> HeldSeat {
    HeldSeat {
        seat_guid: guid(seat),
        zone: "Stalls".to_owned(),
        row: (seat / SEATS).to_string(),
        number: (seat % SEATS).to_string(),
        category: "Seats".to_owned(),
        price: 100,
    }
}

fn held_standing() -> HeldStanding {
    HeldStanding {
        name: "Arena floor".to_owned(),
        category: "Floor".to_owned(),
        quantity: 2,
        price: 50,
    }
}
