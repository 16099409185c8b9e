//! PORT: the security log. Who signed in, who failed to, who was refused and why, whose key was used: for auditors, beside the events, and not of them.
//!
//! It names ids and keyed digests, never people. It is a help, not a ledger: what can't be written in time is counted and left out, so that
//! no caller waits for it and no flood fills the disk.
//!
//! The contract, which `conformance` checks on every adapter:
//!
//! - **Order.** Ids rise; entries of one call keep their order.
//! - **Bounds.** What is older than it is to be kept is forgotten when told.

pub mod conformance;
mod lazy;
mod postgres;
mod recorder;
mod sqlite;

use std::{fmt, path::Path, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::log::{Error, postgres::Options};

pub use self::{
    lazy::LazySecurityLog,
    postgres::PostgresSecurityLog,
    recorder::{KEPT, MAX_PER_MINUTE, Recorder},
    sqlite::SqliteSecurityLog,
};

/// Most bytes of a text in an entry.
pub const MAX_TEXT_BYTES: usize = 200;

/// Something to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// What: `signed_in`, `sign_in_failed`, `forbidden`, `key_read`, ...
    pub kind: String,
    /// Whose id or digest it is about; empty where nobody is known.
    pub subject: String,
    /// The subject's role; empty where none is known.
    pub role: String,
    /// What was asked for: a method and a path without ids.
    pub target: String,
}

/// Something that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place, from 1; there may be holes.
    pub id: u64,
    /// What was kept.
    pub entry: NewEntry,
}

/// Which entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Behind this one.
    pub after: u64,
    /// Of this kind alone.
    pub kind: Option<String>,
    /// About this subject alone.
    pub subject: Option<String>,
}

/// The port. See the module's documentation for the contract.
#[async_trait]
pub trait SecurityLog: Send + Sync + fmt::Debug {
    /// Keeps entries.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn record(&self, entries: &[NewEntry]) -> Result<(), Error>;

    /// Entries in the order of their ids, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn list(&self, filter: &Filter, limit: usize) -> Result<Vec<Entry>, Error>;

    /// Forgets the oldest entries from before `before`, at most `limit`. Answers how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn forget(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, Error>;
}

/// The schemes that [`open`] knows.
const SCHEMES: &str = "sqlite:PATH, postgres://USER@HOST/DATABASE (several servers: one URL each, separated by commas)";

/// Opens the security log in the log at `url`, which must have been opened as a log before.
///
/// # Errors
/// [`Error::Refused`] for an unknown scheme and for a server that this program must not use, [`Error::Unavailable`].
pub async fn open(url: &str, options: Options) -> Result<Arc<dyn SecurityLog>, Error> {
    match url.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => {
            Ok(Arc::new(SqliteSecurityLog::open(Path::new(path)).await?))
        }
        Some(("postgres" | "postgresql", _)) => {
            Ok(Arc::new(PostgresSecurityLog::open(url, options).await?))
        }
        _ => Err(Error::Refused(format!(
            "no adapter of the security log for {url:?}; known: {SCHEMES}"
        ))),
    }
}

fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn as_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
