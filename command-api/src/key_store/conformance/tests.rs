//! Each function fails against a store with just the fault that it is there to find.

use async_trait::async_trait;

use super::*;
use crate::{
    key_store::{Key, SqliteKeyStore},
    testing::Folder,
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    AnotherKeyEachTime,
    DestructionForgotten,
    NewKeyAfterDestruction,
    SettledKeyDiscarded,
    PendingKeyKept,
    LimitIgnored,
    AgeIgnored,
    SecretsShared,
    SecretKept,
    OthersListed,
    PagesRepeated,
    LongNames,
}

#[derive(Debug)]
struct Faulty {
    store: SqliteKeyStore,
    fault: Fault,
}

#[async_trait]
impl KeyStore for Faulty {
    async fn create_key(&self, customer: Uuid, now: DateTime<Utc>) -> Result<Key, Error> {
        match (self.fault, self.store.create_key(customer, now).await) {
            (Fault::AnotherKeyEachTime, _)
            | (Fault::NewKeyAfterDestruction, Err(Error::Destroyed { .. })) => Key::generate(),
            (_, result) => result,
        }
    }

    async fn key(&self, customer: Uuid) -> Result<Option<Key>, Error> {
        self.store.key(customer).await
    }

    async fn settle_key(&self, customer: Uuid) -> Result<(), Error> {
        if self.fault == Fault::SettledKeyDiscarded {
            return Ok(());
        }
        self.store.settle_key(customer).await
    }

    async fn discard_key(&self, customer: Uuid) -> Result<(), Error> {
        if self.fault == Fault::PendingKeyKept {
            return Ok(());
        }
        self.store.discard_key(customer).await
    }

    async fn destroy_key(&self, customer: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
        if self.fault == Fault::DestructionForgotten {
            return Ok(());
        }
        self.store.destroy_key(customer, now).await
    }

    async fn pending_keys(&self, before: DateTime<Utc>, limit: usize) -> Result<Vec<Uuid>, Error> {
        match self.fault {
            Fault::LimitIgnored => self.store.pending_keys(before, usize::MAX).await,
            Fault::AgeIgnored => {
                self.store
                    .pending_keys(before + TimeDelta::days(1), limit)
                    .await
            }
            _ => self.store.pending_keys(before, limit).await,
        }
    }

    async fn create_secret(&self, name: &str) -> Result<Key, Error> {
        match self.fault {
            Fault::SecretsShared => self.store.create_secret("one for all").await,
            Fault::LongNames if name.len() > MAX_NAME_BYTES => Key::generate(),
            _ => self.store.create_secret(name).await,
        }
    }

    async fn secret(&self, name: &str) -> Result<Option<Key>, Error> {
        self.store.secret(name).await
    }

    async fn destroy_secret(&self, name: &str) -> Result<(), Error> {
        if self.fault == Fault::SecretKept {
            return Ok(());
        }
        self.store.destroy_secret(name).await
    }

    async fn secret_names(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        match self.fault {
            Fault::OthersListed => self.store.secret_names("conformance/", after, limit).await,
            Fault::PagesRepeated => self.store.secret_names(prefix, prefix, limit).await,
            _ => self.store.secret_names(prefix, after, limit).await,
        }
    }
}

macro_rules! finds {
    ($($test:ident: $function:ident finds $($fault:ident),+;)*) => {$(
        #[tokio::test]
        async fn $test() {
            let folder = Folder::new();
            let store = SqliteKeyStore::open(&folder.path("keys.db")).await.unwrap();
            let faulty = |fault| Faulty { store: store.clone(), fault };
            assert_eq!($function(&faulty(Fault::None)).await, Ok(()));
            $(
                let found = $function(&faulty(Fault::$fault)).await;
                assert!(found.is_err(), "{:?} went unnoticed", Fault::$fault);
            )+
        }
    )*};
}

finds! {
    creation: a_key_is_created_once finds AnotherKeyEachTime;
    concurrent_creation: one_key_for_all_who_ask_at_once finds AnotherKeyEachTime;
    destruction: destruction_is_final finds DestructionForgotten, NewKeyAfterDestruction;
    discarding: only_what_is_pending_is_discarded finds SettledKeyDiscarded, PendingKeyKept;
    listing: pending_keys_are_listed_by_age finds LimitIgnored, AgeIgnored;
    secrets: secrets_are_stable_and_apart finds SecretsShared;
    secrets_gone: a_destroyed_secret_is_gone finds SecretKept;
    secrets_listed: secrets_are_listed_by_name finds OthersListed, PagesRepeated, SecretKept;
    names: names_are_bounded finds LongNames;
}
