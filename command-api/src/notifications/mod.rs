//! PORT: the ledger of notifications. What customers are told, and what is on its way to somebody elsewhere.
//!
//! ```text
//!  log         1   2   3   4   5   6   7
//!              └────────────┬──────────┘ told by events up to the checkpoint, written with it
//!  notification                        kept for its customer: read, streamed
//!  delivery    pending ── tried ── tried ── ... ──▶ sent │ dropped: nobody to send it to │ dead: the last try failed
//!                 ▲────────────────── an operator ───────────────────────────────────────────┘
//! ```
//!
//! The contract, which [`conformance`] checks on every adapter:
//!
//! - **Durability.** What was answered would survive the loss of power.
//! - **Once.** A notification's id is derived from what happened and to whom it is told: written again, it stays as it is.
//! - **Rows and checkpoint move together.** A batch is written whole and moves the checkpoint from exactly where its reader stood, or not at
//!   all: of two leaders one goes on.
//! - **Order.** A customer's notifications are in the order of the log, and complete up to the checkpoint: one that shows up later stands behind
//!   all that were seen.
//! - **Settled is settled.** A delivery that is not pending is not changed by its sender any more; only an operator brings a dead one back.
//! - **Bounds.** An organizer has at most as many webhooks as the caller allows; sweeping removes what is old,
//!   and of what is pending only what nobody is left to send to.

pub mod address;
pub mod conformance;
pub mod copying;
pub mod email;
pub mod facts;
pub mod feed;
mod kind;
mod postgres;
mod record;
pub mod schedule;
mod sqlite;
pub mod templates;
pub mod webhook;

use std::{fmt, path::Path, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::{Uuid, uuid};

pub use self::{
    feed::Feed,
    kind::{Channel, KINDS, Kind},
    postgres::PostgresLedger,
    record::{Batch, Counts, Delivery, Disabled, Notification, Outcome, Place, Webhook},
    sqlite::SqliteLedger,
};

/// Namespace of the ids of notifications; permanent.
const NOTIFICATIONS: Uuid = uuid!("6f1a3c1e-52b1-5d0a-9a35-0f5c9b5c7e03");

/// The lane that all e-mail is in; permanent.
pub const EMAIL_LANE: Uuid = uuid!("6f1a3c1e-52b1-5d0a-9a35-0f5c9b5c7e04");

/// Webhooks that one organizer can have: one for each of the systems that it runs, and a bound on what an event fans out to.
pub const MAX_WEBHOOKS: usize = 20;

/// The id of what is told of `subject` (an event, or what several events tell of) to `recipient`: the same whenever it is derived.
pub fn notification_id(subject: Uuid, kind: Kind, recipient: Uuid) -> Uuid {
    let mut name = subject.as_bytes().to_vec();
    name.extend_from_slice(recipient.as_bytes());
    name.extend_from_slice(kind.name().as_bytes());
    Uuid::new_v5(&NOTIFICATIONS, &name)
}

/// Why the ledger could not be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The store can't be reached; a write may or may not have been done.
    #[error("the ledger of notifications is unavailable: {0}")]
    Unavailable(String),
    /// The store can't be used by this program.
    #[error("{0}")]
    Refused(String),
}

/// The port. See the module's documentation for the contract.
#[async_trait]
pub trait Ledger: Send + Sync + fmt::Debug {
    /// Up to where in the log everything told is written.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn checkpoint(&self) -> Result<u64, Error>;

    /// Writes a batch and moves the checkpoint; `false`, and nothing written, where the checkpoint is not at [`Batch::from`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn record(&self, batch: &Batch) -> Result<bool, Error>;

    /// A customer's notifications before a place, the newest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn newest(
        &self,
        customer: Uuid,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Notification>, Error>;

    /// A customer's notifications behind a place, in order, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn after(
        &self,
        customer: Uuid,
        after: Place,
        limit: usize,
    ) -> Result<Vec<Notification>, Error>;

    /// Who is told something behind a place, in order, at most `limit`: places and customers.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn told(&self, after: Place, limit: usize) -> Result<Vec<(Place, Uuid)>, Error>;

    /// Keeps a webhook; `false` where its organizer has `most` of them.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn add_webhook(&self, webhook: &Webhook, most: usize) -> Result<bool, Error>;

    /// An organizer's webhooks, the oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn webhooks_of(&self, organizer: Uuid) -> Result<Vec<Webhook>, Error>;

    /// The webhooks of several organizers that are called.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn called(&self, organizers: &[Uuid]) -> Result<Vec<Webhook>, Error>;

    /// A webhook.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn webhook(&self, id: Uuid) -> Result<Option<Webhook>, Error>;

    /// Whether any webhook is called.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn calls_any(&self) -> Result<bool, Error>;

    /// Removes an organizer's webhook and what was to be sent to it; `false` where it has no such one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn remove_webhook(&self, organizer: Uuid, id: Uuid) -> Result<bool, Error>;

    /// Calls a webhook no more; what is pending for it is dead. One that is disabled stays as it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn disable_webhook(&self, id: Uuid, disabled: &Disabled) -> Result<(), Error>;

    /// The lanes with something to be tried at `now`, the longest due first, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn lanes(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Uuid>, Error>;

    /// What is to be tried in a lane at `now`, the longest due first, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn due(
        &self,
        lane: Uuid,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error>;

    /// Writes down what came of tries at `now`, all together; each counts as one more attempt. What is not pending stays as it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn settle(&self, outcomes: &[(Uuid, Outcome)], now: DateTime<Utc>) -> Result<(), Error>;

    /// The dead deliveries before a place, the newest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn dead(&self, before: Option<(u64, Uuid)>, limit: usize)
    -> Result<Vec<Delivery>, Error>;

    /// A dead delivery.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn dead_one(&self, id: Uuid) -> Result<Option<Delivery>, Error>;

    /// Brings a dead delivery back, to be tried at `now` as if for the first time; `false` where there is no such one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn revive(&self, id: Uuid, now: DateTime<Utc>) -> Result<bool, Error>;

    /// How the deliveries stand.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn counts(&self) -> Result<Counts, Error>;

    /// Removes notifications of what happened before `before`, deliveries settled before it, and those that were due before it in a lane that
    /// nobody serves any more; at most `limit` of each. Answers how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn sweep(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, Error>;
}

/// Opens the ledger in the log's database that `url` names: `sqlite:<path>` or `postgres://...`.
///
/// # Errors
/// [`Error::Refused`] for an unknown scheme, or tables newer than this program; [`Error::Unavailable`].
pub async fn open(url: &str) -> Result<Arc<dyn Ledger>, Error> {
    match url.split_once(':') {
        Some(("sqlite", path)) => Ok(Arc::new(SqliteLedger::open(Path::new(path)).await?)),
        Some(("postgres" | "postgresql", _)) => Ok(Arc::new(PostgresLedger::open(url).await?)),
        _ => Err(Error::Refused(format!(
            "unknown ledger {url:?}: known are sqlite:<path> and postgres://<host>/<database>"
        ))),
    }
}

fn as_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A position as databases count them: the log gives out no higher one.
fn as_position(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn unavailable(error: impl ToString) -> Error {
    Error::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_derived_from_what_is_told_to_whom() {
        let (event, anna) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let id = notification_id(event, Kind::PaymentCompleted, anna);
        // Permanent: receivers tell repeats by it.
        assert_eq!(id, uuid!("d5404bfe-24f6-5189-ad7d-d0cc926396af"));
        for other in [
            notification_id(anna, Kind::PaymentCompleted, event),
            notification_id(event, Kind::PaymentFailed, anna),
            notification_id(event, Kind::PaymentCompleted, event),
        ] {
            assert_ne!(other, id);
        }
    }
}
