//! Rows to write and to read again.

use std::collections::BTreeMap;

use chrono::DateTime;
use domain::{
    drop::{DrawMode, Lot, Status},
    ids::{
        ChargeId, ConcertId, CustomerId, OrganizerId, PaymentId, ReservationId, ShowId, VenueId,
    },
    seating::{Point, Row, Seat, StandingArea, ZonePart},
    show::{
        Event,
        event::{HeldSeat, HeldStanding},
    },
    time::Timestamp,
};
use uuid::Uuid;

use crate::{
    Checkpoint, ProjectionId, Rows, SeatMap,
    tables::{
        Account, Concert, Drop, DropEntry, Payment, PaymentStatus, Reservation, ReservationStatus,
        Saga, SagaState, Show, Transaction, TransactionKind,
    },
};

/// The n-th id of any kind; ids sort like their numbers.
pub(crate) fn id<T: From<Uuid>>(n: u64) -> T {
    T::from(Uuid::from_u64_pair(0x0190_0000_0000_7000, (1 << 63) | n))
}

/// The n-th second.
pub(crate) fn at(n: u64) -> Timestamp {
    let seconds = 1_800_000_000 + i64::try_from(n).unwrap_or(i64::MAX / 2);
    DateTime::from_timestamp(seconds, 123_456_000).unwrap_or_default()
}

/// The checkpoint of a projection in partition 0.
pub(crate) fn checkpoint(projection: ProjectionId, position: u64) -> Checkpoint {
    Checkpoint {
        epoch: u64::from(position > 0),
        position,
        offset: i64::try_from(position).unwrap_or(i64::MAX),
        ..Checkpoint::start(projection, 1, 0)
    }
}

pub(crate) fn concert(n: u64) -> Concert {
    Concert {
        concert_id: id(n),
        organizer_id: id(1),
        title: format!("Concert \"{n}\" \u{1f3b8} \\ \n"),
        artist: "Ärtist".to_owned(),
        description: n.is_multiple_of(2).then(|| "text".to_owned()),
        announced_at: at(n),
        position: n,
    }
}

pub(crate) fn show(n: u64, concert: u64, starts_at: u64) -> Show {
    Show {
        show_id: id::<ShowId>(n),
        organizer_id: id::<OrganizerId>(1),
        concert_id: id::<ConcertId>(concert),
        venue_id: id::<VenueId>(1),
        starts_at: at(starts_at),
        on_sale_at: at(1),
        off_sale_at: None,
        hold_seconds: 300,
        max_seats_per_customer: 4,
        no_stranded_seats: false,
        cancelled_at: Some(at(9)),
        cancel_reason: Some("rain".to_owned()),
        position: n,
    }
}

/// A map of three seats and ten standing places, its plan from positions 1 to 3, with a hold at `position`.
pub(crate) fn seat_map(show: u64, position: u64) -> SeatMap {
    let mut map = SeatMap::new(id(show));
    for (event, position) in listing().iter().zip(1..) {
        map.apply(event, position);
    }
    map.apply(&hold(), position);
    map
}

fn listing() -> [Event; 3] {
    let seat = |n: u8| Seat(format!("A-{n}"), n.to_string(), 0, i64::from(n) * 100, -50);
    let organizer_id = id(1);
    [
        Event::ShowScheduled {
            organizer_id,
            concert_id: id(1),
            venue_id: id(1),
            starts_at: at(1),
            on_sale_at: at(0),
            off_sale_at: None,
            prices: BTreeMap::from([("Seats".to_owned(), 100), ("Floor".to_owned(), 50)]),
            categories: vec!["Seats".to_owned()],
            focus: Point::default(),
            seats: 3,
            standing_capacity: 10,
            hold_seconds: 300,
            max_seats_per_customer: 4,
            no_stranded_seats: false,
            waiting_room: None,
        },
        Event::SeatsListed {
            organizer_id,
            zone: ZonePart {
                zone: "Stalls".to_owned(),
                zone_index: 0,
                part: 0,
                rows: vec![Row {
                    row: "A".to_owned(),
                    seats: vec![seat(1), seat(2), seat(3)],
                }],
                continued: false,
            },
        },
        Event::StandingListed {
            organizer_id,
            area: StandingArea {
                name: "Floor".to_owned(),
                category: "Floor".to_owned(),
                capacity: 10,
            },
        },
    ]
}

fn hold() -> Event {
    Event::SeatsHeld {
        organizer_id: id(1),
        reservation_id: id(1),
        customer_id: id(1),
        seats: vec![held_seat()],
        standing: Some(held_standing()),
        amount: 200,
        expires_at: at(300),
        pass: None,
    }
}

fn held_seat() -> HeldSeat {
    HeldSeat {
        seat_guid: "A-2".to_owned(),
        zone: "Stalls".to_owned(),
        row: "A".to_owned(),
        number: "2".to_owned(),
        category: "Seats".to_owned(),
        price: 100,
    }
}

fn held_standing() -> HeldStanding {
    HeldStanding {
        name: "Floor".to_owned(),
        category: "Floor".to_owned(),
        quantity: 2,
        price: 50,
    }
}

pub(crate) fn reservation(n: u64, customer: u64) -> Reservation {
    Reservation {
        reservation_id: id::<ReservationId>(n),
        show_id: id(1),
        customer_id: id(customer),
        organizer_id: id(1),
        status: ReservationStatus::Confirmed,
        seats: vec![held_seat()],
        standing: Some(held_standing()),
        amount: 200,
        expires_at: at(300),
        payment_id: Some(id(n)),
        held_at: at(n),
        position: n,
    }
}

pub(crate) fn payment(n: u64, customer: u64) -> Payment {
    Payment {
        payment_id: id::<PaymentId>(n),
        reservation_id: id(n),
        show_id: id(1),
        customer_id: id(customer),
        organizer_id: id(1),
        status: PaymentStatus::Failed,
        amount: 200,
        method: "points".to_owned(),
        balance: Some(i64::MAX),
        code: Some("hold_expired".to_owned()),
        refunded: true,
        refund_requested: false,
        requested_at: at(n),
        updated_at: at(n + 1),
        position: n,
    }
}

pub(crate) fn account(customer: u64, position: u64) -> Account {
    Account {
        customer_id: id::<CustomerId>(customer),
        balance: 0,
        position,
    }
}

pub(crate) fn transaction(position: u64, customer: u64) -> Transaction {
    Transaction {
        position,
        customer_id: id(customer),
        kind: TransactionKind::Charge,
        amount: 7,
        balance_after: 7,
        charge_id: Some(id::<ChargeId>(position)),
        payment_id: None,
        at: at(position),
    }
}

pub(crate) fn saga(n: u64, state: SagaState) -> Saga {
    Saga {
        payment_id: id(n),
        reservation_id: id(n),
        show_id: id(1),
        customer_id: id(1),
        state,
        refund_requested: false,
        since: at(n),
        updated: at(n),
        position: n,
    }
}

pub(crate) fn fair_drop(n: u64) -> Drop {
    Drop {
        drop_id: id(n),
        organizer_id: id(1),
        title: format!("drop {n}"),
        stock: 2,
        win_probability: "0.05".to_owned(),
        price: 35,
        opens_at: at(n),
        closes_at: at(n + 1),
        draw: DrawMode::AtClose,
        commitment: "c0".to_owned(),
        beacon: None,
        beacon_value: None,
        beacon_signature: None,
        beacon_at: None,
        beacon_in_hand: false,
        show_id: None,
        close_reason: None,
        closed_at: None,
        root: None,
        sealed_at: None,
        entries: 2,
        drawn: 0,
        winning: 0,
        stock_left: 2,
        paid: 0,
        forfeited: 0,
        secret: None,
        position: n,
    }
}

/// Of drop 1, at the place `n`.
pub(crate) fn drop_entry(n: u64) -> DropEntry {
    DropEntry {
        entry_id: id(n),
        drop_id: id(1),
        customer_id: id(n),
        number: u32::try_from(n).unwrap_or_default(),
        status: Status::Won,
        lot: Some(Lot(n)),
        place: Some(1),
        code: None,
        entered_at: at(n),
        updated_at: at(n),
        position: n,
    }
}

/// Two rows in each table.
pub(crate) fn rows() -> Rows {
    let mut rows = Rows::default();
    for n in [11, 12] {
        rows.concerts.insert(id(n), concert(n));
        rows.shows.insert(id(n), show(n, 11, n));
        rows.seat_maps.insert(id(n), seat_map(n, n));
        rows.reservations.insert(id(n), reservation(n, 1));
        rows.payments.insert(id(n), payment(n, 1));
        rows.accounts.insert(id(n), account(n, n));
        rows.transactions.insert(n, transaction(n, 1));
        rows.sagas.insert(id(n), saga(n, SagaState::Running));
        rows.drops.insert(id(n), fair_drop(n));
        rows.drop_entries.insert(id(n), drop_entry(n));
    }
    rows
}
