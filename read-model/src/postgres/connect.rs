//! Connections and schema.

use std::{str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use super::{failed, statements};
use crate::{Access, Error};

/// Writing connections: a worker writes one batch at a time, and a process has few workers.
const WRITERS: u32 = 4;
/// Reading connections: what a server with a handful of cores can work on at once, for one process of several.
const READERS: u32 = 16;
/// Longest wait for a connection: a reader gives up before its client does, and has time to ask another server.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest wait for a connection of one's own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that nobody used for so long is asked whether it still works.
const IDLE: Duration = Duration::from_secs(1);
/// Longest read, in milliseconds.
const READ_MS: &str = "5000";
/// Longest write, in milliseconds; a batch takes a hundredth of it.
const WRITE_MS: &str = "30000";
/// Longest wait for another writer's lock, in milliseconds.
const LOCK_MS: &str = "5000";
/// How long a client that stalls in a transaction may hold its locks, in milliseconds.
const IDLE_IN_TRANSACTION_MS: &str = "10000";

/// Options of every connection. All that the read model keeps is in a schema of its own, so that it can share a database.
pub(super) fn parse(url: &str) -> Result<PgConnectOptions, Error> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|e| Error::Unavailable(format!("a URL of the read model can't be read: {e}")))?;
    // Only index probes: a plan made while the tables are small must do when they are large. Without JIT the penalty of what is off
    // costs nothing.
    Ok(options
        .application_name("read-model")
        .disable_statement_logging()
        .options([
            ("search_path", "read_model"),
            ("jit", "off"),
            ("enable_seqscan", "off"),
            ("client_min_messages", "warning"),
        ]))
}

/// Options of a connection that only reads.
fn reading(options: &PgConnectOptions) -> PgConnectOptions {
    options.clone().options([
        ("default_transaction_read_only", "on"),
        ("statement_timeout", READ_MS),
    ])
}

/// Options of a connection that writes. A commit waits for this server's disk alone (decision 0013).
fn writing(options: &PgConnectOptions) -> PgConnectOptions {
    options.clone().options([
        ("synchronous_commit", "local"),
        ("statement_timeout", WRITE_MS),
        ("lock_timeout", LOCK_MS),
        (
            "idle_in_transaction_session_timeout",
            IDLE_IN_TRANSACTION_MS,
        ),
    ])
}

/// Pools of writing and of reading connections, which connect when they are first used.
pub(super) fn pools(options: &PgConnectOptions, access: Access) -> (PgPool, PgPool) {
    let pool = |most| {
        PgPoolOptions::new()
            .max_connections(most)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|connection, known| {
                Box::pin(async move {
                    if known.idle_for > IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
    };
    let reading = reading(options);
    let writing = match access {
        Access::ReadWrite => writing(options),
        Access::ReadOnly => reading.clone(),
    };
    (
        pool(WRITERS).connect_lazy_with(writing),
        pool(READERS).connect_lazy_with(reading),
    )
}

/// A connection of one's own, for reading.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, Error> {
    open(&reading(options)).await
}

async fn open(options: &PgConnectOptions) -> Result<PgConnection, Error> {
    let connected = timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options)).await;
    let silent = |_| Error::Unavailable(format!("{} does not answer", options.get_host()));
    connected.map_err(silent)?.map_err(failed)
}

fn migrations() -> Migrator {
    sqlx::migrate!("migrations/postgres")
}

/// Brings the schema up to date, or only checks that it is.
pub(super) async fn migrate(options: &PgConnectOptions, access: Access) -> Result<(), Error> {
    match access {
        Access::ReadWrite => {
            let mut connection = open(&writing(options)).await?;
            create_schema(&mut connection).await.map_err(failed)?;
            let ran = migrations().run_direct(&mut connection).await;
            ran.map_err(|e| match e {
                MigrateError::VersionMissing(version) => newer(version),
                other => Error::Unavailable(other.to_string()),
            })
        }
        Access::ReadOnly => {
            let mut connection = connect(options).await?;
            let present: i64 = sqlx::query_scalar(statements::SELECT_SCHEMA_VERSION)
                .fetch_one(&mut connection)
                .await
                .map_err(failed)?;
            let known = migrations().iter().map(|m| m.version).max();
            match known {
                Some(known) if present > known => Err(newer(present)),
                Some(known) if present < known => Err(Error::Unavailable(format!(
                    "its schema is {present}, this program reads {known}: start the server once to bring it up to date"
                ))),
                Some(_) | None => Ok(()),
            }
        }
    }
}

async fn create_schema(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin().await?;
    for statement in [statements::LOCK_SCHEMA, statements::CREATE_SCHEMA] {
        sqlx::query(statement).execute(&mut *tx).await?;
    }
    tx.commit().await
}

fn newer(version: i64) -> Error {
    Error::Corrupt(format!(
        "its schema {version} was made by a newer program than this one"
    ))
}
