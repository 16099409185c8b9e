//! Given / when / then.

use proptest::prelude::*;

use super::{Command, Error, Event, PointAccount};
use crate::{
    aggregate::Aggregate,
    points::{MAX_AMOUNT, Points},
    testing::{When, at, given, id, stored},
};

fn charge(amount: Points) -> Command {
    Command::Charge {
        customer_id: id(1),
        charge_id: id(9),
        amount,
    }
}

fn debit(payment: u128, amount: Points) -> Command {
    Command::Debit {
        customer_id: id(1),
        payment_id: id(payment),
        amount,
    }
}

fn credit(payment: u128) -> Command {
    Command::Credit {
        customer_id: id(1),
        payment_id: id(payment),
    }
}

fn charged(amount: Points, balance_after: Points) -> Event {
    Event::PointsCharged {
        customer_id: id(1),
        charge_id: id(9),
        amount,
        balance_after,
    }
}

fn debited(payment: u128, amount: Points, balance_after: Points) -> Event {
    Event::PointsDebited {
        customer_id: id(1),
        payment_id: id(payment),
        amount,
        balance_after,
    }
}

fn credited(payment: u128, amount: Points, balance_after: Points) -> Event {
    Event::PointsCredited {
        customer_id: id(1),
        payment_id: id(payment),
        amount,
        balance_after,
    }
}

fn barred(payment: u128, balance_after: Points) -> Event {
    Event::PointsDebitBarred {
        customer_id: id(1),
        payment_id: id(payment),
        balance_after,
    }
}

#[test]
fn charges_add_up() {
    given::<PointAccount>(&[])
        .when(&charge(500), at(0))
        .then(&[charged(500, 500)]);
    given::<PointAccount>(&[charged(500, 500)])
        .when(&charge(20), at(0))
        .then(&[charged(20, 520)]);
}

#[test]
fn a_charge_is_bounded() {
    let empty: PointAccount = given(&[]);
    for amount in [0, -1, MAX_AMOUNT + 1] {
        let outcome = empty.decide(&charge(amount), at(0));
        assert!(
            matches!(outcome, Err(Error::Invalid { at: "amount", .. })),
            "{outcome:?}"
        );
    }
    let full: PointAccount = given(&[charged(1, Points::MAX - 4)]);
    full.when(&charge(5), at(0))
        .refused(&Error::BalanceOverflow);
}

#[test]
fn a_charge_leaves_room_for_what_may_come_back() {
    let full = charged(1, Points::MAX);
    let spent: PointAccount = given(&[full, debited(1, 100, Points::MAX - 100)]);
    spent
        .when(&charge(1), at(0))
        .refused(&Error::BalanceOverflow);
    spent
        .when(&credit(1), at(0))
        .then(&[credited(1, 100, Points::MAX)]);
}

#[test]
fn a_payment_debits_once() {
    let account: PointAccount = given(&[charged(100, 100)]);
    account
        .when(&debit(1, 60), at(0))
        .then(&[debited(1, 60, 40)]);
    let account: PointAccount = given(&[charged(100, 100), debited(1, 60, 40)]);
    account.when(&debit(1, 60), at(0)).then_nothing();
    let refusal = Error::InsufficientPoints {
        balance: 40,
        required: 60,
    };
    account.when(&debit(2, 60), at(0)).refused(&refusal);
    assert_eq!(
        (account.debited(id(1)), account.debited(id(2))),
        (Some(60), None)
    );
}

#[test]
fn a_credit_gives_back_what_was_debited_once() {
    let history = [charged(100, 100), debited(1, 60, 40)];
    given::<PointAccount>(&history)
        .when(&credit(1), at(0))
        .then(&[credited(1, 60, 100)]);
    let over: PointAccount = given(&[&history[..], &[credited(1, 60, 100)]].concat());
    over.when(&credit(1), at(0)).then_nothing();
    over.when(&debit(1, 60), at(0)).refused(&Error::DebitBarred);
    assert_eq!(over.debited(id(1)), None);
}

#[test]
fn a_credit_before_the_debit_bars_it() {
    given::<PointAccount>(&[charged(9, 9)])
        .when(&credit(1), at(0))
        .then(&[barred(1, 9)]);
    let account: PointAccount = given(&[charged(9, 9), barred(1, 9)]);
    account.when(&credit(1), at(0)).then_nothing();
    account
        .when(&debit(1, 5), at(0))
        .refused(&Error::DebitBarred);
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (1..=1_000_i64).prop_map(charge),
        (0..8_u128, 0..=1_500_i64).prop_map(|(payment, amount)| debit(payment, amount)),
        (0..8_u128).prop_map(credit),
    ]
}

proptest! {
    #[test]
    fn no_history_overdraws_or_loses_points(commands in prop::collection::vec(any_command(), 0..80)) {
        let mut live = PointAccount::default();
        let mut from_log = PointAccount::default();
        let (mut bought, mut spent) = (0, 0);
        for command in commands {
            for event in live.decide(&command, at(0)).unwrap_or_default() {
                match event {
                    Event::PointsCharged { amount, .. } => bought += amount,
                    Event::PointsDebited { amount, .. } => spent += amount,
                    Event::PointsCredited { amount, .. } => spent -= amount,
                    Event::PointsDebitBarred { .. } => {}
                }
                live.evolve(&event);
                from_log.evolve(&stored(&event));
            }
            prop_assert!(live.balance >= 0);
            prop_assert_eq!(live.balance, bought - spent);
            prop_assert_eq!(live.outstanding, spent);
        }
        prop_assert_eq!(&live, &from_log);
        prop_assert_eq!(&stored(&live), &live, "a snapshot is the state");
    }
}
