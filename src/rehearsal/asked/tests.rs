//! What the journeys can't bring about: payments that are given up.

use std::fmt::Debug;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    payment::{self, Payment},
    point_account::{self, PointAccount},
    show::{self, Show, command::Schedule},
};
use uuid::Uuid;

use super::Asked;

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn id<T: From<Uuid>>(n: u128) -> T {
    Uuid::from_u128(n).into()
}

/// Decides a command, tells it from its events, and decides that: the same comes out.
fn again<A: Asked>(state: &mut A, command: &A::Command)
where
    A::Event: Debug,
{
    let decided = state.decide(command, now()).unwrap();
    assert!(!decided.is_empty());
    let asked = state.asked(&decided).expect("it can be told");
    assert_eq!(state.decide(&asked, now()).unwrap(), decided);
    for event in &decided {
        state.evolve(event);
    }
}

#[test]
fn a_payment_that_fails() {
    let mut payment = Payment::default();
    again(
        &mut payment,
        &payment::Command::Request {
            reservation_id: id(1),
            show_id: id(2),
            customer_id: id(3),
            organizer_id: id(4),
            amount: 10,
            method: payment::METHOD.to_owned(),
        },
    );
    let fail = payment::Command::Fail {
        code: "hold_expired".to_owned(),
        refunded: false,
    };
    again(&mut payment, &fail);
}

#[test]
fn points_that_are_never_debited() {
    let mut account = PointAccount::default();
    let (customer_id, payment_id) = (id(3), id(5));
    again(
        &mut account,
        &point_account::Command::Charge {
            customer_id,
            charge_id: id(6),
            amount: 10,
        },
    );
    let credit = point_account::Command::Credit {
        customer_id,
        payment_id,
    };
    again(&mut account, &credit);
}

#[test]
fn a_show_that_gives_a_payment_up() {
    let mut show = Show::default();
    let floor = domain::seating::StandingArea {
        name: "Floor".to_owned(),
        category: "Floor".to_owned(),
        capacity: 5,
    };
    let schedule = Schedule {
        organizer_id: id(4),
        concert_id: id(7),
        venue_id: id(8),
        starts_at: now() + TimeDelta::days(9),
        on_sale_at: now(),
        off_sale_at: None,
        prices: [("Floor".to_owned(), 10)].into(),
        hold_seconds: 60,
        max_seats_per_customer: 4,
        no_stranded_seats: false,
        waiting_room: None,
        categories: Vec::new(),
        focus: domain::seating::Point::default(),
        zones: Vec::new(),
        standing: vec![floor],
    };
    again(&mut show, &show::Command::Schedule(Box::new(schedule)));
    let hold = show::Command::Hold {
        reservation_id: id(1),
        customer_id: id(3),
        selection: show::Selection::Standing {
            category: "Floor".to_owned(),
            quantity: 2,
        },
        pass: None,
    };
    again(&mut show, &hold);
    let abandon = show::Command::Abandon {
        reservation_id: id(1),
        payment_id: id(5),
        code: "insufficient_points".to_owned(),
    };
    again(&mut show, &abandon);
}
