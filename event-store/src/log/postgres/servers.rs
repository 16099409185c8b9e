//! Which of several servers holds the log now, and connections to it.
//!
//! ```text
//!  url A   timeline 1 ── writes ──✗ killed ········ back, timeline 1: refused, its history may have been cut
//!  url B   standby ················ promoted ── timeline 2 ── writes ──▶
//! ```

use std::{
    str::FromStr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use sqlx::{
    ConnectOptions, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::{sync::Mutex, time::timeout};

use super::{
    Access, Durability, Options,
    fitness::{Found, check_writable, connect, diverged, find, settings},
};
use crate::log::Error;

/// How long a reader waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a client that stalls in a transaction may hold its locks, in milliseconds.
const IDLE_IN_TRANSACTION_MS: &str = "10000";

/// How long a server may take to tell its timeline before a new connection is tried.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);

/// The server that holds the log now.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// Connections for everything but appending.
    pub(crate) pool: PgPool,
    options: PgConnectOptions,
    /// Tells this choice of a server from an earlier one.
    pub(crate) generation: u64,
    /// 0 for a standby.
    timeline: u64,
    names_standby: bool,
}

/// Connections to a log that one of several servers holds.
#[derive(Debug)]
pub(crate) struct Servers {
    candidates: Vec<PgConnectOptions>,
    options: Options,
    current: RwLock<Server>,
    /// The newest epoch that was seen: an older one is history.
    epoch: AtomicU64,
    /// The newest timeline of any server that answered.
    newest: AtomicU64,
    looking: Mutex<()>,
    /// A connection to each candidate, by which it is asked for its timeline time and again: opening one costs a server a process.
    probes: Mutex<Vec<Option<PgConnection>>>,
}

impl Servers {
    /// Finds the server among those of `urls` and brings its schema up to date.
    pub(crate) async fn open(urls: &str, options: Options) -> Result<Arc<Self>, Error> {
        let candidates: Vec<_> = urls
            .split(',')
            .map(|url| parse(url.trim(), options.durability))
            .collect::<Result<_, _>>()?;
        let (epoch, found) = find(&candidates, &options, 0).await;
        let found = found?;
        let server = found.into_server(&options, 1);
        Ok(Arc::new(Self {
            probes: Mutex::new(candidates.iter().map(|_| None).collect()),
            candidates,
            options,
            current: RwLock::new(server),
            epoch: AtomicU64::new(epoch),
            newest: AtomicU64::new(epoch),
            looking: Mutex::new(()),
        }))
    }

    /// The server that was found last.
    pub(crate) fn current(&self) -> Server {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The server that was found last, unless a newer timeline was seen since: then what it has may not be the log any more, and nothing
    /// is read of it, although it may be back.
    pub(crate) fn usable(&self) -> Result<Server, Error> {
        let server = self.current();
        let newest = self.newest.load(Ordering::Relaxed);
        if server.timeline != 0 && server.timeline < newest {
            return Err(Error::Unavailable(diverged(server.timeline, newest)));
        }
        Ok(server)
    }

    /// Whether the log was opened for reading only.
    pub(super) fn is_read_only(&self) -> bool {
        self.options.access == Access::ReadOnly
    }

    /// Notes the epoch of an append.
    pub(super) fn saw(&self, epoch: u64) {
        self.epoch.fetch_max(epoch, Ordering::Relaxed);
    }

    /// Whether there are several.
    pub(super) fn are_several(&self) -> bool {
        self.candidates.len() > 1
    }

    /// Asks all for their timelines.
    pub(super) async fn survey(&self) {
        let mut probes = self.probes.lock().await;
        let asked = self.candidates.iter().zip(probes.iter_mut());
        let timelines = asked.map(async |(candidate, probe)| ask(candidate, probe).await);
        // Who does not answer tells nothing.
        let timelines = join_all(timelines).await.into_iter().flatten();
        self.newest
            .fetch_max(timelines.max().unwrap_or_default(), Ordering::Relaxed);
    }

    /// Looks for the server again after `instead_of` failed; several that fail at once look once. Even if it is the same one, its
    /// connections are new: those that were open may be broken.
    pub(crate) async fn look_again(&self, instead_of: u64) -> Result<Server, Error> {
        let _looking = self.looking.lock().await;
        let current = self.current();
        if current.generation != instead_of {
            return Ok(current);
        }
        let seen = self.epoch.load(Ordering::Relaxed);
        let (newest, found) = find(&self.candidates, &self.options, seen).await;
        // Noted even where no server is fit: one that was promoted and has no standby yet rules out the one before it.
        self.newest.fetch_max(newest, Ordering::Relaxed);
        self.saw(newest);
        // It was fit once: what makes it unfit now may pass.
        let found = found.map_err(|e| match e {
            Error::Refused(why) => Error::Unavailable(why),
            other => other,
        })?;
        let server = found.into_server(&self.options, current.generation + 1);
        tracing::info!(
            server.host = server.options.get_host(),
            server.port = server.options.get_port(),
            log.epoch = self.epoch.load(Ordering::Relaxed),
            "found the server that holds the log"
        );
        let mut slot = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *slot = server.clone();
        Ok(server)
    }

    /// A connection that appends, to the server that takes writes.
    pub(super) async fn connect_writer(&self) -> Result<Writer, Error> {
        if self.is_read_only() {
            return Err(Error::Refused(
                "the log was opened for reading only".to_owned(),
            ));
        }
        let server = self.current();
        // An append ended without a good answer, or there was none yet. Of several servers the one that was used may be back from a
        // failure during which another was promoted: it can't know that, so all are asked.
        if self.are_several() {
            let server = self.look_again(server.generation).await?;
            return self.connect_writer_to(&server).await;
        }
        match self.connect_writer_to(&server).await {
            Err(Error::Unavailable(_) | Error::Refused(_)) => {
                let server = self.look_again(server.generation).await?;
                self.connect_writer_to(&server).await
            }
            connected => connected,
        }
    }

    async fn connect_writer_to(&self, server: &Server) -> Result<Writer, Error> {
        let lock_ms = self.options.lock_timeout.as_millis().to_string();
        // The server stops this clock before it commits: it bounds the work alone, and never cuts a wait for the standby short.
        let work_ms = self.options.append_timeout.as_millis().to_string();
        // Only index probes: a plan made while the tables are small must do when they are large. Without JIT the penalty of what is
        // off costs nothing.
        let options = server.options.clone().options([
            ("jit", "off"),
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("plan_cache_mode", "force_generic_plan"),
            ("statement_timeout", &work_ms),
            ("lock_timeout", &lock_ms),
        ]);
        let mut connection = connect(&options).await?;
        let settings = settings(&mut connection).await?;
        let seen = self.epoch.load(Ordering::Relaxed);
        check_writable(&mut connection, &settings, &self.options, seen).await?;
        let replicated = self.options.durability == Durability::Replicated;
        Ok(Writer {
            connection,
            generation: server.generation,
            needs_standby: replicated && server.names_standby,
        })
    }

    pub(crate) async fn close(&self) {
        self.current().pool.close().await;
    }
}

/// A connection that appends.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: PgConnection,
    /// That of its server.
    pub(super) generation: u64,
    /// Whether the server must go on naming a standby.
    pub(super) needs_standby: bool,
}

impl Found {
    fn into_server(self, options: &Options, generation: u64) -> Server {
        let lock_ms = options.lock_timeout.as_millis().to_string();
        // As the writer's: only index probes, planned once.
        let reading = self.candidate.clone().options([
            ("jit", "off"),
            ("enable_seqscan", "off"),
            ("plan_cache_mode", "force_generic_plan"),
            ("lock_timeout", &*lock_ms),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(options.read_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_lazy_with(reading);
        Server {
            pool,
            options: self.candidate,
            generation,
            timeline: self.timeline,
            names_standby: self.names_standby,
        }
    }
}

/// A server's timeline, asked over the connection of last time where it is still good.
async fn ask(candidate: &PgConnectOptions, probe: &mut Option<PgConnection>) -> Result<u64, Error> {
    if let Some(mut connection) = probe.take()
        && let Ok(Ok(settings)) = timeout(ASK_TIMEOUT, settings(&mut connection)).await
    {
        *probe = Some(connection);
        return Ok(settings.timeline);
    }
    let mut connection = connect(candidate).await?;
    let settings = settings(&mut connection).await?;
    *probe = Some(connection);
    Ok(settings.timeline)
}

fn parse(url: &str, durability: Durability) -> Result<PgConnectOptions, Error> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|e| Error::Refused(format!("a URL of the log can't be read: {e}")))?
        .application_name("event-log")
        .disable_statement_logging()
        // A commit whose wait was cut short says so by a warning.
        .options([("client_min_messages", "warning")])
        .options([(
            "idle_in_transaction_session_timeout",
            IDLE_IN_TRANSACTION_MS,
        )]);
    Ok(match durability {
        Durability::Replicated => options,
        Durability::Single => options.options([("synchronous_commit", "local")]),
    })
}
