//! Keys and secrets as they are stored: to be copied from one store into another.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;

use super::{Error, KEY_BYTES, Key, PostgresKeyStore, SqliteKeyStore};

/// A customer's key as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredKey {
    /// Whose it is.
    pub customer: Uuid,
    /// The key; `None` once it is destroyed.
    pub key: Option<Key>,
    /// Whether it is not settled yet.
    pub pending: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was destroyed.
    pub destroyed_at: Option<DateTime<Utc>>,
}

/// A secret as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSecret {
    /// Its name.
    pub name: String,
    /// The secret.
    pub bytes: Key,
}

/// What a store holds, in pages.
#[async_trait]
pub trait Listed: Send + Sync {
    /// Keys behind the customer `after`, destroyed ones too, in the order of ids, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn list_keys(&self, after: Option<Uuid>, limit: usize) -> Result<Vec<StoredKey>, Error>;

    /// Secrets behind the name `after`, in the order of names, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn list_secrets(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredSecret>, Error>;
}

#[async_trait]
impl Listed for SqliteKeyStore {
    async fn list_keys(&self, after: Option<Uuid>, limit: usize) -> Result<Vec<StoredKey>, Error> {
        let rows = sqlx::query(include_str!("../../sql/sqlite/list_keys.sql"))
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(as_limit(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            let destroyed_at: Option<i64> = row.get("destroyed_at");
            Ok(StoredKey {
                customer: Uuid::parse_str(row.get("customer_id")).map_err(unavailable)?,
                key: key(row.get("key"))?,
                pending: row.get("pending"),
                created_at: time(row.get("created_at"))?,
                destroyed_at: destroyed_at.map(time).transpose()?,
            })
        };
        rows.iter().map(read).collect()
    }

    async fn list_secrets(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredSecret>, Error> {
        let rows = sqlx::query(include_str!("../../sql/sqlite/list_secrets.sql"))
            .bind(after.unwrap_or_default())
            .bind(as_limit(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        rows.iter()
            .map(|row| secret(row.get("name"), row.get("bytes")))
            .collect()
    }
}

#[async_trait]
impl Listed for PostgresKeyStore {
    async fn list_keys(&self, after: Option<Uuid>, limit: usize) -> Result<Vec<StoredKey>, Error> {
        let rows = sqlx::query(include_str!("../../sql/postgres/list_keys.sql"))
            .bind(after)
            .bind(as_limit(limit))
            .fetch_all(self.database.pool())
            .await
            .map_err(unavailable)?;
        let read = |row: &sqlx::postgres::PgRow| {
            Ok(StoredKey {
                customer: row.get("customer_id"),
                key: key(row.get("key"))?,
                pending: row.get("pending"),
                created_at: row.get("created_at"),
                destroyed_at: row.get("destroyed_at"),
            })
        };
        rows.iter().map(read).collect()
    }

    async fn list_secrets(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredSecret>, Error> {
        let rows = sqlx::query(include_str!("../../sql/postgres/list_secrets.sql"))
            .bind(after.unwrap_or_default())
            .bind(as_limit(limit))
            .fetch_all(self.database.pool())
            .await
            .map_err(unavailable)?;
        rows.iter()
            .map(|row| secret(row.get("name"), row.get("bytes")))
            .collect()
    }
}

impl PostgresKeyStore {
    /// Removes everything.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn clear(&self) -> Result<(), Error> {
        self.run(sqlx::query(include_str!(
            "../../sql/postgres/clear_keys.sql"
        )))
        .await
    }

    /// Adds keys as they were stored elsewhere.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn take_keys(&self, rows: &[StoredKey]) -> Result<(), Error> {
        let bytes = |row: &StoredKey| row.key.as_ref().map(|key| key.expose().to_vec());
        let insert = sqlx::query(include_str!("../../sql/postgres/import_keys.sql"))
            .bind(rows.iter().map(|row| row.customer).collect::<Vec<_>>())
            .bind(rows.iter().map(bytes).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.pending).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.destroyed_at).collect::<Vec<_>>());
        self.run(insert).await
    }

    /// Adds secrets as they were stored elsewhere.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn take_secrets(&self, rows: &[StoredSecret]) -> Result<(), Error> {
        let bytes = |row: &StoredSecret| row.bytes.expose().to_vec();
        let insert = sqlx::query(include_str!("../../sql/postgres/import_secrets.sql"))
            .bind(rows.iter().map(|row| &*row.name).collect::<Vec<_>>())
            .bind(rows.iter().map(bytes).collect::<Vec<_>>());
        self.run(insert).await
    }
}

fn key(stored: Option<&[u8]>) -> Result<Option<Key>, Error> {
    stored.map(bytes).transpose()
}

fn secret(name: &str, stored: &[u8]) -> Result<StoredSecret, Error> {
    Ok(StoredSecret {
        name: name.to_owned(),
        bytes: bytes(stored)?,
    })
}

fn bytes(stored: &[u8]) -> Result<Key, Error> {
    <[u8; KEY_BYTES]>::try_from(stored)
        .map(Key::new)
        .map_err(unavailable)
}

fn time(micros: i64) -> Result<DateTime<Utc>, Error> {
    let time = DateTime::from_timestamp_micros(micros);
    time.ok_or_else(|| unavailable(format!("{micros} is no time")))
}

fn as_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn unavailable(error: impl ToString) -> Error {
    Error::Unavailable(error.to_string())
}
