//! Tests of the seat map.

use std::collections::BTreeMap;

use domain::{
    ids::{CustomerId, OrganizerId, PaymentId, ReservationId},
    seating::{Point, Row, Seat, StandingArea, ZonePart},
    show::event::{HeldSeat, HeldStanding, StandingPlaces},
    time::Timestamp,
};
use proptest::prelude::*;

use super::*;

fn scheduled() -> Event {
    Event::ShowScheduled {
        organizer_id: OrganizerId::default(),
        concert_id: domain::ids::ConcertId::default(),
        venue_id: domain::ids::VenueId::default(),
        starts_at: Timestamp::default(),
        on_sale_at: Timestamp::default(),
        off_sale_at: None,
        prices: BTreeMap::from([
            ("Front".to_owned(), 200),
            ("Back".to_owned(), 100),
            ("Floor".to_owned(), 50),
        ]),
        categories: vec!["Front".to_owned(), "Back".to_owned()],
        focus: Point::default(),
        seats: 0,
        standing_capacity: 0,
        hold_seconds: 300,
        max_seats_per_customer: 4,
        no_stranded_seats: false,
        waiting_room: None,
    }
}

fn listed(zone_index: u16, part: u16, continued: bool, rows: &[(&str, &[&str])]) -> Event {
    let seat = |guid: &&str| {
        let category = zone_index.min(1);
        Seat((*guid).to_owned(), format!("no {guid}"), category, 10, -10)
    };
    let rows = rows.iter().map(|(row, seats)| Row {
        row: (*row).to_owned(),
        seats: seats.iter().map(seat).collect(),
    });
    Event::SeatsListed {
        organizer_id: OrganizerId::default(),
        zone: ZonePart {
            zone: format!("zone {zone_index}"),
            zone_index,
            part,
            rows: rows.collect(),
            continued,
        },
    }
}

fn standing(capacity: u32) -> Event {
    Event::StandingListed {
        organizer_id: OrganizerId::default(),
        area: StandingArea {
            name: "The floor".to_owned(),
            category: "Floor".to_owned(),
            capacity,
        },
    }
}

fn map_of(events: &[Event]) -> SeatMap {
    let mut map = SeatMap::new(ShowId::default());
    for (event, position) in events.iter().zip(1..) {
        map.apply(event, position);
    }
    map
}

/// Ids that do not sort in plan order; a row cut in two; two zones.
fn small_hall() -> SeatMap {
    map_of(&[
        scheduled(),
        listed(0, 0, false, &[("A", &["z", "y"]), ("B", &["m"])]),
        listed(0, 1, true, &[("B", &["b"]), ("C", &["x"])]),
        listed(1, 0, false, &[("A", &["a", "n"])]),
        standing(10),
    ])
}

fn held(guids: &[&str], standing: u32) -> Event {
    let seat = |guid: &&str| HeldSeat {
        seat_guid: (*guid).to_owned(),
        zone: String::new(),
        row: String::new(),
        number: String::new(),
        category: String::new(),
        price: 0,
    };
    Event::SeatsHeld {
        organizer_id: OrganizerId::default(),
        reservation_id: ReservationId::default(),
        customer_id: CustomerId::default(),
        seats: guids.iter().map(seat).collect(),
        standing: (standing > 0).then(|| HeldStanding {
            name: "The floor".to_owned(),
            category: "Floor".to_owned(),
            quantity: standing,
            price: 50,
        }),
        amount: 0,
        expires_at: Timestamp::default(),
        pass: None,
    }
}

fn places(guids: &[&str], standing: u32) -> Places {
    Places {
        seats: guids.iter().map(|guid| (*guid).to_owned()).collect(),
        standing: (standing > 0).then(|| StandingPlaces {
            category: "Floor".to_owned(),
            quantity: standing,
        }),
    }
}

fn expired(places: Places) -> Event {
    Event::HoldExpired {
        organizer_id: OrganizerId::default(),
        reservation_id: ReservationId::default(),
        customer_id: CustomerId::default(),
        expired_at: Timestamp::default(),
        places,
    }
}

fn confirmed(places: Places, retaken: bool) -> Event {
    Event::ReservationConfirmed {
        organizer_id: OrganizerId::default(),
        reservation_id: ReservationId::default(),
        customer_id: CustomerId::default(),
        payment_id: PaymentId::default(),
        amount: 0,
        retaken,
        places,
    }
}

fn cancelled(places: Places) -> Event {
    Event::ReservationCancelled {
        organizer_id: OrganizerId::default(),
        reservation_id: ReservationId::default(),
        customer_id: CustomerId::default(),
        payment_id: PaymentId::default(),
        reason: "refund".to_owned(),
        places,
    }
}

#[test]
fn seats_stand_in_the_order_in_which_they_were_listed() {
    let map = small_hall();
    let seats: Vec<_> = map
        .seats()
        .map(|s| {
            (
                s.seat.seat_guid,
                s.seat.zone,
                s.seat.row,
                s.seat.category,
                s.seat.price,
            )
        })
        .collect();
    let front = |guid, row| (guid, "zone 0", row, "Front", 200);
    let back = |guid, row| (guid, "zone 1", row, "Back", 100);
    let expected = [
        front("z", "A"),
        front("y", "A"),
        front("m", "B"),
        front("b", "B"),
        front("x", "C"),
        back("a", "A"),
        back("n", "A"),
    ];
    assert_eq!(seats, expected);
    let first = map.seat(0).unwrap().seat;
    assert_eq!((first.number, first.x, first.y), ("no z", 10, -10));
    for (place, seat) in seats.iter().enumerate() {
        assert_eq!(map.plan().find(seat.0), Some(place));
    }
    assert_eq!(map.plan().find("nowhere"), None);
    assert_eq!(map.seat(7), None);
}

#[test]
fn each_event_leaves_its_letters() {
    let mut map = small_hall();
    let (organizer_id, reason) = (OrganizerId::default(), String::new());
    let seats = vec!["z".to_owned()];
    let blocked = Event::SeatsBlocked {
        organizer_id,
        seats: seats.clone(),
        reason: reason.clone(),
    };
    let unblocked = Event::SeatsUnblocked {
        organizer_id,
        seats,
        reason,
    };
    let steps = [
        (held(&["a", "m"], 0), "aahaaha"),
        (blocked, "bahaaha"),
        (confirmed(places(&["a"], 0), false), "bahaasa"),
        (expired(places(&["m"], 0)), "baaaasa"),
        (confirmed(places(&["m"], 0), true), "basaasa"),
        (cancelled(places(&["a"], 0)), "basaaaa"),
        (unblocked, "aasaaaa"),
    ];
    for (position, (event, letters)) in (10..).zip(steps) {
        assert!(map.apply(&event, position).is_some(), "{event:?}");
        assert_eq!(map.statuses(), letters, "{event:?}");
        assert_eq!(map.position(), position);
    }
}

#[test]
fn standing_places_are_counted() {
    let mut map = small_hall();
    let steps = [
        (held(&[], 4), [6, 4, 0]),
        (held(&[], 3), [3, 7, 0]),
        (confirmed(places(&[], 4), false), [3, 3, 4]),
        (expired(places(&[], 3)), [6, 0, 4]),
        (confirmed(places(&[], 3), true), [3, 0, 7]),
        (cancelled(places(&[], 4)), [7, 0, 3]),
    ];
    for (position, (event, [available, held, sold])) in (10..).zip(steps) {
        let delta = map.apply(&event, position).unwrap();
        assert_eq!(delta.standing, [(0, available)]);
        let counts = map.counts();
        assert_eq!((counts.held, counts.sold), (held, sold), "{event:?}");
        assert_eq!(counts.capacity, 17);
        let left: Vec<_> = counts
            .categories
            .iter()
            .map(|c| (&*c.name, c.available))
            .collect();
        assert_eq!(left, [("Front", 5), ("Back", 2), ("Floor", available)]);
    }
}

#[test]
fn deltas_say_how_things_stand() {
    let mut map = small_hall();
    let delta = map.apply(&held(&["b", "a"], 2), 9).unwrap();
    let expected = Delta {
        position: 9,
        seats: vec![(3, SeatStatus::Held), (5, SeatStatus::Held)],
        standing: vec![(0, 8)],
        plan_changed: false,
    };
    assert_eq!(delta, expected);
    let extended = Event::HoldExtended {
        organizer_id: OrganizerId::default(),
        reservation_id: ReservationId::default(),
        customer_id: CustomerId::default(),
        expires_at: Timestamp::default(),
    };
    assert_eq!(map.apply(&extended, 10), None);
    assert_eq!(map.position(), 9);
    assert!(map.apply(&standing(1), 11).unwrap().plan_changed);
}

#[test]
fn what_was_seen_is_passed_over() {
    let mut map = small_hall();
    map.apply(&held(&["b"], 2), 9);
    let before = map.clone();
    assert_eq!(map.apply(&held(&["b"], 2), 9), None);
    assert_eq!(map.apply(&expired(places(&["b"], 2)), 8), None);
    assert_eq!(map, before);
}

#[test]
fn a_map_comes_back_from_its_rows() {
    let mut map = small_hall();
    map.apply(&held(&["b", "a"], 2), 9);
    let (plan, statuses) = (map.plan_json().unwrap(), map.statuses_json().unwrap());
    let mut back = SeatMap::from_json(&plan, &statuses).unwrap();
    assert_eq!(back, map);
    let sold = confirmed(places(&["b", "a"], 2), false);
    assert_eq!(back.apply(&sold, 10), map.apply(&sold, 10));
    // A plan that is still growing goes on where it was.
    let more = listed(1, 1, true, &[("A", &["o"])]);
    assert_eq!(back.apply(&more, 11), map.apply(&more, 11));
    assert_eq!(back, map);
    assert_eq!(map.seat(7).unwrap().seat.row, "A");
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let map = small_hall();
    let (plan, statuses) = (map.plan_json().unwrap(), map.statuses_json().unwrap());
    for damaged in [
        statuses.replace("aaaaaaa", "aaaaaa"),
        statuses.replace("aaaaaaa", "aaaaaax"),
        statuses.replace("[{\"held\":0,\"sold\":0}]", "[]"),
        statuses.replace("aaaaaaa", "aaaaaa\""),
    ] {
        assert_ne!(damaged, statuses);
        let refused = SeatMap::from_json(&plan, &damaged);
        assert!(
            matches!(refused, Err(crate::Error::Corrupt(_))),
            "{damaged}"
        );
    }
}

#[test]
fn the_largest_hall_is_held_whole() {
    let guids: Vec<String> = (0..50_000)
        .map(|n| format!("seat-{}", n * 7_919 % 50_000))
        .collect();
    let mut events = vec![scheduled()];
    for (part, seats) in (0..).zip(guids.chunks(2_000)) {
        let seats: Vec<&str> = seats.iter().map(String::as_str).collect();
        events.push(listed(0, part, false, &[("A", &seats)]));
    }
    let mut map = map_of(&events);
    for (n, guid) in guids.iter().enumerate().step_by(97) {
        assert_eq!(map.plan().find(guid), Some(n));
        map.apply(&held(&[guid], 0), 1_000 + n as u64);
    }
    let counts = map.counts();
    assert_eq!((counts.capacity, counts.held), (50_000, 516));
}

proptest! {
    #[test]
    fn deltas_applied_to_a_copy_give_the_map(steps in prop::collection::vec((0_u8..4, 0_usize..7, 0_u32..3), 0..60)) {
        let mut map = small_hall();
        let mut letters = map.statuses().as_bytes().to_vec();
        let mut free = 10;
        let guids: Vec<String> = map.seats().map(|s| s.seat.seat_guid.to_owned()).collect();
        for (position, (what, seat, quantity)) in (10..).zip(steps) {
            let guid = [guids[seat].as_str()];
            let event = match what {
                0 => held(&guid, quantity),
                1 => expired(places(&guid, quantity)),
                2 => confirmed(places(&guid, quantity), false),
                _ => cancelled(places(&guid, quantity)),
            };
            if let Some(delta) = map.apply(&event, position) {
                for (place, status) in delta.seats {
                    letters[place as usize] = status.letter();
                }
                free = delta.standing.last().map_or(free, |(_, left)| *left);
            }
            prop_assert_eq!(map.statuses().as_bytes(), &letters[..]);
            prop_assert_eq!(map.standing().next().unwrap().available, free);
        }
    }
}
