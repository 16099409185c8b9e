//! ADAPTER: the event log in one SQLite file.
//!
//! One connection writes, on a task of its own; a few read. `BEGIN IMMEDIATE` makes the order of positions the order of commits,
//! also between processes: whoever holds the write lock is the only one who can take positions from `log_head`.

mod batch;
mod connect;
mod import;
mod packed;
mod read;
mod statements;
mod writer;

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{SqlitePool, sqlite::SqliteSynchronous};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::MissedTickBehavior,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    claims::Claim,
    commands::KnownCommand,
    log::{
        Append, Error, EventLog, Head, Naming, Outcome, Position, RecordedEvent, StreamHead,
        StreamId, advance, sqlite::writer::Job,
    },
    snapshot::Snapshot,
    timers::Due,
};

pub use crate::log::sqlite::import::SqliteImport;

/// Jobs that may wait for the writer: it has one committer, and few snapshots at a time.
const WRITER_QUEUE: usize = 64;

/// How a log is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections that read.
    pub read_connections: u32,
    /// How long to wait for another process's transaction.
    pub busy_timeout: Duration,
    /// How often to look for commits of other processes.
    pub poll: Duration,
    /// Below `FULL` the log refuses to open: what was acknowledged could be lost with the power.
    pub synchronous: SqliteSynchronous,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            read_connections: 4,
            busy_timeout: Duration::from_secs(5),
            poll: Duration::from_secs(1),
            synchronous: SqliteSynchronous::Full,
        }
    }
}

/// The event log in one SQLite file.
#[derive(Debug)]
pub struct SqliteEventLog {
    readers: SqlitePool,
    writer: mpsc::Sender<Job>,
    head: watch::Sender<Position>,
    tasks: TaskTracker,
    closed: CancellationToken,
}

impl SqliteEventLog {
    /// Opens the log in `path`, creating it where there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Refused`] where `options` or the file's schema forbid it, [`Error::Unavailable`].
    pub async fn open(path: &Path, options: Options) -> Result<Self, Error> {
        let connect = connect::Connect::new(path, &options);
        let connection = connect.open_writer().await?;
        let readers = connect.open_readers(options.read_connections);
        let (head, _) = watch::channel(read::head(&readers).await?.position);
        let (writer, jobs) = mpsc::channel(WRITER_QUEUE);
        let (tasks, closed) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(writer::run(jobs, connect, connection, head.clone()));
        tasks.spawn(closed.clone().run_until_cancelled_owned(poll_head(
            readers.clone(),
            head.clone(),
            options.poll,
        )));
        tasks.close();
        Ok(Self {
            readers,
            writer,
            head,
            tasks,
            closed,
        })
    }

    async fn write<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Job,
    ) -> Result<T, Error> {
        let closed = || Error::Unavailable("the log is closed".to_owned());
        let (reply, answer) = oneshot::channel();
        if self.closed.is_cancelled() {
            return Err(closed());
        }
        self.writer.send(job(reply)).await.map_err(|_| closed())?;
        answer
            .await
            .map_err(|_| Error::Unknown("the log's writer ended".to_owned()))?
    }
}

impl Drop for SqliteEventLog {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

/// Tells of commits that other processes made.
async fn poll_head(readers: SqlitePool, head: watch::Sender<Position>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match read::head(&readers).await {
            Ok(now) => advance(&head, now.position),
            Err(error) => tracing::warn!(%error, "can't look for new events"),
        }
    }
}

#[async_trait]
impl EventLog for SqliteEventLog {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Outcome>, Error> {
        batch.iter().try_for_each(Append::validate)?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.write(|reply| Job::Append { batch, reply }).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        packed::stream(&self.readers, stream, after, limit).await
    }

    async fn read_stream_naming(
        &self,
        stream: &StreamId,
        after: u64,
        naming: &Naming<'_>,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        read::stream_naming(&self.readers, stream, after, naming, limit).await
    }

    async fn read_correlated(
        &self,
        correlation_id: &str,
        part: (Position, Position),
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        read::correlated(&self.readers, correlation_id, part, limit).await
    }

    async fn read_all(&self, after: Position, limit: usize) -> Result<Vec<RecordedEvent>, Error> {
        packed::all(&self.readers, after, limit).await
    }

    async fn head(&self) -> Result<Head, Error> {
        read::head(&self.readers).await
    }

    async fn stream_heads(&self, streams: &[StreamId]) -> Result<Vec<Option<StreamHead>>, Error> {
        read::stream_heads(&self.readers, streams).await
    }

    async fn known_commands(&self, ids: &[Uuid]) -> Result<Vec<Option<KnownCommand>>, Error> {
        let mut known = read::commands(&self.readers, ids).await?;
        Ok(ids.iter().map(|id| known.remove(id)).collect())
    }

    async fn claim(&self, namespace: &str, key: &str) -> Result<Option<StreamId>, Error> {
        let holders = read::claims(&self.readers, &[(namespace, key)]).await?;
        Ok(holders.into_values().next())
    }

    async fn due(
        &self,
        aggregate_type: &str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Due>, Error> {
        read::due(&self.readers, aggregate_type, now, limit).await
    }

    async fn next_due(&self, aggregate_type: &str) -> Result<Option<DateTime<Utc>>, Error> {
        read::next_due(&self.readers, aggregate_type).await
    }

    async fn load_snapshot(
        &self,
        stream: &StreamId,
        schema: u32,
    ) -> Result<Option<Snapshot>, Error> {
        read::snapshot(&self.readers, stream, schema).await
    }

    async fn save_snapshot(&self, snapshot: Snapshot) -> Result<(), Error> {
        self.write(|reply| Job::SaveSnapshot { snapshot, reply })
            .await
    }

    async fn prune_commands(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        let mut forgotten = 0;
        // Each step is a transaction of its own, so that appends get in between.
        loop {
            let step = self
                .write(|reply| Job::PruneCommands { before, reply })
                .await?;
            forgotten += step.forgotten;
            if !step.more {
                return Ok(forgotten);
            }
        }
    }

    async fn pruned_until(&self) -> Result<Position, Error> {
        read::pruned(&self.readers).await
    }

    async fn list_stream_heads(
        &self,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Vec<(StreamId, StreamHead)>, Error> {
        read::list_stream_heads(&self.readers, after, limit).await
    }

    async fn list_claims(
        &self,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<Claim>, Error> {
        read::list_claims(&self.readers, after, limit).await
    }

    async fn list_commands(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<KnownCommand>, Error> {
        read::list_commands(&self.readers, after, limit).await
    }

    async fn close(&self) {
        self.closed.cancel();
        // The writer ends with this job; what was queued before it is done.
        let (reply, _) = oneshot::channel();
        self.writer.send(Job::Close { reply }).await.ok();
        self.tasks.wait().await;
        self.readers.close().await;
    }

    fn head_changes(&self) -> watch::Receiver<Position> {
        self.head.subscribe()
    }
}

/// Serialises what `json_each` takes apart again.
fn to_json<T: serde::Serialize + ?Sized>(rows: &T) -> String {
    serde_json::to_string(rows).expect("texts, numbers and lists have a JSON form")
}

/// What went wrong with a statement that stored nothing.
fn unavailable(error: &sqlx::Error) -> Error {
    match error {
        sqlx::Error::Database(e) if connect::is_corrupt(e.as_ref()) => {
            Error::Corrupt(error.to_string())
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            Error::Corrupt(error.to_string())
        }
        _ => Error::Unavailable(error.to_string()),
    }
}

/// The stored form of a time: UTC, RFC 3339, six digits.
fn time_text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

fn stream_id(aggregate_type: &str, aggregate_id: &str) -> StreamId {
    StreamId::new(Arc::from(aggregate_type), Arc::from(aggregate_id))
}
