//! The credentials as tables in the log's SQLite file, which the log's own migrations know nothing of.

use std::{future::ready, path::Path, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{
    Database, Row, Sqlite, SqliteConnection, SqlitePool, Transaction, TransactionManager,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use uuid::Uuid;

use super::{
    Credentials, Error, MAX_SESSIONS_PER_CUSTOMER, NewSession, Rotated, Rotation, as_limit,
    unavailable,
};

/// How long a write waits for its turn: the log's committer writes all the time, but each time for milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Reads are one row by key; writes are rare and take turns anyway.
const CONNECTIONS: u32 = 4;
/// How long a request waits for one of them: it is refused while its client still listens.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Takes the write lock at once: a transaction that begins by reading could lose its turn in the middle.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// The schema's steps, in order; a step's version is its place, from 1.
const MIGRATIONS: [&str; 1] = [include_str!(
    "../../migrations/sqlite/credentials/0001_create_credentials.sql"
)];

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
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .before_acquire(|connection, _| Box::pin(ready(Ok(is_idle(connection)))))
            .connect_with(options)
            .await
            .map_err(unavailable)?;
        migrate(&pool).await?;
        Ok(Self { pool })
    }

    /// Waits for the open statements and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        self.pool.begin_with(BEGIN).await.map_err(unavailable)
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

/// Whether the connection has ended its last transaction. SQLite rolls back by itself on a full disk; sqlx then fails to, and goes
/// on counting that transaction: such a connection would refuse every other one.
fn is_idle(connection: &SqliteConnection) -> bool {
    <Sqlite as Database>::TransactionManager::get_transaction_depth(connection) == 0
}

/// Applies the steps that the file lacks. The log's migrations have their table to themselves; these have theirs.
async fn migrate(pool: &SqlitePool) -> Result<(), Error> {
    let mut transaction = pool.begin_with(BEGIN).await.map_err(unavailable)?;
    sqlx::query(include_str!(
        "../../sql/sqlite/create_credentials_schema.sql"
    ))
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    let version: i64 = sqlx::query_scalar(include_str!(
        "../../sql/sqlite/read_credentials_version.sql"
    ))
    .fetch_one(&mut *transaction)
    .await
    .map_err(unavailable)?;
    let done = usize::try_from(version).map_err(unavailable)?;
    if done > MIGRATIONS.len() {
        return Err(Error::Refused(format!(
            "the tables of credentials have schema {done}, newer than this program's {}",
            MIGRATIONS.len()
        )));
    }
    for (step, migration) in (1_i64..).zip(MIGRATIONS).skip(done) {
        sqlx::raw_sql(migration)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        sqlx::query(include_str!(
            "../../sql/sqlite/insert_credentials_version.sql"
        ))
        .bind(step)
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
    }
    transaction.commit().await.map_err(unavailable)
}

#[async_trait]
impl Credentials for SqliteCredentials {
    async fn put_password(
        &self,
        customer: Uuid,
        phc: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        sqlx::query(include_str!("../../sql/sqlite/upsert_password.sql"))
            .bind(customer.to_string())
            .bind(phc)
            .bind(now.timestamp_micros())
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(unavailable)
    }

    async fn password(&self, customer: Uuid) -> Result<Option<String>, Error> {
        sqlx::query_scalar(include_str!("../../sql/sqlite/read_password.sql"))
            .bind(customer.to_string())
            .fetch_optional(&self.pool)
            .await
            .map_err(unavailable)
    }

    async fn settle_password(&self, customer: Uuid) -> Result<(), Error> {
        self.run(
            include_str!("../../sql/sqlite/settle_password.sql"),
            customer,
        )
        .await
    }

    async fn discard_password(&self, customer: Uuid) -> Result<(), Error> {
        self.run(
            include_str!("../../sql/sqlite/discard_password.sql"),
            customer,
        )
        .await
    }

    async fn pending_passwords(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Uuid>, Error> {
        let ids: Vec<String> =
            sqlx::query_scalar(include_str!("../../sql/sqlite/list_pending_passwords.sql"))
                .bind(before.timestamp_micros())
                .bind(as_limit(limit))
                .fetch_all(&self.pool)
                .await
                .map_err(unavailable)?;
        ids.iter().map(|id| to_id(id)).collect()
    }

    async fn open_session(&self, session: NewSession) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        sqlx::query(include_str!("../../sql/sqlite/insert_session.sql"))
            .bind(session.session.to_string())
            .bind(session.customer.to_string())
            .bind(session.family.as_slice())
            .bind(session.token.as_slice())
            .bind(session.opened_at.timestamp_micros())
            .bind(session.expires_at.timestamp_micros())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        sqlx::query(include_str!("../../sql/sqlite/delete_surplus_sessions.sql"))
            .bind(session.customer.to_string())
            .bind(as_limit(MAX_SESSIONS_PER_CUSTOMER))
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, Error> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query(include_str!("../../sql/sqlite/read_session.sql"))
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
            sqlx::query(include_str!("../../sql/sqlite/rotate_session.sql"))
                .bind(session.to_string())
                .bind(rotation.next.as_slice())
                .bind(rotation.expires_at.timestamp_micros())
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
            Rotated::Next { session, customer }
        } else {
            sqlx::query(include_str!("../../sql/sqlite/delete_session.sql"))
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
        self.run(include_str!("../../sql/sqlite/delete_session.sql"), session)
            .await
    }

    async fn erase(&self, customer: Uuid) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        for statement in [
            include_str!("../../sql/sqlite/delete_password.sql"),
            include_str!("../../sql/sqlite/delete_sessions.sql"),
        ] {
            sqlx::query(statement)
                .bind(customer.to_string())
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn sweep_sessions(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, Error> {
        sqlx::query(include_str!("../../sql/sqlite/sweep_sessions.sql"))
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
    async fn a_transaction_that_sqlite_ended_itself_stops_no_later_one() {
        let folder = Folder::new();
        let path = folder.path("log.db");
        let store = SqliteCredentials::open(&path).await.unwrap();
        // The connection that was used last is the next one to be lent.
        let mut ended = store.begin().await.unwrap();
        sqlx::query("ROLLBACK").execute(&mut *ended).await.unwrap();
        assert!(ended.commit().await.is_err());
        for _ in 0..CONNECTIONS {
            store.begin().await.unwrap().rollback().await.unwrap();
        }
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
