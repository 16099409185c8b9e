//! Points: each account added up by itself, and all of them together.

use std::collections::HashMap;

use event_store::Position;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    facts::{Fact, Movement, Read},
    report::{At, Check, Findings},
};

/// What a payment did to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Spent {
    /// Debited, and not given back.
    Debited(i64),
    /// Debited and given back.
    Credited,
    /// Given up before it debited.
    Barred,
}

/// All accounts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Accounts {
    balances: HashMap<Uuid, i64>,
    /// Payment -> account, and what it did.
    spent: HashMap<Uuid, (Uuid, Spent)>,
    charged: i128,
    debited: i128,
    credited: i128,
}

impl Accounts {
    /// Takes account of one event of an account.
    pub(super) fn apply(&mut self, read: &Read<'_>, findings: &mut Findings) {
        let position = read.event.position;
        let (movement, change) = match &read.fact {
            Fact::PointsCharged(movement) => {
                self.charged += i128::from(movement.amount);
                (movement, movement.amount)
            }
            Fact::PointsDebited(movement) => {
                self.debited += i128::from(movement.amount);
                self.spend(read.id, movement, position, findings);
                (movement, movement.amount.saturating_neg())
            }
            Fact::PointsCredited(movement) => {
                self.credited += i128::from(movement.amount);
                self.give_back(read.id, movement, position, findings);
                (movement, movement.amount)
            }
            Fact::PointsDebitBarred(movement) => {
                let spent = (read.id, Spent::Barred);
                if self.spent.insert(movement.payment_id, spent).is_some() {
                    let detail =
                        format!("payment {} is barred after it debited", movement.payment_id);
                    findings.add(Check::Points, position, detail);
                }
                (movement, 0)
            }
            _ => return,
        };
        findings.checked(Check::Points, 1);
        if movement.customer_id != read.id {
            findings.add(
                Check::Points,
                position,
                format!("of customer {}, in another's account", movement.customer_id),
            );
        }
        if movement.amount < 0 {
            findings.add(
                Check::Points,
                position,
                format!("a movement of {} points", movement.amount),
            );
        }
        let balance = self.balances.entry(read.id).or_default();
        let expected = balance.saturating_add(change);
        if expected != movement.balance_after {
            let detail = format!(
                "the balance is {expected}, the event says {}",
                movement.balance_after
            );
            findings.add(Check::Points, position, detail);
        }
        if expected < 0 || movement.balance_after < 0 {
            findings.add(Check::Points, position, "the balance is below zero");
        }
        // What the event says goes on, so that one fault is found once.
        *balance = movement.balance_after;
    }

    fn spend(
        &mut self,
        account: Uuid,
        movement: &Movement,
        position: Position,
        findings: &mut Findings,
    ) {
        let spent = (account, Spent::Debited(movement.amount));
        if let Some((_, before)) = self.spent.insert(movement.payment_id, spent) {
            let detail = format!(
                "payment {} debits, but it is {before:?} already",
                movement.payment_id
            );
            findings.add(Check::Points, position, detail);
        }
    }

    fn give_back(
        &mut self,
        account: Uuid,
        movement: &Movement,
        position: Position,
        findings: &mut Findings,
    ) {
        let before = self
            .spent
            .insert(movement.payment_id, (account, Spent::Credited));
        if before != Some((account, Spent::Debited(movement.amount))) {
            let detail = format!(
                "payment {} is given {} back, but it is {before:?}",
                movement.payment_id, movement.amount
            );
            findings.add(Check::Points, position, detail);
        }
    }

    /// What a payment did, and to whose account.
    pub(super) fn spent(&self, payment: Uuid) -> Option<(Uuid, Spent)> {
        self.spent.get(&payment).copied()
    }

    /// Every payment that did something to an account.
    pub(super) fn payments(&self) -> impl Iterator<Item = (Uuid, Spent)> {
        self.spent
            .iter()
            .map(|(payment, (_, spent))| (*payment, *spent))
    }

    /// What was charged is there, or was paid and not given back.
    pub(super) fn check_total(&self, findings: &mut Findings) {
        let balances: i128 = self
            .balances
            .values()
            .map(|balance| i128::from(*balance))
            .sum();
        let paid = self.debited - self.credited;
        if self.charged != balances + paid {
            let charged = self.charged;
            let detail =
                format!("{charged} points were charged, {balances} are there and {paid} were paid");
            findings.add(Check::Points, At::Log, detail);
        }
    }
}
