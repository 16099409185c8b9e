//! Confirming, abandoning, cancelling; what a late payment can still do.

use super::*;
use crate::show::ReservationStatus;

fn confirmed(retaken: bool) -> Event {
    Event::ReservationConfirmed {
        organizer_id: organizer(),
        reservation_id: reservation(R1),
        customer_id: customer(ANNA),
        payment_id: id(P1),
        amount: 100,
        retaken,
        places: places(&["A-1", "A-2"]),
    }
}

fn held() -> Stage {
    let mut stage = Stage::open();
    stage.hold(R1, ANNA, &["A-1", "A-2"], 0).unwrap();
    stage
}

fn payable(stage: &Stage, who: u128, now: i64) -> Result<Points, Error> {
    stage.show.payable(reservation(R1), customer(who), at(now))
}

#[test]
fn a_payment_sells_what_is_held() {
    let mut stage = held();
    assert_eq!(payable(&stage, ANNA, 1), Ok(100));
    assert_eq!(payable(&stage, BEN, 1), Err(Error::ReservationNotFound));
    let mismatch = Error::AmountMismatch {
        expected: 100,
        actual: 99,
    };
    assert_eq!(stage.confirm(R1, P1, 99, 1), Err(mismatch));
    assert_eq!(
        stage.confirm(R1, P1, 100, HOLD - 1),
        Ok(vec![confirmed(false)])
    );
    assert_eq!(stage.counts(), [23, 0, 2, 0]);
    assert_eq!(stage.show.wake_at(), None);
    assert_eq!(
        stage.confirm(R1, P1, 100, HOLD),
        Ok(vec![]),
        "the same payment changes nothing"
    );
    assert_eq!(
        stage.confirm(R1, P2, 100, HOLD),
        Err(Error::AlreadyConfirmed)
    );
    assert_eq!(payable(&stage, ANNA, HOLD), Err(Error::AlreadyConfirmed));
    assert_eq!(
        stage.confirm(R3, P1, 100, HOLD),
        Err(Error::ReservationNotFound)
    );
}

#[test]
fn a_late_payment_takes_the_places_again() {
    let mut stage = held();
    assert_eq!(payable(&stage, ANNA, HOLD), Ok(100));
    assert_eq!(stage.confirm(R1, P1, 100, HOLD), Ok(vec![confirmed(true)]));
    assert_eq!(stage.counts(), [23, 0, 2, 0]);
    assert_eq!(
        stage.hold(R2, BEN, &["A-1"], HOLD),
        Err(unavailable(&[("A-1", 6)], &["B-1"])),
        "they went when they were taken again, after the expiry"
    );
}

#[test]
fn a_late_payment_records_its_own_expiry_where_nothing_has() {
    let mut stage = held();
    let events = stage.show.decide(&confirm(R1, P1, 100), at(HOLD)).unwrap();
    assert!(
        matches!(&events[0], Event::HoldExpired { reservation_id, .. }
        if *reservation_id == reservation(R1))
    );
    assert_eq!(events[1..], [confirmed(true)]);
    stage.fold(&events);
    assert_eq!(stage.counts(), [23, 0, 2, 0]);
}

#[test]
fn a_late_payment_loses_to_whoever_came_first() {
    let mut stage = held();
    stage.hold(R2, BEN, &["A-2"], HOLD).unwrap();
    let lost = expired_at(HOLD, &[("A-2", 6)]);
    assert_eq!(payable(&stage, ANNA, HOLD), Err(lost.clone()));
    assert_eq!(stage.confirm(R1, P1, 100, HOLD), Err(lost));
    // Ben's hold runs out in its turn: then they are free once more.
    assert_eq!(
        stage.confirm(R1, P1, 100, 2 * HOLD),
        Ok(vec![confirmed(true)])
    );
}

#[test]
fn a_late_payment_counts_like_a_new_hold() {
    let mut stage = held();
    stage.hold(R2, ANNA, &["B-1", "B-2", "B-3"], HOLD).unwrap();
    assert_eq!(payable(&stage, ANNA, HOLD), Err(limit(3, 2)));
    assert_eq!(stage.confirm(R1, P1, 100, HOLD), Err(limit(3, 2)));
}

#[test]
fn a_late_payment_takes_standing_places_again_while_there_are_any() {
    let mut stage = Stage::open();
    stage.run(&hold(R1, ANNA, standing(4)), at(0)).unwrap();
    for (r, who, quantity) in [(R2, BEN, 4), (R3, 103, 3)] {
        stage
            .run(&hold(r, who, standing(quantity)), at(HOLD))
            .unwrap();
    }
    assert_eq!(
        stage.confirm(R1, P1, 80, HOLD),
        Err(expired_at(HOLD, &[])),
        "three are left"
    );
    stage.run(&release(R3, 103), at(HOLD + 1)).unwrap();
    assert!(stage.confirm(R1, P1, 80, HOLD + 1).is_ok());
    assert_eq!(stage.counts(), [17, 4, 4, 0]);
}

#[test]
fn what_was_given_back_is_never_sold() {
    let mut stage = held();
    stage.run(&release(R1, ANNA), at(1)).unwrap();
    assert_eq!(payable(&stage, ANNA, 2), Err(Error::ReservationCancelled));
    assert_eq!(
        stage.confirm(R1, P1, 100, 2),
        Err(Error::ReservationCancelled)
    );
}

#[test]
fn an_abandoned_payment_never_confirms() {
    let mut stage = held();
    let abandoned = Event::PaymentAbandoned {
        organizer_id: organizer(),
        reservation_id: reservation(R1),
        payment_id: id(P1),
        code: "hold_expired".to_owned(),
    };
    assert_eq!(stage.run(&abandon(R1, P1), at(1)), Ok(vec![abandoned]));
    assert_eq!(stage.run(&abandon(R1, P1), at(1)), Ok(vec![]));
    let barred = Error::PaymentAbandoned {
        code: "hold_expired".to_owned(),
    };
    assert_eq!(stage.confirm(R1, P1, 100, 2), Err(barred));
    assert!(stage.confirm(R1, P2, 100, 2).is_ok(), "another payment may");
    assert_eq!(
        stage.run(&abandon(R3, P1), at(1)),
        Err(Error::ReservationNotFound)
    );
}

#[test]
fn a_payment_that_confirmed_is_never_abandoned() {
    let mut stage = held();
    stage.confirm(R1, P1, 100, 1).unwrap();
    assert_eq!(
        stage.run(&abandon(R1, P1), at(2)),
        Err(Error::AlreadyConfirmed)
    );
    stage.run(&cancel_reservation(R1, P1), at(3)).unwrap();
    assert_eq!(
        stage.run(&abandon(R1, P1), at(4)),
        Err(Error::AlreadyConfirmed)
    );
}

#[test]
fn a_refund_frees_the_places() {
    let mut stage = held();
    assert_eq!(
        stage.run(&cancel_reservation(R1, P1), at(1)),
        Err(Error::NotConfirmed)
    );
    stage.confirm(R1, P1, 100, 1).unwrap();
    assert_eq!(
        stage.run(&cancel_reservation(R1, P2), at(2)),
        Err(Error::NotConfirmed)
    );
    let cancelled = Event::ReservationCancelled {
        organizer_id: organizer(),
        reservation_id: reservation(R1),
        customer_id: customer(ANNA),
        payment_id: id(P1),
        reason: "refund".to_owned(),
        places: places(&["A-1", "A-2"]),
    };
    assert_eq!(
        stage.run(&cancel_reservation(R1, P1), at(2)),
        Ok(vec![cancelled])
    );
    assert_eq!(stage.run(&cancel_reservation(R1, P1), at(3)), Ok(vec![]));
    assert_eq!(stage.counts(), [25, 0, 0, 0]);
    assert_eq!(
        stage.confirm(R1, P2, 100, 4),
        Err(Error::ReservationCancelled)
    );
    let view = stage.show.reservation(reservation(R1)).unwrap();
    assert_eq!(
        (view.status, view.payment_id),
        (ReservationStatus::Cancelled, Some(id(P1)))
    );
}
