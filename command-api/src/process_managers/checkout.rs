//! The saga of a payment: debit the price, confirm the seats, or undo what was done.
//!
//! ```text
//!  payment requested ─▶ account debited ─▶ show confirmed ─▶ payment completed ─▶ (refund: see refund.rs)
//!                              │ refused         │ refused
//!                              └────────┬────────┘
//!                                       ▼
//!                       show: payment abandoned ─▶ account credited, or barred ─▶ payment failed
//! ```
//!
//! Each step is one append under an id made of the payment and the step's name: whoever repeats a step, the request
//! that began the payment or the process manager after a crash, changes nothing. The show is the point of no return:
//! once it confirmed, abandoning is refused for good and the saga goes forward. A timeout or an unknown outcome is
//! repeated, never compensated. Debit and credit are the payment provider's ([`crate::payment_provider`]): for points, the account's.

use domain::{
    ids::PaymentId,
    payment::{self, Payment, Status},
    points::Points,
    show,
};
use event_store::Position;
use tokio::time::Instant;

use crate::{
    commands::Origin,
    payment_provider::Credited,
    process_managers::{refund, steps::Halt},
    state::Core,
};

/// How the saga of a payment ended; read from its events, so it is the same whenever it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Paid.
    Completed {
        /// What was debited.
        amount: Points,
        /// Balance after the debit.
        balance: Points,
        /// Where the saga's last event stands.
        position: Position,
    },
    /// Undone.
    Failed {
        /// Code of the refusal.
        code: String,
        /// Whether points had been debited and were credited back.
        refunded: bool,
        /// What was to be paid.
        amount: Points,
        /// Balance after the compensation.
        balance: Points,
        /// Where the saga's last event stands.
        position: Position,
    },
}

/// Drives the saga of one payment.
#[derive(Debug)]
pub struct Checkout<'a> {
    pub(super) core: &'a Core,
    pub(super) payment_id: PaymentId,
    pub(super) origin: Origin,
    pub(super) deadline: Option<Instant>,
}

impl<'a> Checkout<'a> {
    /// On behalf of a request: its actor and trace stand in the metadata, and no step is begun after `deadline`.
    pub fn of_request(
        core: &'a Core,
        payment_id: PaymentId,
        origin: &Origin,
        deadline: Instant,
    ) -> Self {
        let origin = Origin {
            causation_id: Some(payment_id.0),
            ..origin.clone()
        };
        Self {
            core,
            payment_id,
            origin,
            deadline: Some(deadline),
        }
    }

    /// On behalf of the process manager.
    pub fn of_manager(core: &'a Core, payment_id: PaymentId) -> Self {
        let origin = Origin::manager("checkout", payment_id.0);
        Self {
            core,
            payment_id,
            origin,
            deadline: None,
        }
    }

    /// Does whatever the payment still needs: the checkout, then a refund that was asked for.
    ///
    /// # Errors
    /// [`Halt`].
    pub async fn drive(&self) -> Result<(), Halt> {
        let payment = self.look().await?;
        if payment.status == Status::Running {
            self.finish(&payment).await?;
        }
        if self.look().await?.status == Status::Refunding {
            refund::refund(self).await?;
        }
        Ok(())
    }

    /// Brings the checkout to its end, or says how it ended before. A refund afterwards does not change that answer.
    ///
    /// # Errors
    /// [`Halt`].
    pub async fn finish(&self, payment: &Payment) -> Result<End, Halt> {
        match payment.status {
            Status::Running => self.run(payment).await,
            Status::Completed | Status::Refunding | Status::Refunded => self.complete(0).await,
            Status::Failed => {
                let code = payment.failure.clone().unwrap_or_default();
                self.compensate(payment, code).await
            }
            Status::None => Err(self.broken("look", &"there is no such payment")),
        }
    }

    async fn run(&self, payment: &Payment) -> Result<End, Halt> {
        let balance = match self.debit(payment).await? {
            Ok(balance) => balance,
            Err(code) => return self.abandon(payment, code).await,
        };
        self.core.failpoints.pass("payment.debited").await;
        if let Err(refusal) = self.confirm(payment).await? {
            return self.abandon(payment, refusal.code()).await;
        }
        self.core.failpoints.pass("payment.confirmed").await;
        self.complete(balance).await
    }

    /// The balance after the debit, or the code of its refusal.
    async fn debit(&self, payment: &Payment) -> Result<Result<Points, &'static str>, Halt> {
        let provider = self.provider(payment)?;
        let debited = provider.debit(&self.order(payment)).await;
        let debited = debited.map_err(|error| self.unanswered("debit", &error))?;
        Ok(debited
            .map(|debited| debited.balance)
            .map_err(|declined| declined.code))
    }

    async fn confirm(&self, payment: &Payment) -> Result<Result<(), show::Error>, Halt> {
        let command = show::Command::Confirm {
            reservation_id: payment.reservation_id,
            payment_id: self.payment_id,
            amount: payment.amount,
        };
        let shows = &self.core.executors.shows;
        Ok(self
            .step(shows, &payment.show_id, "confirm", command)
            .await?
            .map(|_| ()))
    }

    /// Gives the payment up for the refusal `code`; or goes forward where the show has confirmed it meanwhile.
    async fn abandon(&self, payment: &Payment, code: &str) -> Result<End, Halt> {
        self.core.failpoints.pass("payment.refused").await;
        let command = show::Command::Abandon {
            reservation_id: payment.reservation_id,
            payment_id: self.payment_id,
            code: code.to_owned(),
        };
        let shows = &self.core.executors.shows;
        match self
            .step(shows, &payment.show_id, "abandon", command)
            .await?
        {
            Ok(answer) => {
                self.core.failpoints.pass("payment.abandoned").await;
                // Another driver may have come first, for another reason: what is recorded counts.
                let recorded = answer
                    .events
                    .iter()
                    .find_map(|decided| match &decided.event {
                        show::Event::PaymentAbandoned { code, .. } => Some(code.clone()),
                        _ => None,
                    });
                self.compensate(payment, recorded.unwrap_or_else(|| code.to_owned()))
                    .await
            }
            // Another driver of this saga got further than this one: its debit is recorded, and answered again.
            Err(show::Error::AlreadyConfirmed) => match self.debit(payment).await? {
                Ok(balance) => self.complete(balance).await,
                Err(code) => Err(self.broken("debit", &code)),
            },
            Err(refusal) => Err(self.broken("abandon", &refusal)),
        }
    }

    async fn compensate(&self, payment: &Payment, code: String) -> Result<End, Halt> {
        let Credited { balance, refunded } = self.credit(payment).await?;
        self.core.failpoints.pass("payment.credited").await;
        let command = payment::Command::Fail {
            code: code.clone(),
            refunded,
        };
        let payments = &self.core.executors.payments;
        let answer = match self
            .step(payments, &self.payment_id, "fail", command)
            .await?
        {
            Ok(answer) => answer,
            Err(refusal) => return Err(self.broken("fail", &refusal)),
        };
        self.core.failpoints.pass("payment.failed").await;
        match answer.events.first().map(|decided| &decided.event) {
            Some(payment::Event::PaymentFailed {
                code,
                refunded,
                amount,
                ..
            }) => {
                Self::ended(&answer, "failed");
                let (code, refunded, amount) = (code.clone(), *refunded, *amount);
                Ok(End::Failed {
                    code,
                    refunded,
                    amount,
                    balance,
                    position: answer.position,
                })
            }
            other => Err(self.broken("fail", &format!("{other:?}"))),
        }
    }

    /// Gives back what the payment debited, or bars it from debiting. One step for compensation and refund alike, so that they can't
    /// both give back.
    pub(super) async fn credit(&self, payment: &Payment) -> Result<Credited, Halt> {
        let provider = self.provider(payment)?;
        let credited = provider.credit(&self.order(payment)).await;
        credited.map_err(|error| self.unanswered("credit", &error))
    }

    async fn complete(&self, balance: Points) -> Result<End, Halt> {
        let command = payment::Command::Complete { balance };
        let payments = &self.core.executors.payments;
        let answer = match self
            .step(payments, &self.payment_id, "complete", command)
            .await?
        {
            Ok(answer) => answer,
            Err(refusal) => return Err(self.broken("complete", &refusal)),
        };
        self.core.failpoints.pass("payment.completed").await;
        match answer.events.first().map(|decided| &decided.event) {
            Some(payment::Event::PaymentCompleted {
                amount, balance, ..
            }) => {
                Self::ended(&answer, "completed");
                Ok(End::Completed {
                    amount: *amount,
                    balance: *balance,
                    position: answer.position,
                })
            }
            other => Err(self.broken("complete", &format!("{other:?}"))),
        }
    }
}
