//! PORT: commands that were refused, beside the log and not of it. A refusal changed nothing, so it is no event; but who asks why a seat
//! was lost wants to see it beside the events.
//!
//! ```text
//!  whoever answers ──▶ Recorder: counts, keeps what is the first of its subject ──▶ a batch every half second ──▶ refusal_counts, refusals
//!                      (a lock and a lookup; waits for nothing)
//! ```
//!
//! It is a help, not a ledger: what can't be written in time is counted and left out, so that no caller waits for it, and a process that
//! is killed takes the last half second of it along.
//!
//! The contract, which `conformance` checks on every adapter:
//!
//! - **Bounds.** Of each subject the first [`KEPT_EACH`] refusals are kept, whoever writes them and however many at once. All are counted.
//! - **Order.** Refusals are listed by the position at which the state stood that refused, then by time.

pub mod conformance;
mod postgres;
mod recorder;
mod sqlite;

use std::{fmt, ops::Range, path::Path, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::log::{Error, postgres::Options};

pub use self::{
    postgres::PostgresRefusals,
    recorder::{KEPT, MAX_ROWS_WAITING, MAX_SUBJECTS_WAITING, Recorder},
    sqlite::SqliteRefusals,
};

/// Refusals of one subject that are kept; from then on they are counted (decision 0036).
pub const KEPT_EACH: u64 = 100;
/// Most bytes of a text of a refusal.
pub const MAX_TEXT_BYTES: usize = 200;

/// A command that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Tells it from others. One that is about several subjects is kept for each, under the same id.
    pub refusal_id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// What was asked.
    pub command: String,
    /// Id of the command: the same for a repeat with the same key.
    pub command_id: Uuid,
    /// Stable code of the reason.
    pub code: String,
    /// The reason in words; names nobody.
    pub detail: String,
    /// Who asked, as events name it; never a name or an address.
    pub actor: String,
    /// What it was brought about together with; empty where that is not known.
    pub correlation_id: String,
    /// Where the stream stood that refused; 0 where that is not known.
    pub position: u64,
}

/// What was refused about one subject since it was last written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// About what: `<kind>/<id>`.
    pub subject: String,
    /// How often.
    pub refused: u64,
    /// The last time.
    pub last_at: DateTime<Utc>,
    /// The first ones, each with its place among them, from 1, rising.
    pub first: Vec<(u64, Refusal)>,
}

/// A refusal that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// About what.
    pub subject: String,
    /// Its place among the subject's refusals, from 1. A number that is missing was left out under overload.
    pub number: u64,
    /// What was refused.
    pub refusal: Refusal,
}

/// How often something was refused about a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// About what.
    pub subject: String,
    /// How often, kept ones included.
    pub refused: u64,
    /// The last time.
    pub last_at: DateTime<Utc>,
}

/// Which refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of<'a> {
    /// About any of these subjects.
    Subjects(&'a [String]),
    /// Of this actor.
    Actor(&'a str),
    /// With this correlation id.
    Correlation(&'a str),
}

/// The port. See the module's documentation for the contract.
#[async_trait]
pub trait Refusals: Send + Sync + fmt::Debug {
    /// Counts, and keeps what belongs to the first of its subject. A subject stands in one tally. Answers which of the subjects are full:
    /// of those only the count matters from now on.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: it may have been written or not.
    async fn record(&self, tallies: &[Tally]) -> Result<Vec<String>, Error>;

    /// Kept ones whose `position` is in `positions`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn list(
        &self,
        of: Of<'_>,
        positions: Range<u64>,
        limit: usize,
    ) -> Result<Vec<Kept>, Error>;

    /// How often something was refused about each of these subjects, by subject; none for one of which nothing was refused.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn counts(&self, subjects: &[String]) -> Result<Vec<Count>, Error>;

    /// All kept ones, by subject and number, behind this one, at most `limit`: for those who copy them.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn list_kept(&self, after: Option<(&str, u64)>, limit: usize)
    -> Result<Vec<Kept>, Error>;

    /// All counts, by subject, behind this one, at most `limit`: for those who copy them.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn list_counts(&self, after: Option<&str>, limit: usize) -> Result<Vec<Count>, Error>;

    /// Forgets kept ones from before `before`, at most `limit`; counts stay. Answers how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn forget(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, Error>;
}

/// The schemes that [`open`] knows.
const SCHEMES: &str = "sqlite:PATH, postgres://USER@HOST/DATABASE (several servers: one URL each, separated by commas)";

/// Opens the refusals beside the log at `url`, which must have been opened as a log before.
///
/// # Errors
/// [`Error::Refused`] for an unknown scheme and for a server that this program must not use, [`Error::Unavailable`].
pub async fn open(url: &str, options: Options) -> Result<Arc<dyn Refusals>, Error> {
    match url.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => {
            Ok(Arc::new(SqliteRefusals::open(Path::new(path)).await?))
        }
        Some(("postgres" | "postgresql", _)) => {
            Ok(Arc::new(PostgresRefusals::open(url, options).await?))
        }
        _ => Err(Error::Refused(format!(
            "no adapter of the refusals for {url:?}; known: {SCHEMES}"
        ))),
    }
}

fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn to_u64(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn as_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
