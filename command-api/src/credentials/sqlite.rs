//! The credentials as tables in the log's SQLite file, which the log's own migrations know nothing of.

use std::path::Path;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use event_store::sqlite_file;
use sqlx::{Row, Sqlite, SqlitePool, Transaction};
use uuid::Uuid;

use super::{
    Credentials, Error, MAX_SESSIONS_PER_CUSTOMER, NewSession, Rotated, Rotation, as_limit,
    unavailable,
};
use crate::tables::Tables;

/// Reads are one row by key; writes are rare and take turns anyway.
const CONNECTIONS: u32 = 4;

/// The text of a statement in `sql/sqlite`.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!("../../sql/sqlite/", $name, ".sql"))
    };
}

const TABLES: Tables = Tables {
    of: "credentials",
    create_schema: sql!("create_credentials_schema"),
    read_version: sql!("read_credentials_version"),
    insert_version: sql!("insert_credentials_version"),
    steps: &[include_str!(
        "../../migrations/sqlite/credentials/0001_create_credentials.sql"
    )],
};

/// Credentials in an SQLite file that others use too.
#[derive(Debug, Clone)]
pub struct SqliteCredentials {
    pub(super) pool: SqlitePool,
}

impl SqliteCredentials {
    /// Opens the file, creating it where it does not exist, and brings these tables up to date.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Refused`] where the tables are newer than this program.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let options = sqlite_file::options(path).create_if_missing(true);
        let pool = sqlite_file::pool(options, CONNECTIONS)
            .await
            .map_err(unavailable)?;
        TABLES.migrate_sqlite(&pool).await?;
        Ok(Self { pool })
    }

    /// Waits for the open statements and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        self.pool
            .begin_with(sqlite_file::BEGIN)
            .await
            .map_err(unavailable)
    }

    /// Runs a statement whose only parameter is an id.
    async fn run(&self, statement: &'static str, id: Uuid) -> Result<(), Error> {
        sqlx::query(statement)
            .bind(id.to_string())
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(unavailable)
    }
}

#[async_trait]
impl Credentials for SqliteCredentials {
    async fn put_password(
        &self,
        customer: Uuid,
        phc: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        sqlx::query(sql!("upsert_password"))
            .bind(customer.to_string())
            .bind(phc)
            .bind(now.timestamp_micros())
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(unavailable)
    }

    async fn password(&self, customer: Uuid) -> Result<Option<String>, Error> {
        sqlx::query_scalar(sql!("read_password"))
            .bind(customer.to_string())
            .fetch_optional(&self.pool)
            .await
            .map_err(unavailable)
    }

    async fn settle_password(&self, customer: Uuid) -> Result<(), Error> {
        self.run(sql!("settle_password"), customer).await
    }

    async fn discard_password(&self, customer: Uuid) -> Result<(), Error> {
        self.run(sql!("discard_password"), customer).await
    }

    async fn pending_passwords(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Uuid>, Error> {
        let ids: Vec<String> = sqlx::query_scalar(sql!("list_pending_passwords"))
            .bind(before.timestamp_micros())
            .bind(as_limit(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        ids.iter().map(|id| to_id(id)).collect()
    }

    async fn open_session(&self, session: NewSession) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        sqlx::query(sql!("insert_session"))
            .bind(session.session.to_string())
            .bind(session.customer.to_string())
            .bind(session.family.as_slice())
            .bind(session.token.as_slice())
            .bind(session.opened_at.timestamp_micros())
            .bind(session.expires_at.timestamp_micros())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        sqlx::query(sql!("delete_surplus_sessions"))
            .bind(session.customer.to_string())
            .bind(as_limit(MAX_SESSIONS_PER_CUSTOMER))
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, Error> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query(sql!("read_session"))
            .bind(rotation.family.as_slice())
            .bind(rotation.now.timestamp_micros())
            .fetch_optional(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let Some(row) = row else {
            return Ok(Rotated::Unknown);
        };
        let session = to_id(row.get("session_id"))?;
        let customer = to_id(row.get("customer_id"))?;
        let newest: &[u8] = row.get("token");
        let is_newest =
            aws_lc_rs::constant_time::verify_slices_are_equal(newest, &rotation.shown).is_ok();
        let rotated = if is_newest {
            sqlx::query(sql!("rotate_session"))
                .bind(session.to_string())
                .bind(rotation.next.as_slice())
                .bind(rotation.expires_at.timestamp_micros())
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
            Rotated::Next { session, customer }
        } else {
            sqlx::query(sql!("delete_session"))
                .bind(session.to_string())
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
            Rotated::Reused { session, customer }
        };
        transaction.commit().await.map_err(unavailable)?;
        Ok(rotated)
    }

    async fn end_session(&self, session: Uuid) -> Result<(), Error> {
        self.run(sql!("delete_session"), session).await
    }

    async fn erase(&self, customer: Uuid) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        for statement in [sql!("delete_password"), sql!("delete_sessions")] {
            sqlx::query(statement)
                .bind(customer.to_string())
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn sweep_sessions(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, Error> {
        sqlx::query(sql!("sweep_sessions"))
            .bind(now.timestamp_micros())
            .bind(as_limit(limit))
            .execute(&self.pool)
            .await
            .map(|done| done.rows_affected())
            .map_err(unavailable)
    }
}

fn to_id(text: &str) -> Result<Uuid, Error> {
    Uuid::parse_str(text).map_err(unavailable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{credentials::conformance, testing::Folder};

    #[tokio::test]
    async fn conforms() {
        let folder = Folder::new();
        let store = SqliteCredentials::open(&folder.path("log.db"))
            .await
            .unwrap();
        conformance::all(&store).await.unwrap();
    }

    #[tokio::test]
    async fn leaves_the_logs_migrations_alone_and_refuses_newer_tables() {
        let folder = Folder::new();
        let path = folder.path("log.db");
        let store = SqliteCredentials::open(&path).await.unwrap();
        store
            .put_password(Uuid::nil(), "$x", DateTime::UNIX_EPOCH)
            .await
            .unwrap();
        store.close().await;

        let store = SqliteCredentials::open(&path).await.unwrap();
        assert_eq!(
            store.password(Uuid::nil()).await.unwrap().as_deref(),
            Some("$x")
        );
        let theirs: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
        )
        .fetch_one(&store.pool)
        .await
        .unwrap();
        assert_eq!(theirs, 0);
        sqlx::query("INSERT INTO credentials_schema (version) VALUES (99)")
            .execute(&store.pool)
            .await
            .unwrap();
        store.close().await;
        let refused = SqliteCredentials::open(&path).await;
        assert!(matches!(refused, Err(Error::Refused(text)) if text.contains("newer")));
    }
}
