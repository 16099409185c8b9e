//! PORT: the key store. Holds what must stay out of the log and its backups: one personal-data key per customer, the keys of keyed
//! digests, and secrets by name.
//!
//! ```text
//!  customer's key     create ──▶ pending ── settle ──▶ settled ── destroy ──▶ destroyed   ── for ever: no new key in its place
//!                                   └────── discard ──▶ (as if it had never been)
//! ```
//!
//! The contract, which [`conformance`] checks on every adapter:
//!
//! - **Durability.** A key that was answered would survive the loss of power: what is encrypted under it may enter the log.
//! - **One key.** Creating what exists answers what exists, whoever asks, and however many ask at once.
//! - **Destruction is final.** A destroyed key can't be read, and no new one takes its place. Its bytes are overwritten as far as the
//!   store can do that: each adapter says how far.
//! - **Only what is pending is discarded.** A settled or destroyed key stays as it is.

pub mod conformance;
pub mod copying;
mod postgres;
mod sqlite;
mod watched;

use std::{fmt, path::Path, sync::Arc};

use async_trait::async_trait;
use aws_lc_rs::rand;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretBox};
use uuid::Uuid;

pub use self::{
    postgres::PostgresKeyStore,
    sqlite::SqliteKeyStore,
    watched::{KeyUse, WatchedKeyStore},
};

/// Length of every key and secret: AES-256 and HMAC-SHA256 both want 32 bytes.
pub const KEY_BYTES: usize = 32;

/// Most bytes of a secret's name.
pub const MAX_NAME_BYTES: usize = 255;

/// A key. Not shown by `Debug`; overwritten when dropped.
pub struct Key(SecretBox<[u8; KEY_BYTES]>);

impl Key {
    /// A key of these bytes.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// A new key.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn generate() -> Result<Self, Error> {
        let mut bytes = Box::new([0; KEY_BYTES]);
        rand::fill(bytes.as_mut_slice()).map_err(|_| Error::Random)?;
        Ok(Self(SecretBox::new(bytes)))
    }

    /// The bytes, for the one who encrypts or signs.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        self.0.expose_secret()
    }
}

impl Clone for Key {
    fn clone(&self) -> Self {
        Self::new(*self.expose())
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.expose(), other.expose()).is_ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// What a keyed digest is for: each purpose has a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HmacPurpose {
    /// Recognises a repeated request.
    Fingerprint,
    /// Finds a customer by e-mail address.
    Email,
}

impl HmacPurpose {
    /// Name of the key; permanent.
    pub fn secret_name(self) -> &'static str {
        match self {
            Self::Fingerprint => "hmac/fingerprint",
            Self::Email => "hmac/email",
        }
    }
}

/// Why the key store did not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The customer's key was destroyed; there will be no other.
    #[error("the key of customer {customer} was destroyed")]
    Destroyed {
        /// Whose.
        customer: Uuid,
    },
    /// The name of a secret is empty or too long.
    #[error("a secret can't be named {name:?}: 1 to {MAX_NAME_BYTES} bytes")]
    Name {
        /// The name.
        name: String,
    },
    /// The source of randomness failed.
    #[error("no key could be made: the source of randomness failed")]
    Random,
    /// The store can't be reached; a write may or may not have been done, and is safe to repeat.
    #[error("the key store is unavailable: {0}")]
    Unavailable(String),
    /// The store can't be used by this program.
    #[error("{0}")]
    Refused(String),
}

/// The port. See the module's documentation for the contract.
#[async_trait]
pub trait KeyStore: Send + Sync + fmt::Debug {
    /// The customer's key; a new, pending one where there is none.
    ///
    /// # Errors
    /// [`Error::Destroyed`], [`Error::Random`], [`Error::Unavailable`].
    async fn create_key(&self, customer: Uuid, now: DateTime<Utc>) -> Result<Key, Error>;

    /// The customer's key; `None` where there is none, or none any more.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn key(&self, customer: Uuid) -> Result<Option<Key>, Error>;

    /// Settles a pending key: the customer exists. Anything else stays as it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn settle_key(&self, customer: Uuid) -> Result<(), Error>;

    /// Removes a pending key: the customer never came to exist. Anything else stays as it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn discard_key(&self, customer: Uuid) -> Result<(), Error>;

    /// Destroys the customer's key for ever; also where there is none yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn destroy_key(&self, customer: Uuid, now: DateTime<Utc>) -> Result<(), Error>;

    /// Customers whose keys were created before `before` and are still pending, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn pending_keys(&self, before: DateTime<Utc>, limit: usize) -> Result<Vec<Uuid>, Error>;

    /// The secret of a name; a new one where there is none.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Random`], [`Error::Unavailable`].
    async fn create_secret(&self, name: &str) -> Result<Key, Error>;

    /// The secret of a name.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn secret(&self, name: &str) -> Result<Option<Key>, Error>;

    /// Removes the secret of a name. A later one of the same name is another.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn destroy_secret(&self, name: &str) -> Result<(), Error>;

    /// Names of secrets that begin with `prefix`, behind `after` (at first the prefix itself), in the order of their bytes, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn secret_names(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error>;

    /// The key of a keyed digest, made at its first use and the same ever after.
    ///
    /// # Errors
    /// [`Error::Random`], [`Error::Unavailable`].
    async fn hmac_key(&self, purpose: HmacPurpose) -> Result<Key, Error> {
        self.create_secret(purpose.secret_name()).await
    }
}

/// The first text, by its bytes, behind all that begin with `prefix` and are names of ours.
fn behind(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

/// Opens the key store that `url` names: `sqlite:<path>` or `postgres://...`.
///
/// # Errors
/// [`Error::Refused`] for an unknown scheme, or a store with a newer schema; [`Error::Unavailable`].
pub async fn open(url: &str) -> Result<Arc<dyn KeyStore>, Error> {
    match url.split_once(':') {
        Some(("sqlite", path)) => Ok(Arc::new(SqliteKeyStore::open(Path::new(path)).await?)),
        Some(("postgres" | "postgresql", _)) => Ok(Arc::new(PostgresKeyStore::open(url).await?)),
        _ => Err(Error::Refused(format!(
            "unknown key store {url:?}: known are sqlite:<path> and postgres://<host>/<database>"
        ))),
    }
}
