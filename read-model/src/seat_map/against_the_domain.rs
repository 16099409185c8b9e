//! That a map shows what the show itself decides: after any commands, both count the same places.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use domain::{
    Aggregate,
    ids::{ConcertId, OrganizerId, PaymentId, ReservationId, ShowId, VenueId},
    seating::{Point, Row, Seat, StandingArea, ZonePart},
    show::{Command, Selection, Show, command::Schedule},
    time::Timestamp,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::SeatMap;

const SEATS: u8 = 8;

fn id<T: From<Uuid>>(n: u64) -> T {
    T::from(Uuid::from_u64_pair(0x0190_0000_0000_7000, (1 << 63) | n))
}

fn at(second: i64) -> Timestamp {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

fn schedule() -> Command {
    let seat = |n: u8| {
        Seat(
            format!("s{n}"),
            n.to_string(),
            u16::from(n % 2),
            i64::from(n),
            0,
        )
    };
    Command::Schedule(Box::new(Schedule {
        organizer_id: id::<OrganizerId>(1),
        concert_id: id::<ConcertId>(1),
        venue_id: id::<VenueId>(1),
        starts_at: at(1_000_000),
        on_sale_at: at(0),
        off_sale_at: None,
        prices: BTreeMap::from(["Even", "Odd", "Floor"].map(|name| (name.to_owned(), 10))),
        hold_seconds: 60,
        max_seats_per_customer: 4,
        no_stranded_seats: false,
        waiting_room: None,
        categories: vec!["Even".to_owned(), "Odd".to_owned()],
        focus: Point::default(),
        zones: vec![ZonePart {
            zone: "Stalls".to_owned(),
            zone_index: 0,
            part: 0,
            rows: vec![Row {
                row: "A".to_owned(),
                seats: (0..SEATS).map(seat).collect(),
            }],
            continued: false,
        }],
        standing: vec![StandingArea {
            name: "Floor".to_owned(),
            category: "Floor".to_owned(),
            capacity: 6,
        }],
    }))
}

/// A command that `what` and `which` name; it may well be refused. `made` are the reservations that were ever asked for.
fn command(show: &Show, what: u8, which: u8, made: &mut Vec<ReservationId>) -> Command {
    let any = made.get(usize::from(which) % made.len().max(1));
    let reservation_id = any.copied().unwrap_or_default();
    let payment_id = PaymentId(reservation_id.0);
    let known = show.reservation(reservation_id);
    let owner = known.as_ref().map(|known| known.customer_id);
    let amount = known.map(|known| known.amount).unwrap_or_default();
    let next = id(made.len() as u64 + 1);
    let seats = |n: u8| {
        (0..n)
            .map(|k| format!("s{}", (which % SEATS + k) % SEATS))
            .collect()
    };
    let hold = |selection| Command::Hold {
        reservation_id: next,
        customer_id: id(u64::from(which % 7)),
        selection,
        pass: None,
    };
    let (organizer_id, reason) = (id(1), "house".to_owned());
    if what % 12 < 5 {
        made.push(next);
    }
    match what % 12 {
        0..=2 => hold(Selection::Seats(seats(1 + which % 3))),
        3 => hold(Selection::Standing {
            category: "Floor".to_owned(),
            quantity: u32::from(1 + which % 3),
        }),
        4 => hold(Selection::BestAvailable {
            category: "Even".to_owned(),
            quantity: 2,
            adjacent: false,
        }),
        5 => Command::Release {
            reservation_id,
            customer_id: owner.unwrap_or_default(),
        },
        6 | 7 => Command::Confirm {
            reservation_id,
            payment_id,
            amount,
        },
        8 => Command::CancelReservation {
            reservation_id,
            payment_id,
        },
        9 => Command::Block {
            organizer_id,
            seats: seats(1),
            reason,
        },
        10 => Command::Unblock {
            organizer_id,
            seats: seats(1),
            reason,
        },
        _ => Command::WindUp { limit: 2 },
    }
}

proptest! {
    #[test]
    fn map_and_show_count_the_same_places(
        steps in prop::collection::vec((any::<u8>(), any::<u8>(), 0_i64..40), 1..80),
        cancel in prop::option::of(20_usize..80),
    ) {
        let mut show = Show::default();
        let mut map = SeatMap::new(id::<ShowId>(1));
        let (mut now, mut made, mut position) = (at(0), Vec::new(), 0);
        let called_off = Command::CancelShow { organizer_id: id(1), reason: "rain".to_owned() };
        for step in 0..=steps.len() {
            let command = match step.checked_sub(1).map(|n| steps[n]) {
                None => schedule(),
                Some(_) if cancel == Some(step) => called_off.clone(),
                Some((what, which, wait)) => {
                    now += TimeDelta::seconds(wait);
                    command(&show, what, which, &mut made)
                }
            };
            let mut events = show.due(now);
            for event in &events {
                show.evolve(event);
            }
            let decided = show.decide(&command, now).unwrap_or_default();
            for event in &decided {
                show.evolve(event);
            }
            events.extend(decided);
            for event in events {
                position += 1;
                map.apply(&event, position);
            }
            let (counted, decided) = (map.counts(), show.counts());
            prop_assert_eq!(
                (counted.available, counted.held, counted.sold, counted.blocked),
                (decided.available, decided.held, decided.sold, decided.blocked)
            );
            prop_assert_eq!(counted.capacity, show.capacity());
        }
        prop_assert_eq!(map.counts().capacity, 14);
    }
}
