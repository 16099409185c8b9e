//! The customer's points: an account in the log, one append for each debit and each credit.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    Aggregate,
    ids::CustomerId,
    payment::METHOD,
    point_account::{self, Event, PointAccount},
    points::Points,
};
use event_store::{
    EventLog, Executor, StreamId,
    executor::{self, Answer},
};

use super::{Credited, Debited, Declined, Error, Order, PaymentProvider};
use crate::{commands, deciding::Deciding};

/// Pays with points. A debit has the id of the payment's step "debit", a credit that of its step "credit", whoever asks for it.
#[derive(Debug)]
pub struct PointsProvider {
    accounts: Executor<Deciding<PointAccount>>,
    log: Arc<dyn EventLog>,
}

impl PointsProvider {
    /// Over the accounts in `log`.
    pub fn new(accounts: Executor<Deciding<PointAccount>>, log: Arc<dyn EventLog>) -> Self {
        Self { accounts, log }
    }

    /// Carries a step out, or repeats its answer.
    async fn step(
        &self,
        order: &Order<'_>,
        step: &str,
        command: point_account::Command,
    ) -> Result<Answer<Event>, executor::Error<point_account::Error>> {
        let request = commands::step(
            order.payment_id.0,
            step,
            order.origin,
            order.deadline,
            command,
        );
        let account = order.customer_id.to_string();
        self.accounts.execute(&account, request).await
    }
}

#[async_trait]
impl PaymentProvider for PointsProvider {
    fn method(&self) -> &'static str {
        METHOD
    }

    async fn check(
        &self,
        customer: CustomerId,
        amount: Points,
    ) -> Result<Result<(), Declined>, Error> {
        let look = |account: &PointAccount, _, _| account.balance;
        let balance = self.accounts.read(&customer.to_string(), look).await?;
        if balance >= amount {
            return Ok(Ok(()));
        }
        let stream = StreamId::new(PointAccount::TYPE, customer.to_string());
        let heads = self.log.stream_heads(std::slice::from_ref(&stream)).await;
        let heads = heads.map_err(|error| Error::Unavailable(error.to_string()))?;
        let head = heads.into_iter().flatten().next();
        let refusal = point_account::Error::InsufficientPoints {
            balance,
            required: amount,
        };
        Ok(Err(Declined {
            position: Some(head.map(|head| head.position).unwrap_or_default()),
            ..declined(&refusal)
        }))
    }

    async fn debit(&self, order: &Order<'_>) -> Result<Result<Debited, Declined>, Error> {
        let command = point_account::Command::Debit {
            customer_id: order.customer_id,
            payment_id: order.payment_id,
            amount: order.amount,
        };
        match self.step(order, "debit", command).await {
            Ok(answer) => match answer.events.first().map(|decided| &decided.event) {
                Some(Event::PointsDebited { balance_after, .. }) => Ok(Ok(Debited {
                    balance: *balance_after,
                })),
                other => Err(Error::Broken(format!(
                    "a debit was answered with {other:?}"
                ))),
            },
            Err(executor::Error::Refused { error, position }) => Ok(Err(Declined {
                position: Some(position),
                ..declined(&error)
            })),
            Err(error) => Err(error.into()),
        }
    }

    async fn credit(&self, order: &Order<'_>) -> Result<Credited, Error> {
        let command = point_account::Command::Credit {
            customer_id: order.customer_id,
            payment_id: order.payment_id,
        };
        let answer = self.step(order, "credit", command).await?;
        match answer.events.first().map(|decided| &decided.event) {
            Some(Event::PointsCredited { balance_after, .. }) => Ok(Credited {
                balance: *balance_after,
                refunded: true,
            }),
            Some(Event::PointsDebitBarred { balance_after, .. }) => Ok(Credited {
                balance: *balance_after,
                refunded: false,
            }),
            other => Err(Error::Broken(format!(
                "a credit was answered with {other:?}"
            ))),
        }
    }
}

/// An account's refusal as a provider tells it.
fn declined(refusal: &point_account::Error) -> Declined {
    let balance = match refusal {
        point_account::Error::InsufficientPoints { balance, .. } => *balance,
        point_account::Error::DebitBarred
        | point_account::Error::BalanceOverflow
        | point_account::Error::Invalid { .. } => 0,
    };
    Declined {
        code: refusal.code(),
        detail: refusal.to_string(),
        balance,
        position: None,
    }
}

impl From<executor::Error<point_account::Error>> for Error {
    fn from(error: executor::Error<point_account::Error>) -> Self {
        match error {
            executor::Error::Overloaded => Self::Overloaded,
            executor::Error::Busy => Self::Busy,
            executor::Error::Unavailable(why) => Self::Unavailable(why),
            executor::Error::Unknown(why) => Self::Unknown(why),
            // An account refuses debits alone, and takes no claims; the ids of steps are the saga's own.
            error @ (executor::Error::Refused { .. }
            | executor::Error::ClaimTaken { .. }
            | executor::Error::KeyReused
            | executor::Error::KeyExpired
            | executor::Error::Broken(_)) => Self::Broken(error.to_string()),
        }
    }
}
