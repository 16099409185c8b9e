//! PORT: the credentials. Password hashes and sessions: what lets a customer in, and what must never be an event.
//!
//! ```text
//!  session    opened ── rotated ── rotated ── ... ──▶ ended: signed out, expired, or a rotated token was used again
//!  token      #1        #2         #3                  only the newest is good; an older one ends the session
//! ```
//!
//! A refresh token is `<family><secret>`. The store sees digests alone: of the family, which finds the session, and of the whole
//! token, which must be the newest of the session. So a session is one row however often its token rotates, and whoever shows a token
//! of the family that is not the newest holds, or held, a stolen one.
//!
//! The contract, which [`conformance`] checks on every adapter:
//!
//! - **Durability.** What was answered would survive the loss of power.
//! - **One winner.** Of several who rotate one token at once, one gets the next; the others end the session.
//! - **Ended is ended.** No rotation revives a session.
//! - **Bounds.** A customer has at most [`MAX_SESSIONS_PER_CUSTOMER`] sessions; a further one takes the place of the oldest.

pub mod conformance;
pub mod copying;
mod postgres;
mod sqlite;

use std::{fmt, path::Path, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use self::{postgres::PostgresCredentials, sqlite::SqliteCredentials};

/// Sessions that one customer can have at a time: more devices than anyone signs in with, and a bound on what a script can fill.
pub const MAX_SESSIONS_PER_CUSTOMER: usize = 32;

/// SHA-256 of something secret.
pub type Digest = [u8; 32];

/// A session to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewSession {
    /// Its id, which its access tokens name.
    pub session: Uuid,
    /// Whose it is.
    pub customer: Uuid,
    /// Digest of what all its refresh tokens begin with.
    pub family: Digest,
    /// Digest of its first refresh token.
    pub token: Digest,
    /// When it is opened.
    pub opened_at: DateTime<Utc>,
    /// The instant at which its refresh token is void, unless rotated before.
    pub expires_at: DateTime<Utc>,
}

/// A rotation that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Digest of what the shown token begins with.
    pub family: Digest,
    /// Digest of the shown token.
    pub shown: Digest,
    /// Digest of the token that takes its place.
    pub next: Digest,
    /// The present.
    pub now: DateTime<Utc>,
    /// The instant at which the next token is void.
    pub expires_at: DateTime<Utc>,
}

/// How a rotation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// The shown token was the newest; now the next one is.
    Next {
        /// The session.
        session: Uuid,
        /// Whose it is.
        customer: Uuid,
    },
    /// The shown token had been rotated before: the session has ended.
    Reused {
        /// The session.
        session: Uuid,
        /// Whose it was.
        customer: Uuid,
    },
    /// There is no such session: it never was, it has ended or its time is over.
    Unknown,
}

/// Why the credentials could not be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The store can't be reached; a write may or may not have been done.
    #[error("the credentials are unavailable: {0}")]
    Unavailable(String),
    /// The store can't be used by this program.
    #[error("{0}")]
    Refused(String),
}

/// The port. See the module's documentation for the contract.
#[async_trait]
pub trait Credentials: Send + Sync + fmt::Debug {
    /// Keeps a customer's password hash (a PHC string), in place of an earlier one; pending until settled.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn put_password(
        &self,
        customer: Uuid,
        phc: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error>;

    /// A customer's password hash.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn password(&self, customer: Uuid) -> Result<Option<String>, Error>;

    /// Settles a pending password: the customer exists. Anything else stays as it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn settle_password(&self, customer: Uuid) -> Result<(), Error>;

    /// Removes a pending password: the customer never came to exist. Anything else stays as it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn discard_password(&self, customer: Uuid) -> Result<(), Error>;

    /// Customers whose passwords were put before `before` and are still pending, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn pending_passwords(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Uuid>, Error>;

    /// Opens a session. Beyond the bound, the customer's oldest goes.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn open_session(&self, session: NewSession) -> Result<(), Error>;

    /// Puts the next refresh token in place of the shown one, or ends the session.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, Error>;

    /// Ends a session. One that has ended stays so.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn end_session(&self, session: Uuid) -> Result<(), Error>;

    /// Destroys a customer's password and sessions.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn erase(&self, customer: Uuid) -> Result<(), Error>;

    /// Removes sessions whose time was over at `now`, at most `limit`. Answers how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn sweep_sessions(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, Error>;
}

/// Opens the credentials in the log's database that `url` names: `sqlite:<path>` or `postgres://...`.
///
/// # Errors
/// [`Error::Refused`] for an unknown scheme, or tables newer than this program; [`Error::Unavailable`].
pub async fn open(url: &str) -> Result<Arc<dyn Credentials>, Error> {
    match url.split_once(':') {
        Some(("sqlite", path)) => Ok(Arc::new(SqliteCredentials::open(Path::new(path)).await?)),
        Some(("postgres" | "postgresql", _)) => Ok(Arc::new(PostgresCredentials::open(url).await?)),
        _ => Err(Error::Refused(format!(
            "unknown credentials {url:?}: known are sqlite:<path> and postgres://<host>/<database>"
        ))),
    }
}

fn as_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn unavailable(error: impl ToString) -> Error {
    Error::Unavailable(error.to_string())
}
