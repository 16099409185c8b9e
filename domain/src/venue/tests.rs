//! Given / when / then; plans are accepted whole or refused with the place that is wrong.

use serde_json::{Value, json};

use super::{
    Command, Error, Event, MAX_STANDING_AREAS, MAX_STANDING_CAPACITY, Venue,
    command::Register,
    plan::{MAX_CATEGORIES, MAX_PART_SEATS, MAX_SEATS, MAX_ZONES, SeatingPlan},
};
use crate::{
    aggregate::Aggregate,
    seating::{Point, Seat, StandingArea},
    testing::{at, given, id},
};

/// An event must stay below this.
const MAX_EVENT_BYTES: usize = 512 * 1024;

fn seat(guid: &str) -> Value {
    json!({"seat_guid": guid, "seat_number": "1", "category": "Stalls"})
}

fn row(seats: &[Value]) -> Value {
    json!({"row_number": "1", "seats": seats})
}

fn plan_of(zones: &Value) -> Value {
    json!({"size": {"width": 100, "height": 50}, "categories": [{"name": "Stalls"}], "zones": zones})
}

/// A plan of one zone with these rows.
fn plan(rows: &[Value]) -> Value {
    plan_of(&json!([{"name": "Hall", "rows": rows}]))
}

fn small() -> Value {
    plan(&[row(&[seat("a"), seat("b")])])
}

/// One row of so many seats.
fn long(seats: usize) -> Value {
    let seats: Vec<_> = (0..seats).map(|n| seat(&format!("s{n}"))).collect();
    plan(&[row(&seats)])
}

fn area(name: &str, category: &str, capacity: u32) -> StandingArea {
    StandingArea {
        name: name.to_owned(),
        category: category.to_owned(),
        capacity,
    }
}

fn register(plan: &Value, standing: Vec<StandingArea>) -> Command {
    Command::Register(Box::new(Register {
        organizer_id: id(1),
        name: "Town hall".to_owned(),
        plan: SeatingPlan::parse(plan).unwrap(),
        standing,
    }))
}

#[track_caller]
fn refuses(plan: &Value, expected_at: &str, expected_code: &str) {
    match SeatingPlan::parse(plan) {
        Err(Error::Invalid { at, code, detail }) => {
            assert_eq!(
                (at.as_str(), code),
                (expected_at, expected_code),
                "{detail}"
            );
            assert!(!detail.is_empty());
        }
        other => panic!("{other:?}"),
    }
}

/// Replaces what stands at `pointer` in a small plan.
#[track_caller]
fn with(pointer: &str, value: Value) -> Value {
    let mut plan = small();
    *plan.pointer_mut(pointer).expect("a place in the plan") = value;
    plan
}

#[test]
fn registers_once_with_its_plan() {
    let command = register(&small(), vec![area("Floor", "Standing", 10)]);
    let events = Venue::default().decide(&command, at(0)).unwrap();
    assert!(matches!(&events[..], [
        Event::VenueRegistered { seats: 2, standing_capacity: 10, size, focus, .. },
        Event::ZoneAdded { zone, .. },
        Event::StandingAreaAdded { .. },
    ] if *size == Point { x: 10_000, y: 5_000 }
        && *focus == Point { x: 5_000, y: 2_500 }
        && zone.zone == "Hall"));
    let venue: Venue = given(&events);
    assert_eq!(
        (venue.seats, venue.standing_capacity, venue.zones.len()),
        (2, 10, 1)
    );
    assert_eq!(venue.decide(&command, at(0)), Err(Error::AlreadyRegistered));
}

#[test]
fn a_seat_stands_where_zone_row_and_seat_put_it() {
    let plan = plan_of(&json!([{
        "name": "Hall", "zone_id": "h", "position": {"x": 100, "y": 20.5}, "rows": [{
            "row_number": "7", "position": {"x": 0.25, "y": -1}, "seats": [
                {"seat_guid": "g", "seat_number": "12", "category": "Stalls",
                 "position": {"x": 1.005, "y": 0}, "color": "red"},
                {"seat_guid": "h", "seat_number": "13", "category": "Stalls"},
            ],
        }],
    }]));
    let plan = SeatingPlan::parse(&plan).unwrap();
    let row = &plan.zones[0].rows[0];
    assert_eq!(row.row, "7");
    assert_eq!(
        row.seats[0],
        Seat("g".to_owned(), "12".to_owned(), 0, 10_126, 1_950)
    );
    assert_eq!(
        row.seats[1],
        Seat("h".to_owned(), "13".to_owned(), 0, 10_025, 1_950)
    );
}

#[test]
fn the_focus_may_come_beside_the_plan() {
    let plan = SeatingPlan::parse(&small()).unwrap();
    let moved = plan
        .clone()
        .with_focus(&json!({"x": 1.5, "y": -2}))
        .unwrap();
    assert_eq!(moved.focus, Point { x: 150, y: -200 });
    for (focus, place) in [
        (json!(3), "focus"),
        (json!({"x": 1}), "focus.y"),
        (json!({"x": "1", "y": 1}), "focus.x"),
    ] {
        let refusal = plan.clone().with_focus(&focus).unwrap_err();
        assert!(
            matches!(&refusal, Error::Invalid { at, .. } if at == place),
            "{refusal:?}"
        );
    }
}

#[test]
fn refuses_a_seat_whose_category_is_not_defined() {
    let mut zones = vec![json!({"name": "Hall", "rows": [row(&[seat("a")])]}); 2];
    zones[1]["rows"][0]["seats"] = json!([seat("b"), seat("c")]);
    zones[1]["rows"][0]["seats"][1]["category"] = json!("Circle");
    let place = "seating_plan.zones[1].rows[0].seats[1].category";
    refuses(&plan_of(&json!(zones)), place, "unknown_category");
}

#[test]
fn refuses_a_seat_id_that_comes_twice() {
    let place = "seating_plan.zones[0].rows[1].seats[0].seat_guid";
    let twice = plan(&[row(&[seat("a")]), row(&[seat("a")])]);
    refuses(&twice, place, "duplicate_seat");
}

#[test]
fn refuses_an_empty_plan() {
    for empty in [plan_of(&json!([])), plan(&[]), plan(&[row(&[])])] {
        refuses(&empty, "seating_plan", "empty_seating_plan");
    }
    refuses(
        &json!({}),
        "seating_plan.categories",
        "invalid_seating_plan",
    );
    refuses(&json!([]), "seating_plan", "invalid_seating_plan");
}

#[test]
fn refuses_too_many_seats() {
    assert_eq!(
        SeatingPlan::parse(&long(MAX_SEATS)).unwrap().seats as usize,
        MAX_SEATS
    );
    let place = format!("seating_plan.zones[0].rows[0].seats[{MAX_SEATS}]");
    refuses(&long(60_000), &place, "too_many_seats");
}

#[test]
fn refuses_wrong_types_and_lengths() {
    for (pointer, value) in [
        ("/size", json!("large")),
        ("/size/width", json!([1])),
        ("/categories", json!({})),
        ("/categories/0", json!("Stalls")),
        ("/categories/0/name", json!("")),
        ("/zones", json!(null)),
        ("/zones/0", json!(7)),
        ("/zones/0/name", json!("x".repeat(65))),
        ("/zones/0/rows", json!("none")),
        ("/zones/0/rows/0", json!([])),
        ("/zones/0/rows/0/row_number", json!(1)),
        ("/zones/0/rows/0/seats", json!(false)),
        ("/zones/0/rows/0/seats/1", json!("b")),
        ("/zones/0/rows/0/seats/1/seat_guid", json!("")),
        ("/zones/0/rows/0/seats/1/seat_number", json!("1\n")),
        ("/zones/0/rows/0/seats/1/category", json!(null)),
    ] {
        let place = pointer
            .split('/')
            .skip(1)
            .fold("seating_plan".to_owned(), |path, part| {
                match part.parse::<usize>() {
                    Ok(index) => format!("{path}[{index}]"),
                    Err(_) => format!("{path}.{part}"),
                }
            });
        refuses(&with(pointer, value), &place, "invalid_seating_plan");
    }
    let mut far = small();
    far["zones"][0]["position"] = json!({"x": 1_000_000.01});
    refuses(
        &far,
        "seating_plan.zones[0].position.x",
        "invalid_seating_plan",
    );
}

#[test]
fn refuses_more_categories_and_zones_than_it_can_store() {
    let names: Vec<_> = (0..=MAX_CATEGORIES)
        .map(|n| json!({"name": n.to_string()}))
        .collect();
    refuses(
        &with("/categories", json!(names)),
        "seating_plan.categories",
        "invalid_seating_plan",
    );
    let again = json!([{"name": "Stalls"}, {"name": "Stalls"}]);
    refuses(
        &with("/categories", again),
        "seating_plan.categories[1].name",
        "invalid_seating_plan",
    );
    let zones = vec![json!({"name": "Hall", "rows": []}); MAX_ZONES + 1];
    refuses(
        &plan_of(&json!(zones)),
        "seating_plan.zones[2000]",
        "invalid_seating_plan",
    );
}

#[test]
fn refuses_deep_nesting_without_going_deep() {
    let nested = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let mut plan = small();
    plan["zones"][0]["areas"] = nested;
    match SeatingPlan::parse(&plan) {
        Err(Error::Invalid { at, .. }) => {
            assert!(at.starts_with("seating_plan.zones[0].areas[0][0]"), "{at}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn cuts_a_zone_into_parts_that_an_event_can_hold() {
    let plan = SeatingPlan::parse(&long(MAX_PART_SEATS * 2 + 1)).unwrap();
    let parts: Vec<_> = plan
        .zones
        .iter()
        .map(|part| (part.part, part.continued, part.rows[0].seats.len()))
        .collect();
    assert_eq!(parts, [(0, false, 2_000), (1, true, 2_000), (2, true, 1)]);

    let whole = |first: usize| {
        let seats: Vec<_> = (first..first + 1_500)
            .map(|n| seat(&n.to_string()))
            .collect();
        row(&seats)
    };
    let rows = self::plan(&[whole(0), whole(2_000)]);
    let plan = SeatingPlan::parse(&rows).unwrap();
    assert!(
        plan.zones
            .iter()
            .all(|part| !part.continued && part.rows.len() == 1),
        "rows stay whole"
    );

    // The longest names there can be, all of them escaped in JSON, one row a seat.
    let long_name = |n: usize| format!("{:\"<58}{n:06}", "");
    let rows = (0..4_000).map(|n| {
        let mut seat = seat(&long_name(n));
        seat["seat_number"] = json!(long_name(n));
        seat["position"] = json!({"x": -999_999.99, "y": -999_999.99});
        json!({"row_number": long_name(n), "seats": [seat]})
    });
    let mut hostile = self::plan(&rows.collect::<Vec<_>>());
    hostile["zones"][0]["name"] = json!(long_name(0));
    for event in Venue::default()
        .decide(&register(&hostile, vec![]), at(0))
        .unwrap()
    {
        let bytes = serde_json::to_string(&event).unwrap().len();
        assert!(bytes < MAX_EVENT_BYTES, "{bytes} bytes");
    }
}

#[test]
fn standing_areas_are_bounded_and_have_a_category_of_their_own() {
    let many = (0..=MAX_STANDING_AREAS).map(|n| area(&n.to_string(), &n.to_string(), 1));
    for (standing, place) in [
        (vec![area("Floor", "Stalls", 10)], "standing[0].category"),
        (
            vec![area("A", "Standing", 1), area("B", "Standing", 1)],
            "standing[1].category",
        ),
        (
            vec![area("A", "X", 1), area("A", "Y", 1)],
            "standing[1].name",
        ),
        (vec![area("", "X", 1)], "standing[0].name"),
        (vec![area("A", "X", 0)], "standing[0].capacity"),
        (
            vec![area("A", "X", MAX_STANDING_CAPACITY), area("B", "Y", 1)],
            "standing[1].capacity",
        ),
        (many.collect(), "standing"),
    ] {
        let refusal = Venue::default()
            .decide(&register(&small(), standing), at(0))
            .unwrap_err();
        assert_eq!(refusal.code(), "invalid_standing_area");
        assert!(
            matches!(&refusal, Error::Invalid { at, .. } if at == place),
            "{refusal:?}"
        );
    }
}

#[test]
fn reads_the_plans_of_real_size() {
    for (plan, seats, zones) in [
        (
            include_str!("../../../tests/venues/riethsporthalle-erfurt.seating-plan.json"),
            1_252,
            6,
        ),
        (
            include_str!("../../../tests/venues/arena-15k.seating-plan.json"),
            15_000,
            66,
        ),
    ] {
        let plan = SeatingPlan::parse(&serde_json::from_str(plan).unwrap()).unwrap();
        assert_eq!((plan.seats, plan.zones.len()), (seats, zones));
    }
}
