//! What the committer is measured against: one transaction per append on one open connection, prepared statements, the same
//! tables, all statements of an append in one call to the connection's thread.

use std::time::Duration;

use event_store::{
    SqliteEventLog,
    claims::ClaimChange,
    log::{Append, EventLog, sqlite::Options},
    timers::WakeAt,
};
use futures::TryStreamExt;
use sqlx::{
    ConnectOptions, Executor, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::{disk::Folder, workload};

pub(crate) async fn appends_per_second(folder: &Folder, callers: usize, span: Duration) -> f64 {
    let path = folder.log();
    // Creates the tables.
    let log = SqliteEventLog::open(&path, Options::default())
        .await
        .unwrap();
    log.close().await;
    let connection = SqliteConnectOptions::new()
        .filename(&path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .pragma("cache_size", "-16384")
        .pragma("wal_autocheckpoint", "32768")
        .disable_statement_logging()
        .connect()
        .await
        .unwrap();
    let (queue, waiting) = mpsc::channel(callers);
    let tasks = TaskTracker::new();
    tasks.spawn(write_one_by_one(connection, waiting));
    tasks.close();
    let rate = workload::run(callers, span, move |append| {
        let queue = queue.clone();
        async move {
            let (reply, stored) = oneshot::channel();
            queue.send((append, reply)).await.unwrap();
            stored.await.unwrap();
        }
    })
    .await;
    tasks.wait().await;
    rate
}

type Waiting = mpsc::Receiver<(Append, oneshot::Sender<()>)>;

async fn write_one_by_one(mut connection: SqliteConnection, mut waiting: Waiting) {
    while let Some((append, reply)) = waiting.recv().await {
        write(&mut connection, append).await;
        reply.send(()).unwrap();
    }
}

async fn write(connection: &mut SqliteConnection, mut append: Append) {
    let mut part = append.streams.remove(0);
    let event = part.events.remove(0);
    let command = append.commands.remove(0);
    let ClaimChange::Set { namespace, key, .. } = append.claims.remove(0) else {
        unreachable!("the workload only sets claims")
    };
    let WakeAt::At(wake_at) = part.wake_at else {
        unreachable!("the workload sets timers")
    };
    let text = |time: chrono::DateTime<chrono::Utc>| {
        time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
    };
    let query = sqlx::query(include_str!("single.sql"))
        .bind(part.stream.aggregate_type.to_string())
        .bind(part.stream.aggregate_id.to_string())
        .bind(i64::try_from(part.expected_version).unwrap())
        .bind(event.event_type)
        .bind(event.event_version)
        .bind(event.payload)
        .bind(event.metadata.to_string())
        .bind(event.event_id.to_string())
        .bind(event.command_id.to_string())
        .bind(part.routing_key)
        .bind(text(append.recorded_at))
        .bind(text(wake_at))
        .bind(command.fingerprint.0)
        .bind(namespace)
        .bind(key);
    connection
        .fetch_many(query)
        .try_for_each(|_| async { Ok(()) })
        .await
        .unwrap();
}
