//! ADAPTER: the event log in Postgres.
//!
//! One session appends, on a task of its own; a pool reads. An append is one call of the function `append_events`, which is one
//! transaction and one round trip. It first updates the row `log_head` and so holds that row's lock until its commit is over: the
//! order of positions is the order of commits, of all processes, and a reader that sees an event sees all before it.
//!
//! ```text
//!  process A   UPDATE log_head ── INSERT ... ── NOTIFY ── commit ── standby ──▶ answered
//!  process B        · · · waits for the row · · · · · · · · · · · · · · · · · · UPDATE log_head ── ...
//!  reader      sees what is left of here                                      │
//! ```
//!
//! What is *answered* is on the standby, where one is configured. What is *seen* on the primary may not be, after a wait that was cut
//! short: a command is told to be known only once a later write has come back from the standby (`confirm.rs`).

mod arguments;
mod confirm;
mod fitness;
mod follow;
mod import;
mod migrate;
pub(crate) mod notices;
mod options;
#[cfg(feature = "acknowledge-before-commit")]
mod premature;
mod read;
pub(crate) mod servers;
mod writer;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    claims::Claim,
    clock::Clock,
    commands::KnownCommand,
    log::{
        Append, Error, EventLog, Head, Naming, Outcome, Position, RecordedEvent, StreamHead,
        StreamId,
        postgres::{
            confirm::{Confirming, Shared, last_of},
            servers::Servers,
            writer::Job,
        },
    },
    snapshot::Snapshot,
    timers::Due,
};

pub use crate::log::postgres::{
    import::PostgresImport,
    options::{Access, Durability, Options},
};

/// The text of a statement in `sql/postgres`.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/sql/postgres/",
            $name,
            ".sql"
        ))
    };
}
pub(crate) use sql;

/// Batches that may wait for the writer: it has one committer.
const WRITER_QUEUE: usize = 64;

/// How long a read may take.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Events whose commands one step of pruning looks at.
const PRUNE_EVENTS: i64 = 10_000;

/// The event log in Postgres.
#[derive(Debug)]
pub struct PostgresEventLog {
    shared: Arc<Shared>,
    writer: mpsc::Sender<Job>,
    head: watch::Sender<Position>,
    tasks: TaskTracker,
    closed: CancellationToken,
}

impl PostgresEventLog {
    /// Opens the log at `url`, `postgres://USER@HOST/DATABASE`, and brings its schema up to date. Several servers are given as one URL
    /// each, separated by commas: the one that takes writes and is on the newest timeline is used, now and after a fail-over.
    ///
    /// # Errors
    /// [`Error::Refused`] where `options`, the server's settings or its schema forbid it, [`Error::Unavailable`].
    pub async fn open(url: &str, options: Options) -> Result<Self, Error> {
        let servers = Servers::open(url, options.clone()).await?;
        let shared = Arc::new(Shared {
            servers,
            clock: Arc::default(),
            confirmed: Mutex::default(),
            followed: Notify::new(),
            deadline: options.append_timeout,
        });
        let (head, _) = watch::channel(Position(0));
        follow::sample(&shared, &shared.servers.current(), &head).await?;
        let (writer, jobs) = mpsc::channel(WRITER_QUEUE);
        let (tasks, closed) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(writer::run(jobs, Arc::clone(&shared), head.clone()));
        tasks.spawn(closed.clone().run_until_cancelled_owned(follow::run(
            Arc::clone(&shared),
            head.clone(),
            options.poll,
        )));
        tasks.close();
        Ok(Self {
            shared,
            writer,
            head,
            tasks,
            closed,
        })
    }

    /// The clock of the log's database, as this process knows it.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.shared.clock) as _
    }

    async fn acquire(&self) -> Result<Confirming<'_>, Error> {
        let server = self.shared.servers.usable()?;
        let connection = server.pool.acquire().await;
        Ok(Confirming {
            connection: connection.map_err(|e| unavailable(&e))?,
            generation: server.generation,
            shared: &self.shared,
        })
    }

    /// The pool of the server that holds the log now.
    fn pool(&self) -> Result<PgPool, Error> {
        Ok(self.shared.servers.usable()?.pool)
    }
}

impl Drop for PostgresEventLog {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

/// Bounds a read.
async fn bounded<T>(read: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(READ_TIMEOUT, read).await.unwrap_or_else(|_| {
        Err(Error::Unavailable(format!(
            "the log's server did not answer within {READ_TIMEOUT:?}"
        )))
    })
}

#[async_trait]
impl EventLog for PostgresEventLog {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Outcome>, Error> {
        batch.iter().try_for_each(Append::validate)?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let closed = || Error::Unavailable("the log is closed".to_owned());
        if self.closed.is_cancelled() {
            return Err(closed());
        }
        let (reply, answer) = oneshot::channel();
        let job = Job::Append { batch, reply };
        self.writer.send(job).await.map_err(|_| closed())?;
        let ended = |_| Error::Unknown("the log's writer ended".to_owned());
        answer.await.map_err(ended)?
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        bounded(read::stream(&self.pool()?, stream, after, limit)).await
    }

    async fn read_stream_naming(
        &self,
        stream: &StreamId,
        after: u64,
        naming: &Naming<'_>,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        bounded(read::stream_naming(
            &self.pool()?,
            stream,
            after,
            naming,
            limit,
        ))
        .await
    }

    async fn read_correlated(
        &self,
        correlation_id: &str,
        part: (Position, Position),
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        bounded(read::correlated(&self.pool()?, correlation_id, part, limit)).await
    }

    async fn read_all(&self, after: Position, limit: usize) -> Result<Vec<RecordedEvent>, Error> {
        bounded(read::all(&self.pool()?, after, limit)).await
    }

    async fn head(&self) -> Result<Head, Error> {
        let (head, _) = bounded(read::head(&self.pool()?)).await?;
        Ok(head)
    }

    async fn stream_heads(&self, streams: &[StreamId]) -> Result<Vec<Option<StreamHead>>, Error> {
        bounded(read::stream_heads(&self.pool()?, streams)).await
    }

    async fn known_commands(&self, ids: &[Uuid]) -> Result<Vec<Option<KnownCommand>>, Error> {
        let mut connection = self.acquire().await?;
        let known = async {
            let known = read::commands(connection.executor(), ids).await?;
            connection.confirm(last_of(&known)).await?;
            Ok(known)
        };
        let known = bounded(known).await?;
        Ok(ids.iter().map(|id| known.get(id).cloned()).collect())
    }

    async fn claim(&self, namespace: &str, key: &str) -> Result<Option<StreamId>, Error> {
        bounded(read::claim(&self.pool()?, namespace, key)).await
    }

    async fn due(
        &self,
        aggregate_type: &str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Due>, Error> {
        bounded(read::due(&self.pool()?, aggregate_type, now, limit)).await
    }

    async fn next_due(&self, aggregate_type: &str) -> Result<Option<DateTime<Utc>>, Error> {
        bounded(read::next_due(&self.pool()?, aggregate_type)).await
    }

    async fn load_snapshot(
        &self,
        stream: &StreamId,
        schema: u32,
    ) -> Result<Option<Snapshot>, Error> {
        bounded(read::snapshot(&self.pool()?, stream, schema)).await
    }

    async fn save_snapshot(&self, snapshot: Snapshot) -> Result<(), Error> {
        let pool = self.pool()?;
        let saved = sqlx::query(sql!("save_snapshot"))
            .bind(&*snapshot.stream.aggregate_type)
            .bind(&*snapshot.stream.aggregate_id)
            .bind(i64::from(snapshot.schema))
            .bind(arguments::to_i64(snapshot.version))
            .bind(&snapshot.payload)
            .execute(&pool);
        bounded(async { saved.await.map(drop).map_err(|e| unavailable(&e)) }).await
    }

    async fn prune_commands(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        let mut forgotten = 0;
        // Each step is a transaction of its own.
        loop {
            let pool = self.pool()?;
            let step = sqlx::query_as(sql!("prune_commands"))
                .bind(before)
                .bind(PRUNE_EVENTS)
                .fetch_one(&pool);
            let step = async { step.await.map_err(|e| unavailable(&e)) };
            let (deleted, more): (i64, bool) = bounded(step).await?;
            forgotten += u64::try_from(deleted).unwrap_or_default();
            if !more {
                return Ok(forgotten);
            }
        }
    }

    async fn pruned_until(&self) -> Result<Position, Error> {
        bounded(read::pruned(&self.pool()?)).await
    }

    async fn list_stream_heads(
        &self,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Vec<(StreamId, StreamHead)>, Error> {
        bounded(read::list_stream_heads(&self.pool()?, after, limit)).await
    }

    async fn list_claims(
        &self,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<Claim>, Error> {
        bounded(read::list_claims(&self.pool()?, after, limit)).await
    }

    async fn list_commands(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<KnownCommand>, Error> {
        bounded(read::list_commands(&self.pool()?, after, limit)).await
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn confirm(
        &self,
        stream: &StreamId,
        ids: &[Uuid],
    ) -> Result<(Option<StreamHead>, Vec<Option<KnownCommand>>), Error> {
        let mut connection = self.acquire().await?;
        let both = async {
            let both = read::stream_with_commands(connection.executor(), stream, ids).await?;
            connection.confirm(last_of(&both.1)).await?;
            Ok(both)
        };
        let (head, known) = bounded(both).await?;
        Ok((head, ids.iter().map(|id| known.get(id).cloned()).collect()))
    }

    async fn close(&self) {
        self.closed.cancel();
        // The writer ends with this job; what was queued before it is done.
        self.writer.send(Job::Close).await.ok();
        self.tasks.wait().await;
        self.shared.servers.close().await;
    }

    fn head_changes(&self) -> watch::Receiver<Position> {
        let changes = self.head.subscribe();
        self.shared.followed.notify_one();
        changes
    }
}

/// What went wrong with a statement that stored nothing.
pub(crate) fn unavailable(error: &sqlx::Error) -> Error {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => corrupt(error),
        // XX001, XX002: damaged tables and indices.
        sqlx::Error::Database(e) if e.code().is_some_and(|c| c.starts_with("XX00")) => {
            corrupt(error)
        }
        _ => Error::Unavailable(error.to_string()),
    }
}

fn corrupt(error: &sqlx::Error) -> Error {
    Error::Corrupt(error.to_string())
}
