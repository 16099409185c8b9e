//! The steps of a payment's saga: sent under ids of their own, their answers told apart into go on, turn back, try later.

use domain::{ids::PaymentId, payment::Payment};
use event_store::{
    Executor,
    executor::{self, Answer},
};

use crate::{
    commands,
    deciding::{Deciding, Stored},
    metrics,
    payment_provider::{self, Order, PaymentProvider},
    process_managers::checkout::Checkout,
};

/// Why a saga does not go on now.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Halt {
    /// A step found no answer; it may or may not have been recorded. To be repeated.
    #[error("the step {step} of payment {payment_id} is to be repeated: {cause}")]
    Later {
        /// Which payment.
        payment_id: PaymentId,
        /// Which step.
        step: &'static str,
        /// What came instead of an answer.
        cause: String,
    },
    /// A step was answered as it never should be: a defect, to be looked at.
    #[error("the step {step} of payment {payment_id} can't be carried out: {cause}")]
    Broken {
        /// Which payment.
        payment_id: PaymentId,
        /// Which step.
        step: &'static str,
        /// What was answered.
        cause: String,
    },
}

/// A step that the aggregate answered.
pub(super) type Stepped<A> =
    Result<Answer<<A as domain::Aggregate>::Event>, <A as domain::Aggregate>::Error>;

impl Checkout<'_> {
    /// The payment as it stands.
    ///
    /// # Errors
    /// [`Halt::Later`].
    pub async fn look(&self) -> Result<Payment, Halt> {
        let payments = &self.core.executors.payments;
        let payment = payments
            .read(&self.payment_id.to_string(), |payment, _, _| {
                payment.clone()
            })
            .await;
        payment.map_err(|error| self.later("look", &error))
    }

    /// Counts an end once, however often it is answered.
    pub(super) fn ended<E>(answer: &Answer<E>, end: &'static str) {
        if !answer.repeated {
            metrics::saga(end);
        }
    }

    /// Carries out a step, or repeats its answer.
    pub(super) async fn step<A: Stored>(
        &self,
        executor: &Executor<Deciding<A>>,
        id: &(impl ToString + Sync),
        step: &'static str,
        command: A::Command,
    ) -> Result<Stepped<A>, Halt> {
        let saga = self.payment_id.0;
        let request = commands::step(saga, step, &self.origin, self.deadline, command);
        match executor.execute(&id.to_string(), request).await {
            Ok(answer) => Ok(Ok(answer)),
            Err(executor::Error::Refused { error, .. }) => Ok(Err(error)),
            Err(
                error @ (executor::Error::Overloaded
                | executor::Error::Busy
                | executor::Error::Unknown(_)
                | executor::Error::Unavailable(_)),
            ) => Err(self.later(step, &error)),
            Err(
                error @ (executor::Error::ClaimTaken { .. }
                | executor::Error::KeyReused
                | executor::Error::KeyExpired
                | executor::Error::Broken(_)),
            ) => Err(self.broken(step, &error)),
        }
    }

    /// Who takes the payment's price and gives it back.
    pub(super) fn provider(&self, payment: &Payment) -> Result<&dyn PaymentProvider, Halt> {
        let method = &payment.method;
        let provider = self.core.payment_providers.of(method);
        provider.ok_or_else(|| self.broken("look", &format!("nobody takes {method:?}")))
    }

    /// What the provider is asked for.
    pub(super) fn order(&self, payment: &Payment) -> Order<'_> {
        Order {
            payment_id: self.payment_id,
            customer_id: payment.customer_id,
            amount: payment.amount,
            origin: &self.origin,
            deadline: self.deadline,
        }
    }

    /// The provider did not answer a step.
    pub(super) fn unanswered(&self, step: &'static str, error: &payment_provider::Error) -> Halt {
        match error {
            payment_provider::Error::Broken(_) => self.broken(step, error),
            payment_provider::Error::Overloaded
            | payment_provider::Error::Busy
            | payment_provider::Error::Unavailable(_)
            | payment_provider::Error::Unknown(_) => self.later(step, error),
        }
    }

    fn later(&self, step: &'static str, cause: &dyn std::fmt::Display) -> Halt {
        Halt::Later {
            payment_id: self.payment_id,
            step,
            cause: cause.to_string(),
        }
    }

    pub(super) fn broken(&self, step: &'static str, cause: &dyn std::fmt::Display) -> Halt {
        Halt::Broken {
            payment_id: self.payment_id,
            step,
            cause: cause.to_string(),
        }
    }
}
