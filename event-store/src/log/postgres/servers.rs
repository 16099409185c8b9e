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

use futures::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool, Row,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
};
use tokio::{sync::Mutex, time::timeout};

use super::{Access, Durability, Options, migrate, sql, unavailable};
use crate::log::Error;

/// How long a server may take to accept a connection and tell what it is.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a reader waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a client that stalls in a transaction may hold its locks, in milliseconds.
const IDLE_IN_TRANSACTION_MS: &str = "10000";

/// The server that holds the log now.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// Connections for everything but appending.
    pub(crate) pool: PgPool,
    options: PgConnectOptions,
    /// Tells this choice of a server from an earlier one.
    pub(crate) generation: u64,
    names_standby: bool,
}

/// Connections to a log that one of several servers holds.
#[derive(Debug)]
pub(crate) struct Servers {
    candidates: Vec<PgConnectOptions>,
    options: Options,
    current: RwLock<Server>,
    /// The newest timeline that was seen: an older one is history.
    epoch: AtomicU64,
    looking: Mutex<()>,
}

/// What a server tells of itself.
#[derive(Debug, Clone)]
struct Settings {
    /// A setting without which a crash may lose what was synced.
    off: Option<String>,
    synchronous_commit: String,
    names_standby: bool,
    encoding: String,
    in_recovery: bool,
    timeline: u64,
}

impl Servers {
    /// Finds the server among those of `urls` and brings its schema up to date.
    pub(crate) async fn open(urls: &str, options: Options) -> Result<Arc<Self>, Error> {
        let candidates: Vec<_> = urls
            .split(',')
            .map(|url| parse(url.trim(), options.durability))
            .collect::<Result<_, _>>()?;
        let found = find(&candidates, &options, 0).await?;
        let epoch = found.timeline;
        let server = found.into_server(&options, 1);
        Ok(Arc::new(Self {
            candidates,
            options,
            current: RwLock::new(server),
            epoch: AtomicU64::new(epoch),
            looking: Mutex::new(()),
        }))
    }

    /// The server that was found last.
    pub(crate) fn current(&self) -> Server {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the log was opened for reading only.
    pub(super) fn is_read_only(&self) -> bool {
        self.options.access == Access::ReadOnly
    }

    /// Notes the epoch of an append.
    pub(super) fn saw(&self, epoch: u64) {
        self.epoch.fetch_max(epoch, Ordering::Relaxed);
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
        let found = find(&self.candidates, &self.options, seen).await;
        // It was fit once: what makes it unfit now may pass.
        let found = found.map_err(|e| match e {
            Error::Refused(why) => Error::Unavailable(why),
            other => other,
        })?;
        self.saw(found.timeline);
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

/// A server that was found fit.
struct Found {
    candidate: PgConnectOptions,
    timeline: u64,
    names_standby: bool,
}

impl Found {
    fn into_server(self, options: &Options, generation: u64) -> Server {
        let lock_ms = options.lock_timeout.as_millis().to_string();
        let reading = self
            .candidate
            .clone()
            .options([("jit", "off"), ("lock_timeout", &*lock_ms)]);
        let pool = PgPoolOptions::new()
            .max_connections(options.read_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_lazy_with(reading);
        Server {
            pool,
            options: self.candidate,
            generation,
            names_standby: self.names_standby,
        }
    }
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

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, Error> {
    let connected = timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options)).await;
    connected
        .map_err(|_| Error::Unavailable(format!("{} does not answer", options.get_host())))?
        .map_err(|e| unavailable(&e))
}

/// The fit server on the newest timeline; where none is fit, why the last was not.
async fn find(
    candidates: &[PgConnectOptions],
    options: &Options,
    seen: u64,
) -> Result<Found, Error> {
    let looks = candidates
        .iter()
        .map(|candidate| inspect(candidate, options, seen).boxed());
    let looks: Vec<BoxFuture<'_, Result<Found, Error>>> = looks.collect();
    let looked = join_all(looks).await;
    let (mut best, mut why) = (None::<Found>, None);
    for result in looked {
        match result {
            Ok(found) => {
                let newer = |best: &Found| found.timeline > best.timeline;
                if best.as_ref().is_none_or(newer) {
                    best = Some(found);
                }
            }
            // A refusal tells more than a silence.
            Err(error @ Error::Refused(_)) => why = Some(error),
            Err(error) => why = why.or(Some(error)),
        }
    }
    let none = || Error::Refused("no URL of the log is given".to_owned());
    best.ok_or_else(|| why.unwrap_or_else(none))
}

async fn inspect(
    candidate: &PgConnectOptions,
    options: &Options,
    seen: u64,
) -> Result<Found, Error> {
    let mut connection = connect(candidate).await?;
    let settings = settings(&mut connection).await?;
    if settings.encoding != "UTF8" {
        return Err(Error::Refused(format!(
            "the log needs a database in UTF8, but it is in {}",
            settings.encoding
        )));
    }
    if options.access == Access::ReadWrite {
        check_durable(&settings, options.durability)?;
        migrate::migrate(&mut connection).await?;
        check_writable(&mut connection, &settings, options, seen).await?;
    } else {
        migrate::check(&mut connection).await?;
    }
    drop(connection.close().await);
    Ok(Found {
        candidate: candidate.clone(),
        timeline: settings.timeline,
        names_standby: settings.names_standby,
    })
}

async fn settings(connection: &mut PgConnection) -> Result<Settings, Error> {
    let row = sqlx::query(sql!("read_settings")).fetch_one(connection);
    let read = |row: PgRow| {
        let timeline: i64 = row.try_get("timeline")?;
        Ok(Settings {
            off: row.try_get("off")?,
            synchronous_commit: row.try_get("synchronous_commit")?,
            names_standby: row.try_get("names_standby")?,
            encoding: row.try_get("encoding")?,
            in_recovery: row.try_get("in_recovery")?,
            timeline: u64::try_from(timeline).unwrap_or_default(),
        })
    };
    row.await.and_then(read).map_err(|e| unavailable(&e))
}

/// Refuses settings under which what was acknowledged could be lost, and a server that takes no writes.
fn check_durable(settings: &Settings, durability: Durability) -> Result<(), Error> {
    let off = |name: &str| {
        Err(Error::Refused(format!(
            "the log needs Postgres's {name} on, but it is off: acknowledged events could be lost with the power"
        )))
    };
    if settings.in_recovery {
        return Err(Error::Refused(
            "the server is a standby and takes no writes: name its primary, or open the log for reading only"
                .to_owned(),
        ));
    }
    if let Some(name) = &settings.off {
        return off(name);
    }
    match (&*settings.synchronous_commit, durability) {
        ("off", _) => off("synchronous_commit"),
        ("local", Durability::Replicated) => Err(Error::Refused(
            "the log needs Postgres's synchronous_commit on, but it is local: a fail-over could lose acknowledged \
             events. Single durability allows it"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Refuses a server whose history is not the newest, and a promoted one without a standby.
async fn check_writable(
    connection: &mut PgConnection,
    settings: &Settings,
    options: &Options,
    seen: u64,
) -> Result<(), Error> {
    check_durable(settings, options.durability)?;
    let epochs: (i64, i64) = sqlx::query_as(sql!("read_epochs"))
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| unavailable(&e))?;
    let [began, present] = <[i64; 2]>::from(epochs).map(|e| u64::try_from(e).unwrap_or_default());
    let timeline = settings.timeline;
    if timeline < present.max(seen) {
        return Err(Error::Refused(format!(
            "history diverged: the server is on timeline {timeline}, but the log has come to epoch {}: another server \
             was promoted, and this one may hold events that are not part of the log",
            present.max(seen)
        )));
    }
    if timeline > began && options.durability == Durability::Replicated {
        let standbys: i64 = sqlx::query_scalar(sql!("read_standbys"))
            .fetch_one(connection)
            .await
            .map_err(|e| unavailable(&e))?;
        if standbys == 0 {
            return Err(Error::Refused(format!(
                "the log was promoted (it began in epoch {began}, the server is on timeline {timeline}) and has no \
                 synchronous standby: give it one, or open it with single durability"
            )));
        }
    }
    Ok(())
}
