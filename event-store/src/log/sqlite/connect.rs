//! Opening: settings, checks at start-up, schema.

use std::{path::Path, time::Duration};

use sqlx::{
    Connection, SqliteConnection, SqlitePool,
    error::DatabaseError,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};

use crate::log::{
    Error,
    sqlite::{Options, unavailable},
};

fn migrations() -> Migrator {
    sqlx::migrate!("migrations/sqlite")
}

/// `PRAGMA synchronous` answers with a number; this one is FULL, above it is only EXTRA.
const SYNCHRONOUS_FULL: i64 = 2;

/// Pages of write-ahead log after which a commit copies them into the database: 128 MiB. Far more than SQLite's 1,000, because a
/// page that changes often is then copied less often.
const CHECKPOINT_PAGES: &str = "32768";

/// The writer's page cache, in KiB (SQLite's negative form). Holds the inner nodes of the indices of some millions of events; a
/// larger one costs more than it saves, since SQLite walks through it when a commit has rebalanced an index.
const WRITER_CACHE: &str = "-16384";

/// Rows that a connection's thread may be ahead of its reader: fewer wake-ups per page of events.
const ROWS_AHEAD: usize = 1024;

/// How long a reader waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How connections to one file are opened.
#[derive(Debug, Clone)]
pub(super) struct Connect {
    writer: SqliteConnectOptions,
    reader: SqliteConnectOptions,
}

impl Connect {
    pub(super) fn new(path: &Path, options: &Options) -> Self {
        let both = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(options.busy_timeout)
            .foreign_keys(false)
            .row_buffer_size(ROWS_AHEAD);
        let both = sqlx::ConnectOptions::disable_statement_logging(both);
        Self {
            writer: both
                .clone()
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(options.synchronous)
                // Asks macOS for a flush that reaches the disk; nothing elsewhere.
                .pragma("fullfsync", "ON")
                // A statement of many rows keeps the pages it changed until it ends: a file would cost a write for each.
                .pragma("temp_store", "MEMORY")
                .pragma("cache_size", WRITER_CACHE)
                .pragma("wal_autocheckpoint", CHECKPOINT_PAGES),
            reader: both.pragma("query_only", "ON"),
        }
    }

    /// Opens the connection that writes, checks its settings and brings the schema up to date.
    pub(super) async fn open_writer(&self) -> Result<SqliteConnection, Error> {
        let mut connection = SqliteConnection::connect_with(&self.writer)
            .await
            .map_err(|e| unavailable(&e))?;
        check_settings(&mut connection).await?;
        migrate(&mut connection).await?;
        Ok(connection)
    }

    pub(super) fn open_readers(&self, connections: u32) -> SqlitePool {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_lazy_with(self.reader.clone())
    }
}

/// Reads the settings back: a file system or a build of SQLite may ignore them.
async fn check_settings(connection: &mut SqliteConnection) -> Result<(), Error> {
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| unavailable(&e))?;
    if synchronous < SYNCHRONOUS_FULL {
        return Err(Error::Refused(format!(
            "the log needs SQLite's synchronous at FULL (2) or above, but it is {synchronous}: \
             acknowledged events could be lost with the power"
        )));
    }
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| unavailable(&e))?;
    if journal != "wal" {
        return Err(Error::Refused(format!(
            "the log needs SQLite's journal_mode at wal, but it is {journal}: \
             its file system may not allow shared memory"
        )));
    }
    Ok(())
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), Error> {
    // IMMEDIATE: of two processes that open a new file, one creates it and the other waits.
    let mut transaction = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(|e| unavailable(&e))?;
    check_schema(&mut transaction).await?;
    migrations()
        .run_direct(&mut *transaction)
        .await
        .map_err(|e| {
            Error::Refused(format!("the log's schema can't be brought up to date: {e}"))
        })?;
    transaction.commit().await.map_err(|e| unavailable(&e))
}

async fn check_schema(connection: &mut SqliteConnection) -> Result<(), Error> {
    let tables: i64 = sqlx::query_scalar(include_str!("../../../sql/sqlite/has_schema.sql"))
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| unavailable(&e))?;
    if tables == 0 {
        return Ok(());
    }
    let stored: Option<i64> =
        sqlx::query_scalar(include_str!("../../../sql/sqlite/read_schema_version.sql"))
            .fetch_one(&mut *connection)
            .await
            .map_err(|e| unavailable(&e))?;
    let known = migrations().iter().map(|m| m.version).max();
    if stored > known {
        return Err(Error::Refused(format!(
            "the log's schema is version {}, newer than version {}, the newest that this program knows: \
             open it with a newer program",
            stored.unwrap_or_default(),
            known.unwrap_or_default(),
        )));
    }
    Ok(())
}

/// Whether SQLite says that the file is damaged (`SQLITE_CORRUPT`) or not its own (`SQLITE_NOTADB`).
pub(super) fn is_corrupt(error: &dyn DatabaseError) -> bool {
    matches!(primary_code(error), Some(11 | 26))
}

/// Whether a row was refused (`SQLITE_CONSTRAINT`).
pub(super) fn is_constraint(error: &dyn DatabaseError) -> bool {
    primary_code(error) == Some(19)
}

/// Whether another connection was in the way (`SQLITE_BUSY`).
pub(super) fn is_busy(error: &dyn DatabaseError) -> bool {
    primary_code(error) == Some(5)
}

/// SQLite's result code without its extension, which is in the higher bytes.
fn primary_code(error: &dyn DatabaseError) -> Option<u32> {
    Some(error.code()?.parse::<u32>().ok()? & 0xff)
}
