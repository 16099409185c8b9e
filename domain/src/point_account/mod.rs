//! A customer's points: bought, spent by payments, given back. The balance is never below zero.

pub mod command;
pub mod error;
pub mod event;
pub mod upcast;

use std::collections::BTreeMap;

use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::{command::Command, error::Error, event::Event};
use crate::{
    aggregate::{self, Aggregate, Services},
    ids::PaymentId,
    points::{MAX_AMOUNT, Points},
    time::Timestamp,
};

/// What a payment did to the account. Kept for good, because a refund may come at any time: 25 bytes a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Spending {
    /// Debited, and not given back.
    Debited(Points),
    /// Given back: this payment is over.
    Credited,
    /// Given up before it debited.
    Barred,
}

/// A customer's points.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PointAccount {
    /// What is there; never below zero.
    pub balance: Points,
    /// Sum of what payments debited and may yet get back: a charge leaves room for it.
    outstanding: Points,
    payments: BTreeMap<PaymentId, Spending>,
}

impl PointAccount {
    /// What `payment` debited and has not been given back; `None` when it debited nothing.
    pub fn debited(&self, payment: PaymentId) -> Option<Points> {
        match self.payments.get(&payment) {
            Some(Spending::Debited(amount)) => Some(*amount),
            Some(Spending::Credited | Spending::Barred) | None => None,
        }
    }

    /// The balance after a charge; refused where a later credit of everything debited could overflow.
    fn charged(&self, amount: Points) -> Result<Points, Error> {
        if !(1..=MAX_AMOUNT).contains(&amount) {
            let detail = format!("must be 1 to {MAX_AMOUNT}, is {amount}");
            return Err(Error::Invalid {
                at: "amount",
                detail,
            });
        }
        let balance = self
            .balance
            .checked_add(amount)
            .ok_or(Error::BalanceOverflow)?;
        balance
            .checked_add(self.outstanding)
            .ok_or(Error::BalanceOverflow)?;
        Ok(balance)
    }

    fn after_debit(&self, amount: Points) -> Result<Points, Error> {
        if amount < 0 {
            let detail = format!("must be zero or more, is {amount}");
            return Err(Error::Invalid {
                at: "amount",
                detail,
            });
        }
        if self.balance < amount {
            return Err(Error::InsufficientPoints {
                balance: self.balance,
                required: amount,
            });
        }
        Ok(self.balance - amount)
    }
}

impl Aggregate for PointAccount {
    const TYPE: &'static str = "point_account";
    const SNAPSHOT_SCHEMA: u32 = 1;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: &Command, _now: Timestamp) -> Result<Vec<Event>, Error> {
        match *command {
            Command::Charge {
                customer_id,
                charge_id,
                amount,
            } => {
                let balance_after = self.charged(amount)?;
                Ok(vec![Event::PointsCharged {
                    customer_id,
                    charge_id,
                    amount,
                    balance_after,
                }])
            }
            Command::Debit {
                customer_id,
                payment_id,
                amount,
            } => {
                match self.payments.get(&payment_id) {
                    Some(Spending::Debited(_)) => Ok(Vec::new()),
                    // "Already debited" would be a lie here: the points are back with the customer.
                    Some(Spending::Credited | Spending::Barred) => Err(Error::DebitBarred),
                    None => {
                        let balance_after = self.after_debit(amount)?;
                        Ok(vec![Event::PointsDebited {
                            customer_id,
                            payment_id,
                            amount,
                            balance_after,
                        }])
                    }
                }
            }
            Command::Credit {
                customer_id,
                payment_id,
            } => match self.payments.get(&payment_id) {
                Some(Spending::Credited | Spending::Barred) => Ok(Vec::new()),
                Some(&Spending::Debited(amount)) => Ok(vec![Event::PointsCredited {
                    customer_id,
                    payment_id,
                    amount,
                    balance_after: self
                        .balance
                        .checked_add(amount)
                        .ok_or(Error::BalanceOverflow)?,
                }]),
                None => Ok(vec![Event::PointsDebitBarred {
                    customer_id,
                    payment_id,
                    balance_after: self.balance,
                }]),
            },
        }
    }

    fn evolve(&mut self, event: &Event) {
        match *event {
            Event::PointsCharged { balance_after, .. } => self.balance = balance_after,
            Event::PointsDebited {
                payment_id,
                amount,
                balance_after,
                ..
            } => {
                self.balance = balance_after;
                self.outstanding = self.outstanding.saturating_add(amount);
                self.payments.insert(payment_id, Spending::Debited(amount));
            }
            Event::PointsDebitBarred {
                payment_id,
                balance_after,
                ..
            } => {
                self.balance = balance_after;
                self.payments.insert(payment_id, Spending::Barred);
            }
            Event::PointsCredited {
                payment_id,
                amount,
                balance_after,
                ..
            } => {
                self.balance = balance_after;
                self.outstanding = self.outstanding.saturating_sub(amount);
                self.payments.insert(payment_id, Spending::Credited);
            }
        }
    }
}

impl cqrs_es::Aggregate for PointAccount {
    const TYPE: &'static str = <Self as Aggregate>::TYPE;
    type Command = Command;
    type Event = Event;
    type Error = Error;
    type Services = Services;

    async fn handle(
        &mut self,
        command: Command,
        services: &Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Error> {
        aggregate::handle(self, command, services, sink).await
    }

    fn apply(&mut self, event: Event) {
        self.evolve(&event);
    }
}

#[cfg(test)]
mod tests;
