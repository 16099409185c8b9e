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
//! short: a command is told to be known only once a later write has come back from the standby ([`confirm`]).

mod arguments;
mod follow;
mod migrate;
pub(crate) mod notices;
mod read;
pub(crate) mod servers;
mod writer;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    claims::Claim,
    clock::{Clock, DatabaseClock},
    commands::KnownCommand,
    log::{
        Append, Error, EventLog, Head, Outcome, Position, RecordedEvent, StreamHead, StreamId,
        postgres::{notices::Notices, servers::Servers, writer::Job},
    },
    snapshot::Snapshot,
    timers::Due,
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

/// Who uses the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Appends too: needs the primary.
    #[default]
    ReadWrite,
    /// Reads only, on a standby or the primary; what it reads may be behind.
    ReadOnly,
}

/// What an acknowledgement means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Synced to disk, and on the synchronous standby where the server names one. A server that was promoted must have one.
    #[default]
    Replicated,
    /// Synced to the disk of one server, whose loss is the loss of what it acknowledged: sessions run with
    /// `synchronous_commit=local`. For the time after a fail-over until there is a standby again.
    Single,
}

/// How a log is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who uses it.
    pub access: Access,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// Connections that read.
    pub read_connections: u32,
    /// How long to wait for another process's transaction.
    pub lock_timeout: Duration,
    /// After so long without an answer, the outcome of an append is unknown. Longer than `lock_timeout`, shorter than requests last.
    pub append_timeout: Duration,
    /// How often to look for commits of other processes, beside being told of them.
    pub poll: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            access: Access::ReadWrite,
            durability: Durability::Replicated,
            read_connections: 8,
            lock_timeout: Duration::from_secs(2),
            append_timeout: Duration::from_secs(4),
            poll: Duration::from_secs(1),
        }
    }
}

/// The event log in Postgres.
#[derive(Debug)]
pub struct PostgresEventLog {
    shared: Arc<Shared>,
    writer: mpsc::Sender<Job>,
    head: watch::Sender<Position>,
    tasks: TaskTracker,
    closed: CancellationToken,
}

/// What the log's tasks share.
#[derive(Debug)]
struct Shared {
    servers: Arc<Servers>,
    clock: Arc<DatabaseClock>,
    confirmed: Mutex<Confirmed>,
    deadline: Duration,
}

/// Every event of a server up to a position is known to be on its standby. Positions are in commit order, and so is what the standby
/// receives: what was acknowledged stands for all before it.
#[derive(Debug, Default)]
struct Confirmed {
    generation: u64,
    until: Position,
}

impl Shared {
    /// Notes what was acknowledged.
    fn confirmed(&self, generation: u64, until: Position) {
        let mut confirmed = self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if generation > confirmed.generation {
            *confirmed = Confirmed { generation, until };
        } else if generation == confirmed.generation {
            confirmed.until = confirmed.until.max(until);
        }
    }

    fn is_confirmed(&self, generation: u64, until: Position) -> bool {
        let confirmed = self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        confirmed.generation == generation && until <= confirmed.until
    }
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
        let server = self.shared.servers.current();
        let connection = server.pool.acquire().await;
        Ok(Confirming {
            connection: connection.map_err(|e| unavailable(&e))?,
            generation: server.generation,
            shared: &self.shared,
        })
    }

    /// The pool of the server that holds the log now.
    fn pool(&self) -> PgPool {
        self.shared.servers.current().pool
    }
}

/// A connection to one server: what is confirmed through it is what was read through it, whatever happens to the server in between.
struct Confirming<'a> {
    connection: PoolConnection<Postgres>,
    generation: u64,
    shared: &'a Shared,
}

impl Confirming<'_> {
    fn executor(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// See [`confirm`].
    async fn confirm(&mut self, until: Position) -> Result<(), Error> {
        confirm(self.shared, self.generation, &mut self.connection, until).await
    }
}

/// The last position of what is known; 0 if nothing is.
fn last_of(known: &HashMap<Uuid, KnownCommand>) -> Position {
    let last = known.values().map(|known| known.last);
    last.max().unwrap_or_default()
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

/// Makes sure that everything up to `until`, which was read through this connection, is as durable as what was acknowledged: a write
/// that comes after it waits for the standby in its stead.
async fn confirm(
    shared: &Shared,
    generation: u64,
    connection: &mut PgConnection,
    until: Position,
) -> Result<(), Error> {
    if until == Position(0)
        || shared.servers.is_read_only()
        || shared.is_confirmed(generation, until)
    {
        return Ok(());
    }
    let unknown = |why: String| {
        Error::Unavailable(format!(
            "what the log holds up to {until} may not be on its standby yet: {why}"
        ))
    };
    let write = sqlx::query_scalar(sql!("confirm_commits")).fetch_one(connection);
    let (written, warning) = Notices::new().listen(timeout(shared.deadline, write)).await;
    let written =
        written.map_err(|_| unknown(format!("no answer within {:?}", shared.deadline)))?;
    let position: i64 = written.map_err(|e| unknown(e.to_string()))?;
    if let Some(warning) = warning {
        return Err(unknown(warning));
    }
    let position = Position(u64::try_from(position).unwrap_or_default());
    shared.confirmed(generation, position);
    Ok(())
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
        bounded(read::stream(&self.pool(), stream, after, limit)).await
    }

    async fn read_all(&self, after: Position, limit: usize) -> Result<Vec<RecordedEvent>, Error> {
        bounded(read::all(&self.pool(), after, limit)).await
    }

    async fn head(&self) -> Result<Head, Error> {
        let (head, _) = bounded(read::head(&self.pool())).await?;
        Ok(head)
    }

    async fn stream_heads(&self, streams: &[StreamId]) -> Result<Vec<Option<StreamHead>>, Error> {
        bounded(read::stream_heads(&self.pool(), streams)).await
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
        bounded(read::claim(&self.pool(), namespace, key)).await
    }

    async fn due(
        &self,
        aggregate_type: &str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Due>, Error> {
        bounded(read::due(&self.pool(), aggregate_type, now, limit)).await
    }

    async fn next_due(&self, aggregate_type: &str) -> Result<Option<DateTime<Utc>>, Error> {
        bounded(read::next_due(&self.pool(), aggregate_type)).await
    }

    async fn load_snapshot(
        &self,
        stream: &StreamId,
        schema: u32,
    ) -> Result<Option<Snapshot>, Error> {
        bounded(read::snapshot(&self.pool(), stream, schema)).await
    }

    async fn save_snapshot(&self, snapshot: Snapshot) -> Result<(), Error> {
        let pool = self.pool();
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
            let pool = self.pool();
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
        bounded(read::pruned(&self.pool())).await
    }

    async fn list_stream_heads(
        &self,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Vec<(StreamId, StreamHead)>, Error> {
        bounded(read::list_stream_heads(&self.pool(), after, limit)).await
    }

    async fn list_claims(
        &self,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<Claim>, Error> {
        bounded(read::list_claims(&self.pool(), after, limit)).await
    }

    async fn list_commands(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<KnownCommand>, Error> {
        bounded(read::list_commands(&self.pool(), after, limit)).await
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

    async fn harden(&self) -> Result<(), Error> {
        let mut connection = self.acquire().await?;
        let hardened = async {
            let (head, _) = read::head(connection.executor()).await?;
            connection.confirm(head.position).await
        };
        bounded(hardened).await
    }

    async fn close(&self) {
        self.closed.cancel();
        // The writer ends with this job; what was queued before it is done.
        self.writer.send(Job::Close).await.ok();
        self.tasks.wait().await;
        self.shared.servers.close().await;
    }

    fn head_changes(&self) -> watch::Receiver<Position> {
        self.head.subscribe()
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
