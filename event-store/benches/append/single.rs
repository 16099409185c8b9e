//! What the committer is measured against: one transaction per append on one open connection, prepared statements, the same
//! tables and settings; the statements one after another, as an application writes them, or all in one call to the connection's
//! thread, which is the most that one transaction per append can give.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use event_store::{
    SqliteEventLog,
    log::{Append, EventLog, Outcome, Position, sqlite::Options},
    timers::WakeAt,
};
use futures::TryStreamExt;
use sqlx::{
    ConnectOptions, Executor, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::{disk::Folder, workload, workload::Workload};

/// How an append's statements are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Send {
    /// One after another.
    Statements,
    /// All at once.
    OneCall,
}

pub(crate) async fn appends_per_second(
    folder: &Folder,
    callers: usize,
    span: Duration,
    send: Send,
) -> f64 {
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
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", "-16384")
        .pragma("wal_autocheckpoint", "32768")
        .disable_statement_logging()
        .connect()
        .await
        .unwrap();
    let (queue, waiting) = mpsc::channel(callers);
    let tasks = TaskTracker::new();
    tasks.spawn(write_one_by_one(connection, waiting, send));
    tasks.close();
    let rate = workload::run(Workload::ONE, callers, span, move |append| {
        let queue = queue.clone();
        async move {
            let (reply, stored) = oneshot::channel();
            queue.send((append, reply)).await.unwrap();
            stored.await.unwrap();
            // Where it stands is not asked.
            let first = Position(1);
            Outcome::Committed { first, last: first }
        }
    })
    .await;
    tasks.wait().await;
    rate.appends
}

type Waiting = mpsc::Receiver<(Append, oneshot::Sender<()>)>;

async fn write_one_by_one(mut connection: SqliteConnection, mut waiting: Waiting, send: Send) {
    let all = include_str!("single.sql");
    // The same statements with the same parameters, one text each.
    let each: Vec<String> = all.split_inclusive(";\n").map(str::to_owned).collect();
    while let Some((append, reply)) = waiting.recv().await {
        let values = Values::of(append);
        match send {
            Send::OneCall => values.run(&mut connection, all).await,
            Send::Statements => {
                for sql in &each {
                    values.run(&mut connection, sql).await;
                }
            }
        }
        reply.send(()).unwrap();
    }
}

/// What is bound, by the numbers that `single.sql` gives it.
struct Values {
    append: Append,
    recorded_at: String,
    wake_at: String,
}

impl Values {
    fn of(append: Append) -> Self {
        let WakeAt::At(wake_at) = append.streams[0].wake_at else {
            unreachable!("the workload sets timers")
        };
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, true);
        Self {
            recorded_at: text(append.recorded_at),
            wake_at: text(wake_at),
            append,
        }
    }

    async fn run(&self, connection: &mut SqliteConnection, sql: &str) {
        let (part, command) = (&self.append.streams[0], &self.append.commands[0]);
        let event = &part.events[0];
        let (namespace, key) = self.append.claims[0].pair();
        let query = sqlx::query(sql)
            .bind(&*part.stream.aggregate_type)
            .bind(&*part.stream.aggregate_id)
            .bind(i64::try_from(part.expected_version).unwrap())
            .bind(&event.event_type)
            .bind(&event.event_version)
            .bind(&event.payload)
            .bind(&*event.metadata)
            .bind(event.event_id.to_string())
            .bind(event.command_id.to_string())
            .bind(&part.routing_key)
            .bind(&self.recorded_at)
            .bind(&self.wake_at)
            .bind(&command.fingerprint.0)
            .bind(namespace)
            .bind(key);
        let done = connection.fetch_many(query);
        done.try_for_each(|_| async { Ok(()) }).await.unwrap();
    }
}
