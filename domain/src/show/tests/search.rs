//! Best available, seats left single, alternatives.

use super::*;
use crate::seating::Row;

fn find(
    stage: &mut Stage,
    category: &str,
    quantity: u32,
    adjacent: bool,
) -> Result<Vec<String>, Error> {
    let events = stage.run(&hold(R3, BEN, best(category, quantity, adjacent)), at(0))?;
    Ok(seats_of(&events).into_iter().map(str::to_owned).collect())
}

fn whole() -> Stage {
    Stage::set(Schedule {
        no_stranded_seats: true,
        ..schedule()
    })
}

fn stranded(seats: &[&str], alternatives: &[&str]) -> Error {
    Error::StrandedSeat {
        seats: guids(seats),
        alternatives: guids(alternatives),
    }
}

#[test]
fn finds_the_run_nearest_to_the_focus() {
    assert_eq!(find(&mut Stage::open(), "Front", 1, true).unwrap(), ["A-4"]);
    assert_eq!(
        find(&mut Stage::open(), "Front", 3, true).unwrap(),
        ["A-3", "A-4", "A-5"]
    );
    assert_eq!(
        find(&mut Stage::open(), "Back", 2, true).unwrap(),
        ["C-3", "C-4"]
    );
}

#[test]
fn takes_the_nearest_row_that_has_a_run() {
    let mut stage = Stage::open();
    stage.block(&["A-4"]);
    assert_eq!(
        find(&mut stage, "Front", 3, true).unwrap(),
        ["A-1", "A-2", "A-3"]
    );
    let mut stage = Stage::open();
    stage.block(&["A-3"]);
    assert_eq!(
        find(&mut stage, "Front", 3, true).unwrap(),
        ["B-3", "B-4", "B-5"]
    );
}

#[test]
fn finds_scattered_seats_only_where_that_will_do() {
    let mut stage = Stage::open();
    stage.block(&["A-2", "A-4", "B-2", "B-4"]);
    let refusal = find(&mut stage, "Front", 2, true).unwrap_err();
    assert_eq!(
        refusal,
        unavailable(&[], &["A-3", "A-5"]),
        "those are on offer instead"
    );
    assert_eq!(
        find(&mut stage, "Front", 3, false).unwrap(),
        ["A-3", "A-5", "B-3"]
    );
}

#[test]
fn finds_nothing_where_nothing_is_left() {
    let mut stage = Stage::open();
    stage.block(&["C-1", "C-2", "C-3", "C-4"]);
    assert_eq!(
        find(&mut stage, "Back", 2, true),
        Err(unavailable(&[], &[]))
    );
    assert_eq!(
        find(&mut stage, "Back", 2, false),
        Err(unavailable(&[], &[]))
    );
    for category in ["Standing", "Balcony"] {
        let unknown = Error::UnknownCategory {
            category: category.to_owned(),
        };
        assert_eq!(find(&mut stage, category, 1, true), Err(unknown));
    }
}

#[test]
fn finds_the_seats_of_a_void_hold() {
    let mut stage = Stage::open();
    stage.hold(R1, ANNA, &["A-3", "A-4"], 0).unwrap();
    let events = stage
        .show
        .decide(&hold(R2, BEN, best("Front", 2, true)), at(HOLD))
        .unwrap();
    assert!(matches!(&events[0], Event::HoldExpired { .. }));
    assert_eq!(seats_of(&events), ["A-3", "A-4"]);
}

#[test]
fn a_hold_may_leave_no_seat_single_where_the_organizer_says_so() {
    let mut stage = whole();
    stage.hold(R1, ANNA, &["A-1"], 0).unwrap();
    assert_eq!(
        stage.hold(R2, BEN, &["A-3"], 0),
        Err(stranded(&["A-2"], &["A-2"]))
    );
    assert_eq!(
        stage.hold(R2, BEN, &["A-3", "A-4"], 0),
        Err(stranded(&["A-2", "A-5"], &["A-2", "A-3"])),
        "the end of a row is no neighbour"
    );
    assert!(
        stage.hold(R2, BEN, &["A-2", "A-3", "A-4"], 0).is_err(),
        "A-5 would be left at the end of its row"
    );
    assert!(stage.hold(R2, BEN, &["A-2", "A-3"], 0).is_ok());
    assert!(
        Stage::open().hold(R2, BEN, &["A-1", "A-3"], 0).is_ok(),
        "elsewhere it may"
    );
}

#[test]
fn the_search_leaves_no_seat_single_either() {
    let mut stage = whole();
    stage.block(&["A-2"]);
    // Row A is nearer, but two of would leave the third single.
    assert_eq!(find(&mut stage, "Front", 2, true).unwrap(), ["B-4", "B-5"]);
    let mut stage = whole();
    stage.block(&["A-2"]);
    assert_eq!(find(&mut stage, "Front", 1, false).unwrap(), ["A-3"]);
    let mut stage = whole();
    stage.block(&["C-1", "C-5"]);
    assert_eq!(
        find(&mut stage, "Back", 2, true),
        Err(unavailable(&[], &[]))
    );
}

#[test]
fn alternatives_are_near_and_side_by_side() {
    let mut stage = Stage::open();
    stage.hold(R1, ANNA, &["A-2"], 0).unwrap();
    assert_eq!(
        stage.hold(R2, BEN, &["A-2"], 0),
        Err(unavailable(&[("A-2", 4)], &["A-1"]))
    );
    assert_eq!(
        stage.hold(R2, BEN, &["A-1", "A-2"], 0),
        Err(unavailable(&[("A-2", 4)], &["B-1", "B-2"]))
    );
    assert_eq!(
        stage.hold(R2, BEN, &["A-2", "A-3", "A-4"], 0),
        Err(unavailable(&[("A-2", 4)], &["A-3", "A-4", "A-5"]))
    );
}

#[test]
fn alternatives_keep_what_is_free_of_a_scattered_choice() {
    let mut stage = Stage::open();
    stage.hold(R1, ANNA, &["A-1", "C-1"], 0).unwrap();
    assert_eq!(
        stage.hold(R2, BEN, &["A-1", "A-4"], 0),
        Err(unavailable(&[("A-1", 4)], &["A-2", "A-4"]))
    );
    assert_eq!(
        stage.hold(R2, BEN, &["A-1", "C-1"], 0),
        Err(unavailable(&[("A-1", 4), ("C-1", 4)], &["A-2", "C-2"])),
        "each category for itself"
    );
    assert_eq!(
        stage.hold(R2, BEN, &["A-2", "A-4", "C-1"], 0),
        Err(unavailable(&[("C-1", 4)], &["A-2", "A-4", "C-2"])),
        "what is lost of one category is no reason to change the other"
    );
}

#[test]
fn alternatives_are_none_where_a_category_is_sold_out() {
    let mut stage = Stage::open();
    stage.block(&["C-1", "C-2", "C-3", "C-4", "C-5"]);
    assert_eq!(
        stage.hold(R2, BEN, &["C-1"], 0),
        Err(unavailable(&[("C-1", 4)], &[]))
    );
}

#[test]
fn a_row_that_was_cut_is_one_row() {
    let mut schedule = schedule();
    let mut rest = schedule.zones[0].clone();
    rest.rows = schedule.zones[0].rows.split_off(2);
    let tail = rest.rows[0].seats.split_off(2);
    schedule.zones[0].rows.push(rest.rows.remove(0));
    rest.rows = vec![Row {
        row: "C".to_owned(),
        seats: tail,
    }];
    rest.part = 1;
    rest.continued = true;
    schedule.zones.push(rest);
    let mut stage = Stage::set(schedule);
    assert_eq!(
        find(&mut stage, "Back", 4, true).unwrap(),
        ["C-2", "C-3", "C-4", "C-5"]
    );
}
