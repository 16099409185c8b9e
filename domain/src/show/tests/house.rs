//! What the organizer does: schedule, block, call off.

use super::*;
use crate::{
    aggregate::ClaimChange,
    points::MAX_AMOUNT,
    show::{MAX_HOLD_SECONDS, MAX_PLACES_PER_CUSTOMER, RESERVATION},
};

fn refusal(change: impl FnOnce(&mut Schedule)) -> Error {
    let mut schedule = schedule();
    change(&mut schedule);
    let command = Command::Schedule(Box::new(schedule));
    Show::default().decide(&command, at(0)).unwrap_err()
}

fn unblock(seats: &[&str]) -> Command {
    Command::Unblock {
        organizer_id: organizer(),
        seats: guids(seats),
        reason: "Camera gone".to_owned(),
    }
}

fn block_by(organizer_id: OrganizerId, seats: &[&str], reason: &str) -> Command {
    Command::Block {
        organizer_id,
        seats: guids(seats),
        reason: reason.to_owned(),
    }
}

#[test]
fn scheduling_copies_the_plan_into_the_show() {
    let events = Show::default()
        .decide(&Command::Schedule(Box::new(schedule())), at(0))
        .unwrap();
    assert!(matches!(
        &events[0],
        Event::ShowScheduled {
            seats: 15,
            standing_capacity: 10,
            ..
        }
    ));
    assert!(matches!(&events[1], Event::SeatsListed { zone, .. } if zone.rows.len() == 3));
    assert!(matches!(&events[2], Event::StandingListed { area, .. } if area.capacity == 10));
    assert_eq!(events.len(), 3);
    let mut stage = Stage::open();
    assert_eq!((stage.show.capacity(), stage.counts()), (25, [25, 0, 0, 0]));
    assert_eq!(stage.show.organizer_id(), Some(organizer()));
    let again = stage.run(&Command::Schedule(Box::new(schedule())), at(0));
    assert_eq!(again, Err(Error::AlreadyScheduled));
}

#[test]
fn an_unscheduled_show_is_not_found() {
    let nothing = Show::default();
    for command in [
        hold(R1, ANNA, named(&["A-1"])),
        extend(R1, ANNA),
        release(R1, ANNA),
        confirm(R1, P1, 1),
        abandon(R1, P1),
        cancel_reservation(R1, P1),
        unblock(&["A-1"]),
        Command::ExpireDue,
        Command::WindUp { limit: 1 },
    ] {
        assert_eq!(
            nothing.decide(&command, at(0)),
            Err(Error::NotFound),
            "{command:?}"
        );
    }
    assert_eq!(
        (nothing.due(at(0)), nothing.wake_at(), nothing.capacity()),
        (vec![], None, 0)
    );
}

#[test]
fn prices_name_exactly_the_categories() {
    let mismatch = refusal(|schedule| {
        schedule.prices = prices(&[("Front", 50), ("Standing", 20), ("Balcony", 10)]);
    });
    let missing = vec!["Back".to_owned()];
    let unknown = vec!["Balcony".to_owned()];
    assert_eq!(mismatch, Error::PricesMismatch { missing, unknown });
}

#[test]
fn terms_are_bounded() {
    type Change = fn(&mut Schedule);
    let changes: [(&str, Change); 10] = [
        ("hold_seconds", |schedule| schedule.hold_seconds = 0),
        ("hold_seconds", |schedule| {
            schedule.hold_seconds = MAX_HOLD_SECONDS + 1;
        }),
        ("max_seats_per_customer", |schedule| {
            schedule.max_seats_per_customer = 0;
        }),
        ("max_seats_per_customer", |schedule| {
            schedule.max_seats_per_customer = MAX_PLACES_PER_CUSTOMER + 1;
        }),
        ("starts_at", |schedule| {
            schedule.starts_at = "-0001-12-31T23:59:59Z".parse().unwrap();
        }),
        ("on_sale_at", |schedule| {
            schedule.on_sale_at = "+10000-01-01T00:00:00Z".parse().unwrap();
        }),
        ("off_sale_at", |schedule| {
            schedule.off_sale_at = Some("+10000-01-01T00:00:00Z".parse().unwrap());
        }),
        ("off_sale_at", |schedule| {
            schedule.off_sale_at = Some(schedule.on_sale_at);
        }),
        ("prices", |schedule| {
            *schedule.prices.get_mut("Back").unwrap() = -1;
        }),
        ("prices", |schedule| {
            *schedule.prices.get_mut("Back").unwrap() = MAX_AMOUNT + 1;
        }),
    ];
    for (field, change) in changes {
        let refusal = refusal(change);
        assert!(
            matches!(refusal, Error::Invalid { at, .. } if at == field),
            "{refusal:?}"
        );
    }
}

#[test]
fn blocks_free_seats_only() {
    let mut stage = Stage::open();
    stage.block(&["A-1", "A-2"]);
    assert_eq!(stage.counts(), [23, 0, 0, 2]);
    assert_eq!(
        stage.hold(R1, ANNA, &["A-2"], 0),
        Err(unavailable(&[("A-2", 4)], &["A-3"]))
    );
    stage.hold(R1, ANNA, &["A-3"], 0).unwrap();
    let taken = block_by(organizer(), &["A-2", "A-3", "A-4"], "Camera");
    assert_eq!(
        stage.run(&taken, at(1)),
        Err(unavailable(&[("A-2", 4), ("A-3", 5)], &[]))
    );
    // A void hold's seats are free, recorded or not.
    let events = stage
        .show
        .decide(&block_by(organizer(), &["A-3"], "Camera"), at(HOLD))
        .unwrap();
    assert!(matches!(events[0], Event::HoldExpired { .. }));
    assert!(matches!(&events[1], Event::SeatsBlocked { seats, .. } if *seats == ["A-3"]));
}

#[test]
fn puts_blocked_seats_back_into_sale() {
    let mut stage = Stage::open();
    stage.block(&["A-1", "A-2"]);
    let not_blocked = Error::NotBlocked {
        seats: guids(&["A-3"]),
    };
    assert_eq!(
        stage.run(&unblock(&["A-1", "A-3"]), at(1)),
        Err(not_blocked)
    );
    stage.run(&unblock(&["A-1", "A-2"]), at(1)).unwrap();
    assert_eq!(stage.counts(), [25, 0, 0, 0]);
    assert!(stage.hold(R1, ANNA, &["A-1", "A-2"], 2).is_ok());
}

#[test]
fn obeys_its_own_organizer_alone() {
    let stage = Stage::open();
    let stranger = id(666);
    let cancel = Command::CancelShow {
        organizer_id: stranger,
        reason: "Envy".to_owned(),
    };
    for command in [block_by(stranger, &["A-1"], "Envy"), cancel] {
        assert_eq!(stage.show.decide(&command, at(0)), Err(Error::NotFound));
    }
    let wordless = stage
        .show
        .decide(&block_by(organizer(), &["A-1"], ""), at(0));
    assert!(
        matches!(wordless, Err(Error::Invalid { at: "reason", .. })),
        "{wordless:?}"
    );
}

#[test]
fn nothing_is_sold_of_a_cancelled_show() {
    let mut stage = Stage::open();
    stage.hold(R1, ANNA, &["A-1"], 0).unwrap();
    stage.cancel(1);
    assert!(stage.show.is_cancelled());
    assert_eq!(stage.hold(R2, BEN, &["A-2"], 2), Err(Error::ShowCancelled));
    assert_eq!(
        stage.run(&extend(R1, ANNA), at(2)),
        Err(Error::ShowCancelled)
    );
    assert_eq!(stage.confirm(R1, P1, 50, 2), Err(Error::ShowCancelled));
    assert_eq!(
        stage.confirm(R1, P1, 50, HOLD),
        Err(Error::ShowCancelled),
        "nor taken again"
    );
    let payable = stage.show.payable(reservation(R1), customer(ANNA), at(2));
    assert_eq!(payable, Err(Error::ShowCancelled));
    let block = block_by(organizer(), &["A-2"], "Camera");
    assert_eq!(stage.run(&block, at(2)), Err(Error::ShowCancelled));
    let again = Command::CancelShow {
        organizer_id: organizer(),
        reason: "Storm".to_owned(),
    };
    assert_eq!(stage.run(&again, at(2)), Err(Error::ShowCancelled));
}

#[test]
fn a_cancelled_show_is_wound_up_bit_by_bit() {
    let mut stage = Stage::open();
    let wind_up = Command::WindUp { limit: 1 };
    assert_eq!(
        stage.run(&wind_up, at(0)),
        Ok(vec![]),
        "not before it is cancelled"
    );
    stage.hold(R1, ANNA, &["A-1"], 0).unwrap();
    stage.confirm(R1, P1, 50, 0).unwrap();
    stage.run(&hold(R2, BEN, standing(2)), at(1)).unwrap();
    stage.cancel(2);
    assert!(stage.show.is_winding_up());
    assert_eq!(stage.show.wake_at(), Some(at(2)));

    let events = stage.run(&wind_up, at(3)).unwrap();
    assert!(
        matches!(&events[..], [Event::HoldReleased { reservation_id, reason, .. }]
        if *reservation_id == reservation(R2) && reason == "show_cancelled")
    );
    let events = stage.run(&wind_up, at(3)).unwrap();
    assert!(
        matches!(&events[..], [Event::ReservationCancelled { payment_id, reason, .. }]
        if *payment_id == id(P1) && reason == "show_cancelled")
    );

    assert_eq!(
        (stage.show.is_winding_up(), stage.show.wake_at()),
        (false, None)
    );
    assert_eq!(stage.run(&wind_up, at(4)), Ok(vec![]));
    assert_eq!(
        stage.run(&cancel_reservation(R1, P1), at(4)),
        Ok(vec![]),
        "cancelled already"
    );
    assert_eq!(stage.confirm(R2, P2, 40, 4), Err(Error::ShowCancelled));
    assert_eq!(stage.counts(), [25, 0, 0, 0]);
}

#[test]
fn a_hold_claims_its_reservation() {
    let mut stage = Stage::open();
    let events = stage.hold(R1, ANNA, &["A-1"], 0).unwrap();
    let key = reservation(R1).to_string();
    let claim = ClaimChange::Set {
        namespace: RESERVATION,
        key,
    };
    assert_eq!(Show::claims(&events[0]), [claim]);
    let events = stage.run(&release(R1, ANNA), at(1)).unwrap();
    assert_eq!(Show::claims(&events[0]), []);
}
