//! PORT: what takes the price of a payment from the customer, and gives it back. The saga of a payment
//! ([`crate::process_managers::checkout`]) asks for both, under the payment's id and as often as it takes.
//!
//! ```text
//!                  debit                      credit
//!     untouched ───────────▶ debited ─────────────────────▶ given back
//!       │   ▲ declined: untouched
//!       └── credit ──▶ barred: this payment never debits
//! ```
//!
//! The contract, which [`conformance`] checks on every adapter:
//!
//! - **Once.** A debit that was carried out is answered again as it was the first time, and takes nothing more; so is a credit.
//! - **A refusal changes nothing.** A debit that is declined took nothing; asked for again it is decided anew.
//! - **A credit is the end.** It gives back what the payment debited, to the unit; where that is nothing, the payment is barred. After
//!   either, a debit is declined. Of the two at once, one comes first and both answers agree on which.
//! - **In doubt, say so.** Where an adapter can't tell whether something was carried out, its answer is an error, and asking again
//!   settles it. It never answers "declined" for what may have been taken.
//! - **Durable.** What was answered survives a crash of this process.
//!
//! Points are the one adapter. Another method of payment is another adapter, named by the payment from its first event on.

pub mod conformance;
pub mod points;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use domain::{
    ids::{CustomerId, PaymentId},
    points::Points,
};
use event_store::{EventLog, Position};
use tokio::time::Instant;

pub use self::points::PointsProvider;
use crate::{commands::Origin, state::Executors};

/// What a provider is asked to do for a payment. The same payment always comes with the same customer and amount.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The payment.
    pub payment_id: PaymentId,
    /// Who pays.
    pub customer_id: CustomerId,
    /// How much; in points, zero or more.
    pub amount: Points,
    /// Who asks, in which trace.
    pub origin: &'a Origin,
    /// When the provider gives up and answers with an error.
    pub deadline: Option<Instant>,
}

/// A debit that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Debited {
    /// What the customer had right afterwards; 0 where the provider does not know.
    pub balance: Points,
}

/// A credit that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credited {
    /// What the customer had right afterwards; 0 where the provider does not know.
    pub balance: Points,
    /// Whether anything was given back; otherwise the payment had debited nothing, and never will.
    pub refunded: bool,
}

/// A debit that is refused, and what would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declined {
    /// Stable code, one of [`crate::codes`].
    pub code: &'static str,
    /// For people.
    pub detail: String,
    /// What the customer has; 0 where the provider does not know.
    pub balance: Points,
    /// Where in the log the refusal rests; `None` where it rests elsewhere.
    pub position: Option<Position>,
}

/// Why a provider did not answer. What it was asked for may or may not have been carried out: to be asked again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too much waits already; nothing was done.
    #[error("too many payments are waiting")]
    Overloaded,
    /// The deadline passed; nothing was done.
    #[error("the deadline passed")]
    Busy,
    /// It can't be reached; nothing was done.
    #[error("the payment provider can't be reached: {0}")]
    Unavailable(String),
    /// It may or may not have been carried out.
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
    /// It answered as it never should: a defect, to be looked at.
    #[error("the payment provider is broken: {0}")]
    Broken(String),
}

/// The port.
#[async_trait]
pub trait PaymentProvider: Send + Sync + fmt::Debug {
    /// The name of the method of payment, as payments record it; permanent.
    fn method(&self) -> &'static str;

    /// Whether the customer could pay `amount` just now. Asked before anything is recorded; promises nothing.
    ///
    /// # Errors
    /// [`Error`].
    async fn check(
        &self,
        customer: CustomerId,
        amount: Points,
    ) -> Result<Result<(), Declined>, Error>;

    /// Takes the amount.
    ///
    /// # Errors
    /// [`Error`]: to be asked again.
    async fn debit(&self, order: &Order<'_>) -> Result<Result<Debited, Declined>, Error>;

    /// Gives back what was taken, or sees to it that nothing ever is.
    ///
    /// # Errors
    /// [`Error`]: to be asked again.
    async fn credit(&self, order: &Order<'_>) -> Result<Credited, Error>;
}

/// The providers, each by its method of payment. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PaymentProviders(Arc<[Arc<dyn PaymentProvider>]>);

impl PaymentProviders {
    /// These, of which no two serve one method.
    pub fn new(providers: impl IntoIterator<Item = Arc<dyn PaymentProvider>>) -> Self {
        Self(providers.into_iter().collect())
    }

    /// Points alone.
    pub fn points(executors: &Executors, log: &Arc<dyn EventLog>) -> Self {
        let points = PointsProvider::new(executors.accounts.clone(), log.clone());
        Self::new([Arc::new(points) as Arc<dyn PaymentProvider>])
    }

    /// The one that serves `method`.
    pub fn of(&self, method: &str) -> Option<&dyn PaymentProvider> {
        let found = self.0.iter().find(|provider| provider.method() == method);
        found.map(AsRef::as_ref)
    }
}
