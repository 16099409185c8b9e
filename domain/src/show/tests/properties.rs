//! Whatever is asked, in whatever order, and however late: what must never happen does not.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::show::{
    ReservationStatus, plan::distance2, reservations::Reservation, seats::SeatState,
    vacancy::Vacancy,
};

fn any_seats() -> impl Strategy<Value = Vec<String>> {
    let seat = (0..3_usize, 1..=5).prop_map(|(row, n)| format!("{}-{n}", ["A", "B", "C"][row]));
    prop::collection::vec(seat, 1..4)
}

fn any_selection() -> impl Strategy<Value = Selection> {
    prop_oneof![
        4 => any_seats().prop_map(Selection::Seats),
        2 => (any::<bool>(), 1..4_u32, any::<bool>()).prop_map(|(front, quantity, adjacent)| {
            best(if front { "Front" } else { "Back" }, quantity, adjacent)
        }),
        1 => (1..4_u32).prop_map(standing),
    ]
}

fn any_command() -> impl Strategy<Value = Command> {
    let r = || 0..24_u128;
    let who = || ANNA..ANNA + 3;
    let p = || P1..P1 + 3;
    let amount = prop_oneof![Just(30), Just(50), Just(80), Just(100), Just(20)];
    let reason = || "Camera".to_owned();
    let organizer_id = organizer();
    prop_oneof![
        12 => (r(), who(), any_selection()).prop_map(|(r, who, what)| hold(r, who, what)),
        2 => (r(), who()).prop_map(|(r, who)| extend(r, who)),
        3 => (r(), who()).prop_map(|(r, who)| release(r, who)),
        12 => (r(), p(), amount).prop_map(|(r, p, amount)| confirm(r, p, amount)),
        2 => (r(), p()).prop_map(|(r, p)| abandon(r, p)),
        4 => (r(), p()).prop_map(|(r, p)| cancel_reservation(r, p)),
        2 => any_seats().prop_map(move |seats| {
            Command::Block { organizer_id, seats, reason: reason() }
        }),
        2 => any_seats().prop_map(move |seats| {
            Command::Unblock { organizer_id, seats, reason: reason() }
        }),
        1 => Just(Command::ExpireDue),
        1 => (1..4_usize).prop_map(|limit| Command::WindUp { limit }),
    ]
}

/// The live reservations, checked one by one: they overlap nowhere and are what the seats say.
fn check_ledger(show: &Show, now: Timestamp) {
    let mut taken_by: BTreeMap<u32, u32> = BTreeMap::new();
    let mut owned: BTreeMap<CustomerId, u32> = BTreeMap::new();
    let mut floor = 0;
    for slot in show.reservations.live() {
        let entry: &Reservation = show.reservations.get(slot);
        for seat in &entry.seats {
            assert_eq!(
                taken_by.insert(*seat, slot),
                None,
                "a seat in two live reservations"
            );
            let expected = match entry.status {
                ReservationStatus::Held => SeatState::Held(slot),
                ReservationStatus::Confirmed => SeatState::Sold(slot),
                other => panic!("{other:?} is not live"),
            };
            assert_eq!(show.seats.get(*seat), expected);
        }
        floor += entry.standing.map_or(0, |taken| taken.quantity);
        if !entry.is_void(now) {
            *owned.entry(entry.customer_id).or_default() += entry.places();
        }
    }
    assert!(floor <= 10, "{floor} on a floor for ten");
    for (customer, owned) in owned {
        assert!(owned <= 4, "{customer} has {owned}");
        assert_eq!(show.reservations.owned(customer, now), owned);
    }
    let in_seats = u32::try_from(taken_by.len()).unwrap();
    let counts = show.counts();
    assert_eq!(counts.held + counts.sold, in_seats + floor);
    assert_eq!(
        counts.available + counts.held + counts.sold + counts.blocked,
        show.capacity()
    );
}

/// A refusal names the event that took each seat: one that did, and none after it gave the seat back.
fn check_taken(stage: &Stage, refusal: &Error) {
    let (Error::SeatsUnavailable { seats, .. } | Error::HoldExpired { seats, .. }) = refusal else {
        return;
    };
    for taken in seats {
        let guid = &taken.seat_guid;
        let first = usize::try_from(taken.sequence).unwrap() - 1;
        let took = match &stage.stream[first] {
            Event::SeatsHeld { seats, .. } => seats.iter().any(|seat| seat.seat_guid == *guid),
            Event::SeatsBlocked { seats, .. } => seats.contains(guid),
            Event::ReservationConfirmed {
                retaken, places, ..
            } => *retaken && places.seats.contains(guid),
            _ => false,
        };
        assert!(took, "{guid} was not taken at {}", taken.sequence);
        let freed = stage.stream[first + 1..].iter().any(|event| match event {
            Event::HoldReleased { places, .. }
            | Event::HoldExpired { places, .. }
            | Event::ReservationCancelled { places, .. } => places.seats.contains(guid),
            Event::SeatsUnblocked { seats, .. } => seats.contains(guid),
            _ => false,
        });
        assert!(!freed, "{guid} was free after {}", taken.sequence);
    }
}

/// What is offered is free, of the same number and category, and passes the organizer's rule.
fn check_offer(stage: &Stage, refusal: &Error, command: &Command, now: Timestamp) {
    let (Error::SeatsUnavailable { alternatives, .. } | Error::StrandedSeat { alternatives, .. }) =
        refusal
    else {
        return;
    };
    let Command::Hold {
        reservation_id,
        customer_id,
        selection,
        pass: _,
    } = command
    else {
        return;
    };
    if alternatives.is_empty() {
        return;
    }
    let category = |seat: &String| seat.starts_with('C');
    if let Selection::Seats(asked) = selection {
        let count = |seats: &[String]| {
            let back = seats.iter().filter(|seat| category(seat)).count();
            (back, seats.len() - back)
        };
        assert_eq!(count(alternatives), count(asked));
    }
    let instead = Command::Hold {
        reservation_id: *reservation_id,
        customer_id: *customer_id,
        selection: Selection::Seats(alternatives.clone()),
        pass: None,
    };
    let outcome = stage.show.decide(&instead, now);
    assert!(
        outcome.is_ok(),
        "{alternatives:?} were offered, then refused: {outcome:?}"
    );
}

fn play(commands: Vec<(Command, i64, bool)>, no_stranded_seats: bool, cancel_after: usize) {
    let mut stage = Stage::set(Schedule {
        no_stranded_seats,
        ..schedule()
    });
    let mut now = 0;
    for (step, (command, wait, record_due)) in commands.into_iter().enumerate() {
        now += wait;
        if step == cancel_after {
            stage.cancel(now);
        }
        if record_due {
            let due = stage.show.due(at(now));
            stage.fold(&due);
        }
        // Due holds that are not recorded first must make no difference to what is right.
        match stage.show.decide(&command, at(now)) {
            Ok(events) => {
                let mut live = stage.show.clone();
                for event in &events {
                    live.evolve(event);
                }
                stage.fold(&events);
                assert_eq!(live, stage.show, "stored events give the live state");
            }
            Err(refusal) => {
                check_taken(&stage, &refusal);
                check_offer(&stage, &refusal, &command, at(now));
            }
        }
        check_ledger(&stage.show, at(now));
    }
    assert_eq!(stored(&stage.show), stage.show, "a snapshot is the state");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_history_breaks_the_inventory(
        commands in prop::collection::vec((any_command(), 0..120_i64, any::<bool>()), 1..120),
        no_stranded_seats: bool,
        cancel_after in 40..400_usize,
    ) {
        play(commands, no_stranded_seats, cancel_after);
    }
}

/// Every run of `count` free seats of the first category, found without any cleverness: its row's distance, its row,
/// the sum of its distances, its seats.
fn all_runs(show: &Show, count: u32, none_stranded: bool) -> Vec<(u64, u32, u128, Vec<u32>)> {
    let view = Vacancy::at(show, at(0));
    let focus = plan().focus;
    let distance = |seat: u32| distance2(show.plan.seat_at(seat).at, focus);
    let mut runs = Vec::new();
    for (row, index) in show.plan.rows.iter().zip(0..) {
        let seats = (row.start..row.end).filter(|seat| show.plan.seat_at(*seat).category == 0);
        let Some(nearest) = seats.map(distance).min() else {
            continue;
        };
        for first in row.start..row.end {
            let run: Vec<u32> = (first..first + count).collect();
            let inside = first + count <= row.end;
            let whole = inside && (!none_stranded || view.stranded(&run).is_empty());
            if whole && run.iter().all(|seat| view.is_free(*seat)) {
                let sum = run.iter().map(|seat| u128::from(distance(*seat))).sum();
                runs.push((nearest, index, sum, run));
            }
        }
    }
    runs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_search_finds_the_best_run_if_there_is_any(
        blocked in prop::collection::btree_set(0..10_u32, 0..9),
        count in 1..4_u32,
        no_stranded_seats: bool,
    ) {
        let mut stage = Stage::set(Schedule { no_stranded_seats, ..schedule() });
        let taken = stage.show.plan.guids(&blocked.into_iter().collect::<Vec<_>>());
        let event = Event::SeatsBlocked {
            organizer_id: organizer(),
            seats: taken,
            reason: "Camera".to_owned(),
        };
        stage.fold(&[event]);
        let expected = all_runs(&stage.show, count, no_stranded_seats).into_iter().min();
        let found = stage.show.decide(&hold(R1, ANNA, best("Front", count, true)), at(0));
        match (expected, found) {
            (Some((.., run)), Ok(events)) => {
                prop_assert_eq!(seats_of(&events), stage.show.plan.guids(&run));
            }
            (None, Err(Error::SeatsUnavailable { .. })) => {}
            (expected, found) => prop_assert!(false, "{expected:?}, but {found:?}"),
        }
    }

    #[test]
    fn the_search_finds_the_nearest_scattered_seats(
        blocked in prop::collection::btree_set(0..10_u32, 0..9),
        count in 1..4_usize,
    ) {
        let mut stage = Stage::open();
        let taken = stage.show.plan.guids(&blocked.into_iter().collect::<Vec<_>>());
        let event = Event::SeatsBlocked {
            organizer_id: organizer(),
            seats: taken,
            reason: "Camera".to_owned(),
        };
        stage.fold(&[event]);
        let view = Vacancy::at(&stage.show, at(0));
        let distance = |seat: &u32| distance2(stage.show.plan.seat_at(*seat).at, plan().focus);
        let mut free: Vec<u32> = (0..10).filter(|seat| view.is_free(*seat)).collect();
        free.sort_by_key(distance);
        let enough = free.len() >= count;
        free.truncate(count);
        free.sort_unstable();
        let quantity = u32::try_from(count).unwrap();
        let found = stage.show.decide(&hold(R1, ANNA, best("Front", quantity, false)), at(0));
        match found {
            Ok(events) => prop_assert_eq!(seats_of(&events), stage.show.plan.guids(&free)),
            Err(refusal) => prop_assert!(!enough, "{refusal:?}"),
        }
    }
}

#[test]
fn a_snapshot_that_contradicts_itself_is_refused() {
    let mut stage = Stage::open();
    stage.hold(R1, ANNA, &["A-1"], 0).unwrap();
    stage.run(&hold(R2, BEN, standing(1)), at(0)).unwrap();
    let good = serde_json::to_value(&stage.show).unwrap();
    assert_eq!(
        serde_json::from_value::<Show>(good.clone()).unwrap(),
        stage.show
    );
    for (pointer, lie) in [
        ("/reservations/0/seats/0", 15),
        ("/reservations/1/standing/area", 1),
        ("/plan/seats/3/row", 3),
        ("/plan/rows/2/end", 16),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).expect("a place in the snapshot") = json!(lie);
        let refusal = serde_json::from_value::<Show>(bad).unwrap_err();
        assert!(
            refusal.to_string().contains("does not have"),
            "{pointer}: {refusal}"
        );
    }
}
