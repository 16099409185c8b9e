//! PORT: leases. Of several processes that could do a job, one does it: the leader. The others stand by.
//!
//! ```text
//!  holder A   term 4 ── renew ── renew ── (killed)
//!  holder B     · · · refused · · · · · · · · │ expired ──▶ term 5 ── renew ── ...
//! ```
//!
//! The contract, which `conformance` checks on every adapter:
//!
//! - **One leader.** Until a lease expires, by the store's clock, nobody else is given it.
//! - **Terms rise.** Whoever takes a lease over, or takes it again after it ran out, gets a higher term than any before.
//! - **Claims are fenced.** A claim of a term that is over is refused, so a leader that was cut off and does not know it can't write.
//! - **Claims are replicated.** A claim that was answered is as durable as an append: so is everything committed before it.

pub mod conformance;
mod in_process;
mod lead;
mod postgres;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use uuid::Uuid;

use crate::log::{self, Position};

pub use crate::leases::{
    in_process::InProcessLeases,
    lead::{Pace, lead, lead_at},
    postgres::PostgresLeases,
};

/// How long a lease lasts unless it is renewed.
pub const LEASE: Duration = Duration::from_secs(5);

/// How often a leader renews.
pub const RENEW: Duration = Duration::from_secs(1);

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The job: `relay`, `checkout`, ...
    pub name: String,
    /// Who holds it.
    pub holder: Uuid,
    /// Counts its holders; rises by at least one with each.
    pub term: u64,
}

/// Why the leases could not be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The store can't be reached; whether anything was written is unknown.
    #[error("the leases are unavailable: {0}")]
    Unavailable(String),
    /// The store can't be used by this program.
    #[error("{0}")]
    Refused(String),
}

/// The port. See the module's documentation for the contract.
#[async_trait]
pub trait Leases: Send + Sync + fmt::Debug {
    /// Takes the lease, or renews it where `holder` has it, for `ttl` from now on. `None`: another holds it.
    ///
    /// # Errors
    /// [`Error`].
    async fn hold(&self, name: &str, holder: Uuid, ttl: Duration) -> Result<Option<Lease>, Error>;

    /// Gives the lease back before its time, so that another need not wait. One that is over is left as it is.
    ///
    /// # Errors
    /// [`Error`].
    async fn release(&self, lease: &Lease) -> Result<(), Error>;

    /// Records that the leader is about to act on everything up to `up_to`; `false` where the lease's term is over. Answered once it
    /// is as durable, and as replicated, as an append: no fail-over takes back what was committed before it.
    ///
    /// # Errors
    /// [`Error`].
    async fn claim(&self, lease: &Lease, up_to: Position) -> Result<bool, Error>;
}

/// The schemes that [`open`] knows.
const SCHEMES: &str = "sqlite:PATH (leases of this process), postgres://USER@HOST/DATABASE (several servers: one URL each, \
    separated by commas)";

/// Opens the leases that go with the log at `url`.
///
/// # Errors
/// [`Error::Refused`] for an unknown scheme and for a server that this program must not use, [`Error::Unavailable`].
pub async fn open(url: &str) -> Result<Arc<dyn Leases>, Error> {
    match url.split_once(':') {
        Some(("sqlite", _)) => Ok(Arc::new(InProcessLeases::default())),
        Some(("postgres" | "postgresql", _)) => {
            let options = log::postgres::Options::default();
            Ok(Arc::new(PostgresLeases::open(url, options).await?))
        }
        _ => Err(Error::Refused(format!(
            "no adapter of leases for {url:?}; known: {SCHEMES}"
        ))),
    }
}
