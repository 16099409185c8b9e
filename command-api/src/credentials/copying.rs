//! Credentials as they are stored: to be copied from one store into another.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;

use super::{
    Digest, Error, NewSession, PostgresCredentials, SqliteCredentials, as_limit, unavailable,
};

/// A password as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPassword {
    /// Whose it is.
    pub customer: Uuid,
    /// PHC string.
    pub phc: String,
    /// Whether it is not settled yet.
    pub pending: bool,
    /// When it was put.
    pub put_at: DateTime<Utc>,
}

/// What a store holds, in pages.
#[async_trait]
pub trait Listed: Send + Sync {
    /// Passwords behind the customer `after`, in the order of ids, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn list_passwords(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<StoredPassword>, Error>;

    /// Sessions behind `after`, in the order of ids, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn list_sessions(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<NewSession>, Error>;
}

#[async_trait]
impl Listed for SqliteCredentials {
    async fn list_passwords(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<StoredPassword>, Error> {
        let rows = sqlx::query(include_str!("../../sql/sqlite/list_passwords.sql"))
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(as_limit(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            Ok(StoredPassword {
                customer: id(row.get("customer_id"))?,
                phc: row.get("phc"),
                pending: row.get("pending"),
                put_at: time(row.get("put_at"))?,
            })
        };
        rows.iter().map(read).collect()
    }

    async fn list_sessions(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<NewSession>, Error> {
        let rows = sqlx::query(include_str!("../../sql/sqlite/list_sessions.sql"))
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(as_limit(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            Ok(NewSession {
                session: id(row.get("session_id"))?,
                customer: id(row.get("customer_id"))?,
                family: digest(row.get("family"))?,
                token: digest(row.get("token"))?,
                opened_at: time(row.get("opened_at"))?,
                expires_at: time(row.get("expires_at"))?,
            })
        };
        rows.iter().map(read).collect()
    }
}

#[async_trait]
impl Listed for PostgresCredentials {
    async fn list_passwords(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<StoredPassword>, Error> {
        let rows = sqlx::query(include_str!("../../sql/postgres/list_passwords.sql"))
            .bind(after)
            .bind(as_limit(limit))
            .fetch_all(self.database.pool())
            .await
            .map_err(unavailable)?;
        let read = |row: &sqlx::postgres::PgRow| StoredPassword {
            customer: row.get("customer_id"),
            phc: row.get("phc"),
            pending: row.get("pending"),
            put_at: row.get("put_at"),
        };
        Ok(rows.iter().map(read).collect())
    }

    async fn list_sessions(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<NewSession>, Error> {
        let rows = sqlx::query(include_str!("../../sql/postgres/list_sessions.sql"))
            .bind(after)
            .bind(as_limit(limit))
            .fetch_all(self.database.pool())
            .await
            .map_err(unavailable)?;
        let read = |row: &sqlx::postgres::PgRow| {
            Ok(NewSession {
                session: row.get("session_id"),
                customer: row.get("customer_id"),
                family: digest(row.get("family"))?,
                token: digest(row.get("token"))?,
                opened_at: row.get("opened_at"),
                expires_at: row.get("expires_at"),
            })
        };
        rows.iter().map(read).collect()
    }
}

impl PostgresCredentials {
    /// Removes everything.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn clear(&self) -> Result<(), Error> {
        let clear = sqlx::query(include_str!("../../sql/postgres/clear_credentials.sql"));
        self.run(clear).await.map(drop)
    }

    /// Adds passwords as they were stored elsewhere.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn take_passwords(&self, rows: &[StoredPassword]) -> Result<(), Error> {
        let insert = sqlx::query(include_str!("../../sql/postgres/import_passwords.sql"))
            .bind(rows.iter().map(|row| row.customer).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| &*row.phc).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.pending).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.put_at).collect::<Vec<_>>());
        self.run(insert).await.map(drop)
    }

    /// Adds sessions as they were stored elsewhere.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn take_sessions(&self, rows: &[NewSession]) -> Result<(), Error> {
        let insert = sqlx::query(include_str!("../../sql/postgres/import_sessions.sql"))
            .bind(rows.iter().map(|row| row.session).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.customer).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| &row.family[..]).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| &row.token[..]).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.opened_at).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.expires_at).collect::<Vec<_>>());
        self.run(insert).await.map(drop)
    }
}

fn id(text: &str) -> Result<Uuid, Error> {
    Uuid::parse_str(text).map_err(unavailable)
}

fn time(micros: i64) -> Result<DateTime<Utc>, Error> {
    let time = DateTime::from_timestamp_micros(micros);
    time.ok_or_else(|| unavailable(format!("{micros} is no time")))
}

fn digest(bytes: &[u8]) -> Result<Digest, Error> {
    Digest::try_from(bytes).map_err(unavailable)
}
