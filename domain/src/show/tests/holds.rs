//! Holding places, the sale window, the limit, expiry.

use super::*;

#[test]
fn holds_the_seats_asked_for() {
    let mut stage = Stage::open();
    let held = Event::SeatsHeld {
        organizer_id: organizer(),
        reservation_id: reservation(R1),
        customer_id: customer(ANNA),
        seats: vec![
            held_seat("A", "5", "Front", 50),
            held_seat("C", "1", "Back", 30),
        ],
        standing: None,
        amount: 80,
        expires_at: at(1 + HOLD),
        pass: None,
    };
    assert_eq!(stage.hold(R1, ANNA, &["C-1", "A-5"], 1), Ok(vec![held]));
    assert_eq!(stage.counts(), [23, 2, 0, 0]);
    assert_eq!(stage.show.wake_at(), Some(at(1 + HOLD)));
}

#[test]
fn holds_all_or_none() {
    let mut stage = Stage::open();
    stage.hold(R1, ANNA, &["A-2"], 0).unwrap();
    let refusal = stage.hold(R2, BEN, &["A-1", "A-2"], 0).unwrap_err();
    assert!(
        matches!(refusal, Error::SeatsUnavailable { seats, .. } if seats == taken(&[("A-2", 4)]))
    );
    assert_eq!(stage.counts(), [24, 1, 0, 0], "A-1 is not held either");
}

#[test]
fn refuses_a_senseless_list() {
    let mut stage = Stage::open();
    for list in [&[][..], &["A-1", "A-1"]] {
        let outcome = stage.hold(R1, ANNA, list, 0);
        assert!(
            matches!(outcome, Err(Error::Invalid { at: "seats", .. })),
            "{outcome:?}"
        );
    }
    let unknown = Error::UnknownSeats {
        seats: guids(&["Z-9"]),
    };
    assert_eq!(stage.hold(R1, ANNA, &["A-1", "Z-9"], 0), Err(unknown));
    for selection in [best("Front", 0, true), standing(0)] {
        let outcome = stage.run(&hold(R1, ANNA, selection), at(0));
        assert!(
            matches!(outcome, Err(Error::Invalid { at: "quantity", .. })),
            "{outcome:?}"
        );
    }
}

#[test]
fn sells_within_the_window_alone() {
    let mut stage = Stage::open();
    assert_eq!(
        stage.hold(R1, ANNA, &["A-1"], -1),
        Err(Error::NotOnSaleYet { on_sale_at: at(0) })
    );
    assert!(stage.hold(R1, ANNA, &["A-1"], 0).is_ok());
    assert!(stage.hold(R2, BEN, &["A-2"], 9_999).is_ok());
    let off_sale = Error::OffSale {
        off_sale_at: at(10_000),
    };
    assert_eq!(stage.hold(R3, BEN, &["A-3"], 10_000), Err(off_sale));
    assert!(
        stage.confirm(R2, P1, 50, 10_001).is_ok(),
        "what is held may still be paid"
    );
}

#[test]
fn counts_all_places_of_a_customer_against_the_limit() {
    let mut stage = Stage::open();
    let five = ["A-1", "A-2", "A-3", "A-4", "A-5"];
    assert_eq!(stage.hold(R1, ANNA, &five, 0), Err(limit(0, 5)));
    stage.hold(R1, ANNA, &five[..2], 0).unwrap();
    stage.confirm(R1, P1, 100, 1).unwrap();
    stage.run(&hold(R2, ANNA, standing(1)), at(1)).unwrap();
    assert_eq!(
        stage.run(&hold(R3, ANNA, best("Front", 2, true)), at(1)),
        Err(limit(3, 2))
    );
    assert_eq!(
        stage.run(&hold(R3, ANNA, standing(2)), at(1)),
        Err(limit(3, 2))
    );
    assert!(stage.hold(R3, ANNA, &["C-1"], 1).is_ok());
    assert!(
        stage.hold(4, BEN, &["C-2", "C-3"], 1).is_ok(),
        "others have a limit of their own"
    );
}

#[test]
fn forgets_what_was_given_back_in_the_limit() {
    let mut stage = Stage::open();
    stage
        .hold(R1, ANNA, &["A-1", "A-2", "A-3", "A-4"], 0)
        .unwrap();
    stage.run(&release(R1, ANNA), at(1)).unwrap();
    stage
        .hold(R2, ANNA, &["B-1", "B-2", "B-3", "B-4"], 2)
        .unwrap();
    stage.confirm(R2, P1, 200, 3).unwrap();
    stage.run(&cancel_reservation(R2, P1), at(4)).unwrap();
    assert!(
        stage
            .hold(R3, ANNA, &["C-1", "C-2", "C-3", "C-4"], 5)
            .is_ok()
    );
    assert!(
        stage
            .hold(4, ANNA, &["A-1", "A-2", "A-3", "A-4"], 5 + HOLD)
            .is_ok(),
        "R3 is void"
    );
}

#[test]
fn a_hold_is_void_the_instant_it_expires() {
    let mut stage = Stage::open();
    stage.hold(R1, ANNA, &["A-1"], 0).unwrap();
    assert!(stage.hold(R2, BEN, &["A-1"], HOLD - 1).is_err());
    let expired = Event::HoldExpired {
        organizer_id: organizer(),
        reservation_id: reservation(R1),
        customer_id: customer(ANNA),
        expired_at: at(HOLD),
        places: places(&["A-1"]),
    };
    assert_eq!(stage.show.due(at(HOLD - 1)), []);
    assert_eq!(stage.show.due(at(HOLD)), std::slice::from_ref(&expired));
    // Decided without what is due, as if more were due than one batch records: it records what stands in the way.
    let events = stage
        .show
        .decide(&hold(R2, BEN, named(&["A-1"])), at(HOLD))
        .unwrap();
    assert_eq!(events[0], expired);
    assert_eq!(seats_of(&events), ["A-1"]);
    assert_eq!(stage.run(&Command::ExpireDue, at(HOLD)), Ok(vec![]));
    assert_eq!(stage.counts(), [25, 0, 0, 0]);
    assert_eq!(stage.show.wake_at(), None);
}

#[test]
fn records_due_holds_in_the_order_of_their_expiry_a_batch_at_a_time() {
    let capacity = 10 + u32::try_from(super::super::EXPIRY_BATCH).unwrap();
    let mut schedule = schedule();
    schedule.standing[0].capacity = capacity;
    let mut stage = Stage::set(schedule);
    for n in 0..u128::from(capacity) {
        let now = i64::try_from(n % 7).unwrap();
        stage
            .run(&hold(n, 1_000 + n, standing(1)), at(now))
            .unwrap();
    }
    let due = stage.show.due(at(5_000));
    let times: Vec<_> = due
        .iter()
        .map(|event| match event {
            Event::HoldExpired { expired_at, .. } => *expired_at,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(times.len(), super::super::EXPIRY_BATCH);
    assert!(times.is_sorted());
    stage.fold(&due);
    assert_eq!(stage.show.due(at(5_000)).len(), 10);
    // Void holds that are not recorded yet leave their places to others all the same.
    let mut all = Vec::new();
    for n in 0..u128::from(capacity / 4) {
        let command = hold(10_000 + n, 10_000 + n, standing(4));
        let events = stage.show.decide(&command, at(5_000)).unwrap();
        stage.fold(&events);
        all.extend(events);
    }
    let expired = all
        .iter()
        .filter(|event| matches!(event, Event::HoldExpired { .. }))
        .count();
    assert_eq!(expired, 10 - usize::try_from(capacity % 4).unwrap());
}

#[test]
fn extends_once_by_the_full_length() {
    let mut stage = Stage::open();
    stage.hold(R1, ANNA, &["A-1"], 0).unwrap();
    let not_found = Err(Error::ReservationNotFound);
    assert_eq!(stage.run(&extend(R1, BEN), at(1)), not_found, "another's");
    let extended = Event::HoldExtended {
        organizer_id: organizer(),
        reservation_id: reservation(R1),
        customer_id: customer(ANNA),
        expires_at: at(2 * HOLD),
    };
    assert_eq!(stage.run(&extend(R1, ANNA), at(1)), Ok(vec![extended]));
    assert_eq!(
        stage.run(&extend(R1, ANNA), at(2)),
        Err(Error::AlreadyExtended)
    );
    assert_eq!(stage.show.wake_at(), Some(at(2 * HOLD)));
    assert_eq!(
        stage.run(&extend(R1, ANNA), at(2 * HOLD)),
        Err(expired_at(2 * HOLD, &[]))
    );
}

#[test]
fn gives_a_hold_back() {
    let mut stage = Stage::open();
    stage.hold(R1, ANNA, &["A-1"], 0).unwrap();
    assert_eq!(
        stage.run(&release(R1, BEN), at(1)),
        Err(Error::ReservationNotFound)
    );
    let released = Event::HoldReleased {
        organizer_id: organizer(),
        reservation_id: reservation(R1),
        customer_id: customer(ANNA),
        reason: "customer".to_owned(),
        places: places(&["A-1"]),
    };
    assert_eq!(stage.run(&release(R1, ANNA), at(1)), Ok(vec![released]));
    assert_eq!(
        stage.run(&release(R1, ANNA), at(2)),
        Err(Error::ReservationCancelled)
    );
    stage.hold(R2, BEN, &["A-1"], 2).unwrap();
    stage.confirm(R2, P1, 50, 3).unwrap();
    assert_eq!(
        stage.run(&release(R2, BEN), at(4)),
        Err(Error::AlreadyConfirmed)
    );
    stage.hold(R3, BEN, &["A-2"], 4).unwrap();
    assert_eq!(
        stage.run(&release(R3, BEN), at(4 + HOLD)),
        Err(expired_at(4 + HOLD, &[]))
    );
}

#[test]
fn sells_standing_places_by_capacity() {
    let mut stage = Stage::open();
    let held = stage.run(&hold(R1, ANNA, standing(4)), at(0)).unwrap();
    let floor = HeldStanding {
        name: "Floor".to_owned(),
        category: "Standing".to_owned(),
        quantity: 4,
        price: 20,
    };
    assert!(
        matches!(&held[0], Event::SeatsHeld { standing: Some(standing), amount: 80, seats, .. }
        if *standing == floor && seats.is_empty())
    );
    stage.run(&hold(R2, BEN, standing(4)), at(0)).unwrap();
    let refusal = Error::StandingUnavailable {
        category: "Standing".to_owned(),
        asked: 3,
        remaining: 2,
    };
    assert_eq!(stage.run(&hold(R3, 103, standing(3)), at(0)), Err(refusal));
    let released = stage.run(&release(R2, BEN), at(1)).unwrap();
    let four = StandingPlaces {
        category: "Standing".to_owned(),
        quantity: 4,
    };
    assert!(matches!(&released[0], Event::HoldReleased { places, .. }
        if places.standing == Some(four) && places.seats.is_empty()));
    assert!(stage.run(&hold(R3, 103, standing(3)), at(1)).is_ok());
    let front = Selection::Standing {
        category: "Front".to_owned(),
        quantity: 1,
    };
    let unknown = Error::UnknownCategory {
        category: "Front".to_owned(),
    };
    assert_eq!(stage.run(&hold(5, 105, front), at(1)), Err(unknown));
}
