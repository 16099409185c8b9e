//! A key store that tells when the key of somebody's personal data is read or destroyed: for the security log.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Error, Key, KeyStore};

/// What was done with a customer's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// It was read: whoever reads it decrypts.
    Read,
    /// It was destroyed, now or before.
    Destroyed,
}

impl KeyUse {
    /// As the security log names it; permanent.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "key_read",
            Self::Destroyed => "key_destroyed",
        }
    }
}

/// Where it is told; must not wait.
type Tell = dyn Fn(KeyUse, Uuid) + Send + Sync;

/// Tells of what is done with keys of personal data. Making one is not told, for whoever makes one encrypts; nor is what is done with
/// secrets, which are nobody's data.
pub struct WatchedKeyStore {
    keys: Arc<dyn KeyStore>,
    tell: Box<Tell>,
}

impl WatchedKeyStore {
    /// Over `keys`; `tell` must not wait.
    pub fn new(
        keys: Arc<dyn KeyStore>,
        tell: impl Fn(KeyUse, Uuid) + Send + Sync + 'static,
    ) -> Self {
        Self {
            keys,
            tell: Box::new(tell),
        }
    }
}

impl fmt::Debug for WatchedKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WatchedKeyStore").field(&self.keys).finish()
    }
}

#[async_trait]
impl KeyStore for WatchedKeyStore {
    async fn create_key(&self, customer: Uuid, now: DateTime<Utc>) -> Result<Key, Error> {
        self.keys.create_key(customer, now).await
    }

    async fn key(&self, customer: Uuid) -> Result<Option<Key>, Error> {
        let key = self.keys.key(customer).await?;
        if key.is_some() {
            (self.tell)(KeyUse::Read, customer);
        }
        Ok(key)
    }

    async fn settle_key(&self, customer: Uuid) -> Result<(), Error> {
        self.keys.settle_key(customer).await
    }

    async fn discard_key(&self, customer: Uuid) -> Result<(), Error> {
        self.keys.discard_key(customer).await
    }

    async fn destroy_key(&self, customer: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
        self.keys.destroy_key(customer, now).await?;
        (self.tell)(KeyUse::Destroyed, customer);
        Ok(())
    }

    async fn pending_keys(&self, before: DateTime<Utc>, limit: usize) -> Result<Vec<Uuid>, Error> {
        self.keys.pending_keys(before, limit).await
    }

    async fn create_secret(&self, name: &str) -> Result<Key, Error> {
        self.keys.create_secret(name).await
    }

    async fn secret(&self, name: &str) -> Result<Option<Key>, Error> {
        self.keys.secret(name).await
    }

    async fn destroy_secret(&self, name: &str) -> Result<(), Error> {
        self.keys.destroy_secret(name).await
    }

    async fn secret_names(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        self.keys.secret_names(prefix, after, limit).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{
        key_store::{SqliteKeyStore, conformance},
        testing::Folder,
    };

    type Told = Arc<Mutex<Vec<(KeyUse, Uuid)>>>;

    async fn watched(folder: &Folder) -> (WatchedKeyStore, Told) {
        let keys = SqliteKeyStore::open(&folder.path("keys.db")).await.unwrap();
        let told = Told::default();
        let heard = told.clone();
        let tell = move |usage, customer| heard.lock().unwrap().push((usage, customer));
        (WatchedKeyStore::new(Arc::new(keys), tell), told)
    }

    #[tokio::test]
    async fn it_keeps_every_promise_of_a_key_store() {
        let folder = Folder::new();
        conformance::all(&watched(&folder).await.0).await.unwrap();
    }

    #[tokio::test]
    async fn reading_and_destroying_are_told_and_nothing_else() {
        let folder = Folder::new();
        let (keys, told) = watched(&folder).await;
        let (one, nobody) = (Uuid::from_u128(1), Uuid::from_u128(2));
        keys.create_key(one, DateTime::UNIX_EPOCH).await.unwrap();
        keys.settle_key(one).await.unwrap();
        keys.create_secret("drop/1").await.unwrap();
        keys.secret("drop/1").await.unwrap();
        keys.key(nobody).await.unwrap();
        assert_eq!(*told.lock().unwrap(), []);
        keys.key(one).await.unwrap();
        keys.destroy_key(one, DateTime::UNIX_EPOCH).await.unwrap();
        keys.key(one).await.unwrap();
        let expected = [(KeyUse::Read, one), (KeyUse::Destroyed, one)];
        assert_eq!(*told.lock().unwrap(), expected);
        assert_eq!(KeyUse::Read.name(), "key_read");
        assert_eq!(KeyUse::Destroyed.name(), "key_destroyed");
    }
}
