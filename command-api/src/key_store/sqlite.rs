//! The key store in an SQLite file of its own: outside the log's backups, readable by its owner alone.

use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use event_store::sqlite_file;
use sqlx::{SqlitePool, migrate::MigrateError};
use uuid::Uuid;

use super::{Error, KEY_BYTES, Key, KeyStore, MAX_NAME_BYTES};

/// Reads are one row by key, writes are rare.
const CONNECTIONS: u32 = 4;

/// A key store in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteKeyStore {
    pub(super) pool: SqlitePool,
}

impl SqliteKeyStore {
    /// Opens the file, creating it where it does not exist, and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Refused`] where the schema is newer than this program.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        create_private(path)?;
        // A key is as durable as the events that are encrypted under it. What is deleted is overwritten with zeroes: a destroyed key
        // must not linger in free pages.
        let options = sqlite_file::options(path).pragma("secure_delete", "ON");
        let pool = sqlite_file::pool(options, CONNECTIONS)
            .await
            .map_err(unavailable)?;
        sqlx::migrate!("migrations/sqlite/key_store")
            .run(&pool)
            .await
            .map_err(|error| match error {
                MigrateError::VersionMissing(version) => Error::Refused(format!(
                    "the key store {} has schema {version}, newer than this program's",
                    path.display()
                )),
                error => Error::Refused(format!(
                    "the key store {} can't be brought up to date: {error}",
                    path.display()
                )),
            })?;
        Ok(Self { pool })
    }

    /// Waits for the open statements and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Empties the write-ahead log, which still holds the pages as they were. Best effort: a reader may be in the way, and then
    /// the next checkpoint does it.
    async fn forget_old_pages(&self) {
        let result = sqlx::query(include_str!("../../sql/sqlite/truncate_wal.sql"))
            .execute(&self.pool)
            .await;
        if let Err(error) = result {
            tracing::warn!(%error, "the key store's write-ahead log could not be emptied");
        }
    }
}

/// Makes the file before SQLite does, so that nobody else may read it: SQLite gives its other files the mode of this one.
fn create_private(path: &Path) -> Result<(), Error> {
    if let Some(folder) = path.parent().filter(|folder| *folder != PathBuf::new()) {
        std::fs::create_dir_all(folder).map_err(unavailable)?;
    }
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(unavailable)
}

#[async_trait]
impl KeyStore for SqliteKeyStore {
    async fn create_key(&self, customer: Uuid, now: DateTime<Utc>) -> Result<Key, Error> {
        let key = Key::generate()?;
        let stored: Option<Vec<u8>> =
            sqlx::query_scalar(include_str!("../../sql/sqlite/create_key.sql"))
                .bind(customer.to_string())
                .bind(key.expose().as_slice())
                .bind(now.timestamp_micros())
                .fetch_one(&self.pool)
                .await
                .map_err(unavailable)?;
        stored.map_or(Err(Error::Destroyed { customer }), |bytes| to_key(&bytes))
    }

    async fn key(&self, customer: Uuid) -> Result<Option<Key>, Error> {
        let stored: Option<Option<Vec<u8>>> =
            sqlx::query_scalar(include_str!("../../sql/sqlite/read_key.sql"))
                .bind(customer.to_string())
                .fetch_optional(&self.pool)
                .await
                .map_err(unavailable)?;
        stored.flatten().map(|bytes| to_key(&bytes)).transpose()
    }

    async fn settle_key(&self, customer: Uuid) -> Result<(), Error> {
        sqlx::query(include_str!("../../sql/sqlite/settle_key.sql"))
            .bind(customer.to_string())
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(unavailable)
    }

    async fn discard_key(&self, customer: Uuid) -> Result<(), Error> {
        sqlx::query(include_str!("../../sql/sqlite/discard_key.sql"))
            .bind(customer.to_string())
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(unavailable)
    }

    async fn destroy_key(&self, customer: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
        sqlx::query(include_str!("../../sql/sqlite/destroy_key.sql"))
            .bind(customer.to_string())
            .bind(now.timestamp_micros())
            .execute(&self.pool)
            .await
            .map_err(unavailable)?;
        self.forget_old_pages().await;
        Ok(())
    }

    async fn pending_keys(&self, before: DateTime<Utc>, limit: usize) -> Result<Vec<Uuid>, Error> {
        let ids: Vec<String> =
            sqlx::query_scalar(include_str!("../../sql/sqlite/list_pending_keys.sql"))
                .bind(before.timestamp_micros())
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .fetch_all(&self.pool)
                .await
                .map_err(unavailable)?;
        ids.iter()
            .map(|id| Uuid::parse_str(id).map_err(unavailable))
            .collect()
    }

    async fn create_secret(&self, name: &str) -> Result<Key, Error> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(Error::Name {
                name: name.to_owned(),
            });
        }
        if let Some(secret) = self.secret(name).await? {
            return Ok(secret);
        }
        let stored: Vec<u8> =
            sqlx::query_scalar(include_str!("../../sql/sqlite/create_secret.sql"))
                .bind(name)
                .bind(Key::generate()?.expose().as_slice())
                .fetch_one(&self.pool)
                .await
                .map_err(unavailable)?;
        to_key(&stored)
    }

    async fn secret(&self, name: &str) -> Result<Option<Key>, Error> {
        let stored: Option<Vec<u8>> =
            sqlx::query_scalar(include_str!("../../sql/sqlite/read_secret.sql"))
                .bind(name)
                .fetch_optional(&self.pool)
                .await
                .map_err(unavailable)?;
        stored.map(|bytes| to_key(&bytes)).transpose()
    }

    async fn destroy_secret(&self, name: &str) -> Result<(), Error> {
        sqlx::query(include_str!("../../sql/sqlite/destroy_secret.sql"))
            .bind(name)
            .execute(&self.pool)
            .await
            .map_err(unavailable)?;
        self.forget_old_pages().await;
        Ok(())
    }

    async fn secret_names(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        sqlx::query_scalar(include_str!("../../sql/sqlite/list_secret_names.sql"))
            .bind(after)
            .bind(super::behind(prefix))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)
    }
}

fn to_key(bytes: &[u8]) -> Result<Key, Error> {
    <[u8; KEY_BYTES]>::try_from(bytes)
        .map(Key::new)
        .map_err(|_| Error::Unavailable(format!("a stored key has {} bytes", bytes.len())))
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn unavailable(error: impl ToString) -> Error {
    Error::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::key_store::conformance;
    use crate::testing::Folder;

    async fn store() -> (Folder, SqliteKeyStore) {
        let folder = Folder::new();
        let store = SqliteKeyStore::open(&folder.path("keys.db")).await.unwrap();
        (folder, store)
    }

    #[tokio::test]
    async fn conforms() {
        let (_folder, store) = store().await;
        conformance::all(&store).await.unwrap();
    }

    #[tokio::test]
    async fn keeps_its_keys_and_hides_them_from_other_users() {
        let (folder, store) = store().await;
        let customer = Uuid::now_v7();
        let key = store
            .create_key(customer, DateTime::UNIX_EPOCH)
            .await
            .unwrap();
        let secret = store.create_secret("a").await.unwrap();
        for name in ["keys.db", "keys.db-wal"] {
            let mode = std::fs::metadata(folder.path(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        store.close().await;
        let store = SqliteKeyStore::open(&folder.path("keys.db")).await.unwrap();
        assert_eq!(store.key(customer).await.unwrap(), Some(key));
        assert_eq!(store.secret("a").await.unwrap(), Some(secret));
    }

    #[tokio::test]
    async fn a_destroyed_key_is_in_none_of_its_files() {
        let (folder, store) = store().await;
        let customer = Uuid::now_v7();
        let key = store
            .create_key(customer, DateTime::UNIX_EPOCH)
            .await
            .unwrap();
        let holds = |key: &Key| {
            ["keys.db", "keys.db-wal"].iter().any(|name| {
                let bytes = std::fs::read(folder.path(name)).unwrap_or_default();
                bytes
                    .windows(KEY_BYTES)
                    .any(|window| window == key.expose())
            })
        };
        assert!(holds(&key));
        store
            .destroy_key(customer, DateTime::UNIX_EPOCH)
            .await
            .unwrap();
        assert!(!holds(&key));
    }

    #[tokio::test]
    async fn refuses_a_newer_schema_and_an_unknown_scheme() {
        let (folder, store) = store().await;
        sqlx::query("UPDATE _sqlx_migrations SET version = version + 1000")
            .execute(&store.pool)
            .await
            .unwrap();
        store.close().await;
        let refused = SqliteKeyStore::open(&folder.path("keys.db")).await;
        assert!(matches!(refused, Err(Error::Refused(text)) if text.contains("newer")));
        let refused = crate::key_store::open("vault:somewhere").await;
        assert!(matches!(refused, Err(Error::Refused(text)) if text.contains("sqlite:")));
    }
}
