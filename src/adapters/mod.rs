//! The one place where a URL becomes an adapter.
//!
//! Each is opened when a role asks for it, once a process: a process holds nothing open that none of its roles needs.

mod patience;
mod urls;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use command_api::{
    credentials::{self, Credentials},
    key_store::{self, HmacPurpose, KeyStore},
    notifications::{self, Ledger},
    waiting_room::{self, WaitingRoom},
};
use event_store::{
    Clock, EventLog, PostgresEventLog, SqliteEventLog,
    bus::{self, Bus, Topic, kafka},
    leases::{InProcessLeases, Leases, PostgresLeases},
    log::{
        postgres::{self, Access as LogAccess},
        sqlite,
    },
    refusals::{self, Refusals},
    seals::{self, Seals},
    security_log::{self, LazySecurityLog, SecurityLog},
};
use read_model::{Access, ReadModel};
use tokio::sync::OnceCell;

pub use self::urls::{Port, check};
use self::urls::{Store, Transport, transport};
pub(crate) use self::urls::{shown, store_file, store_urls};
use crate::config::{Durability, Settings};

/// Everything that keeps something, opened as it is asked for.
#[derive(Debug)]
pub struct Adapters {
    settings: Settings,
    data: PathBuf,
    access: LogAccess,
    patience: Duration,
    log: OnceCell<Log>,
    leases: OnceCell<Arc<dyn Leases>>,
    credentials: OnceCell<Arc<dyn Credentials>>,
    notifications: OnceCell<Arc<dyn Ledger>>,
    keys: OnceCell<Arc<dyn KeyStore>>,
    bus: OnceCell<Arc<dyn Bus>>,
    read_model: OnceCell<Arc<dyn ReadModel>>,
    seals: OnceCell<Arc<dyn Seals>>,
    security_log: OnceCell<Arc<dyn SecurityLog>>,
    refusals: OnceCell<Arc<dyn Refusals>>,
    waiting_room: OnceCell<Arc<dyn WaitingRoom>>,
}

/// The event log, and the clock of its server where it has one.
#[derive(Debug, Clone)]
pub struct Log {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// What tells the time to whoever appends; `None`: the machine's clock does.
    pub clock: Option<Arc<dyn Clock>>,
}

impl Adapters {
    /// None opened yet. With `access`, a log on a server need not be its primary.
    pub fn new(settings: &Settings, access: LogAccess) -> Self {
        Self {
            settings: settings.clone(),
            data: settings.server.data.clone(),
            access,
            patience: Duration::ZERO,
            log: OnceCell::new(),
            leases: OnceCell::new(),
            credentials: OnceCell::new(),
            notifications: OnceCell::new(),
            keys: OnceCell::new(),
            bus: OnceCell::new(),
            read_model: OnceCell::new(),
            seals: OnceCell::new(),
            security_log: OnceCell::new(),
            refusals: OnceCell::new(),
            waiting_room: OnceCell::new(),
        }
    }

    /// Waits for servers that don't answer yet, and for what other roles make there, `patience` for each.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The event log.
    ///
    /// # Errors
    /// A log that would not keep what it acknowledges, or one of a newer program.
    pub async fn log(&self) -> anyhow::Result<&Log> {
        let lenient = self.access == LogAccess::ReadOnly;
        let open = || self.open_log();
        self.log
            .get_or_try_init(|| self.patiently(Port::Log, lenient, open))
            .await
    }

    /// The event log, if a role has asked for it.
    pub fn opened_log(&self) -> Option<Arc<dyn EventLog>> {
        self.log.get().map(|open| open.log.clone())
    }

    /// Who leads a job of which there must be one: of this process, where the log is embedded; of all that share it, elsewhere.
    ///
    /// # Errors
    /// A server that can't be reached.
    pub async fn leases(&self) -> anyhow::Result<Arc<dyn Leases>> {
        let open = || async {
            let leases: Arc<dyn Leases> = match Store::of(Port::Log, &self.settings)? {
                Store::Sqlite(_) => Arc::new(InProcessLeases::default()),
                Store::Postgres(urls) => {
                    let opened = PostgresLeases::open(urls, self.postgres()).await;
                    Arc::new(opened.with_context(|| self.unopened("the leases in", Port::Log))?)
                }
            };
            anyhow::Ok(leases)
        };
        let leases = self
            .leases
            .get_or_try_init(|| self.patiently(Port::Log, false, open));
        leases.await.cloned()
    }

    /// The tree over the log and its signed heads, in the log's database.
    ///
    /// # Errors
    /// A store that can't be reached, or one of a newer program.
    pub async fn seals(&self) -> anyhow::Result<Arc<dyn Seals>> {
        // The log first: whoever opens it brings its tables up to date.
        self.log().await?;
        let open = || async {
            let opened = seals::open(&self.url(Port::Log)?, self.postgres()).await;
            opened.with_context(|| self.unopened("the seals in", Port::Log))
        };
        let lenient = self.access == LogAccess::ReadOnly;
        let seals = self
            .seals
            .get_or_try_init(|| self.patiently(Port::Log, lenient, open));
        seals.await.cloned()
    }

    /// Who signed in and who was refused, in the log's database.
    ///
    /// # Errors
    /// A store that can't be reached, or one of a newer program.
    pub async fn security_log(&self) -> anyhow::Result<Arc<dyn SecurityLog>> {
        self.log().await?;
        let open = || async {
            let opened = security_log::open(&self.url(Port::Log)?, self.postgres()).await;
            opened.with_context(|| self.unopened("the security log in", Port::Log))
        };
        let lenient = self.access == LogAccess::ReadOnly;
        let log = self
            .security_log
            .get_or_try_init(|| self.patiently(Port::Log, lenient, open));
        log.await.cloned()
    }

    /// The same, to be written by a process that reads the log at most, and must not wait for the server that takes writes.
    ///
    /// # Errors
    /// A URL that names no adapter.
    pub fn security_log_once_used(&self) -> anyhow::Result<Arc<dyn SecurityLog>> {
        let options = postgres::Options {
            access: LogAccess::ReadWrite,
            ..self.postgres()
        };
        Ok(Arc::new(LazySecurityLog::new(
            self.url(Port::Log)?,
            options,
        )))
    }

    /// Commands that were refused, in the log's database.
    ///
    /// # Errors
    /// A store that can't be reached, or one of a newer program.
    pub async fn refusals(&self) -> anyhow::Result<Arc<dyn Refusals>> {
        self.log().await?;
        let open = || async {
            let opened = refusals::open(&self.url(Port::Log)?, self.postgres()).await;
            opened.with_context(|| self.unopened("the refusals in", Port::Log))
        };
        let lenient = self.access == LogAccess::ReadOnly;
        let refusals = self
            .refusals
            .get_or_try_init(|| self.patiently(Port::Log, lenient, open));
        refusals.await.cloned()
    }

    /// Password hashes and sessions, in the log's database.
    ///
    /// # Errors
    /// A store that can't be reached, or one of a newer program.
    pub async fn credentials(&self) -> anyhow::Result<Arc<dyn Credentials>> {
        let open = || async {
            let url = self.url(Port::Log)?;
            let opened = credentials::open(&url).await;
            opened.with_context(|| self.unopened("the credentials in", Port::Log))
        };
        let credentials = self
            .credentials
            .get_or_try_init(|| self.patiently(Port::Log, false, open));
        credentials.await.cloned()
    }

    /// What was told to whom, in the log's database.
    ///
    /// # Errors
    /// A store that can't be reached, or one of a newer program.
    pub async fn notifications(&self) -> anyhow::Result<Arc<dyn Ledger>> {
        let open = || async {
            let opened = notifications::open(&self.url(Port::Log)?).await;
            opened.with_context(|| self.unopened("the ledger of notifications in", Port::Log))
        };
        let ledger = self
            .notifications
            .get_or_try_init(|| self.patiently(Port::Log, false, open));
        ledger.await.cloned()
    }

    /// Keys of personal data, fingerprints and e-mail digests.
    ///
    /// # Errors
    /// A store that can't be reached, or one that is not the log's: with new keys, personal data could not be read, addresses could be
    /// taken twice and repeated commands would look like others.
    pub async fn keys(&self) -> anyhow::Result<Arc<dyn KeyStore>> {
        let open = || self.open_keys();
        let keys = self
            .keys
            .get_or_try_init(|| self.patiently(Port::KeyStore, false, open));
        keys.await.cloned()
    }

    /// How projections and seat maps follow the log.
    ///
    /// # Errors
    /// A bus that can't be reached, or is set up otherwise than configured.
    pub async fn bus(&self) -> anyhow::Result<Arc<dyn Bus>> {
        self.bus.get_or_try_init(|| self.open_bus()).await.cloned()
    }

    /// Where the relay sends to; `None` where the bus is the log itself.
    ///
    /// # Errors
    /// A URL that names no adapter.
    pub fn kafka(&self) -> anyhow::Result<Option<kafka::Options>> {
        Ok(match transport(&self.settings)? {
            Transport::Log => None,
            Transport::Kafka(brokers) => Some(kafka::Options::at(brokers, &self.topic())),
        })
    }

    /// What projections write and queries read. Of several who ask, the first says with what access.
    ///
    /// # Errors
    /// A store that can't be reached, or one of a newer program.
    pub async fn read_model(&self, access: Access) -> anyhow::Result<Arc<dyn ReadModel>> {
        let open = || async {
            let (url, replicas) = (
                self.url(Port::ReadModel)?,
                &self.settings.read_model.replicas,
            );
            let model = if replicas.is_empty() {
                read_model::open(&url, access).await
            } else {
                let model = read_model::replicated(&url, replicas, access).await;
                model.map(|model| model as Arc<dyn ReadModel>)
            };
            model.with_context(|| self.unopened("the read model", Port::ReadModel))
        };
        let lenient = access == Access::ReadOnly;
        let model = self
            .read_model
            .get_or_try_init(|| self.patiently(Port::ReadModel, lenient, open));
        model.await.cloned()
    }

    /// Who waits for what. A server that does not answer yet is not waited for: seats are sold without it.
    ///
    /// # Errors
    /// A URL that names no adapter.
    pub async fn waiting_room(&self) -> anyhow::Result<Arc<dyn WaitingRoom>> {
        let open = || async {
            let opened = waiting_room::open(&self.settings.waiting_room.url).await;
            opened.with_context(|| self.unopened("the waiting room", Port::WaitingRoom))
        };
        self.waiting_room.get_or_try_init(open).await.cloned()
    }

    /// The file of an embedded log.
    ///
    /// # Errors
    /// A URL that names no adapter.
    pub fn log_file(&self) -> anyhow::Result<Option<PathBuf>> {
        Ok(Store::of(Port::Log, &self.settings)?.file(&self.data))
    }

    /// Closes what must be closed in order.
    pub async fn close(&self) {
        if let Some(log) = self.opened_log() {
            log.close().await;
        }
    }

    async fn open_log(&self) -> anyhow::Result<Log> {
        match Store::of(Port::Log, &self.settings)? {
            Store::Sqlite(path) => self.open_sqlite_log(&self.data.join(path)).await,
            Store::Postgres(urls) => {
                let log = PostgresEventLog::open(urls, self.postgres()).await;
                let log = log.with_context(|| self.unopened("the log", Port::Log))?;
                Ok(Log {
                    clock: Some(log.clock()),
                    log: Arc::new(log),
                })
            }
        }
    }

    async fn open_sqlite_log(&self, path: &Path) -> anyhow::Result<Log> {
        let synchronous = &self.settings.log.synchronous;
        let options = sqlite::Options {
            synchronous: synchronous
                .parse()
                .with_context(|| format!("log.synchronous {synchronous:?} is none of SQLite's"))?,
            ..sqlite::Options::default()
        };
        let log = SqliteEventLog::open(path, options).await;
        let log = log.with_context(|| format!("the log {} can't be opened", path.display()))?;
        Ok(Log {
            log: Arc::new(log),
            clock: None,
        })
    }

    async fn open_keys(&self) -> anyhow::Result<Arc<dyn KeyStore>> {
        // The log first: whoever finds events in it must find the keys that were made before them.
        let has_events = self.log().await?.log.head().await?.position.0 > 0;
        let lost = |how| {
            format!(
                "the log {} holds events, but its key store {} {how}: restore it from its backup",
                shown(&self.settings.log.url),
                shown(&self.settings.key_store.url)
            )
        };
        let file = Store::of(Port::KeyStore, &self.settings)?.file(&self.data);
        if has_events && file.is_some_and(|file| !file.exists()) {
            bail!(lost("is missing"));
        }
        let keys = key_store::open(&self.url(Port::KeyStore)?).await;
        let keys = keys.with_context(|| self.unopened("the key store", Port::KeyStore))?;
        let first = keys.secret(HmacPurpose::Fingerprint.secret_name()).await?;
        if has_events && first.is_none() {
            bail!(lost("is empty"));
        }
        // Made before anything can be appended: by it, a later start knows that the keys are the log's.
        keys.hmac_key(HmacPurpose::Fingerprint).await?;
        Ok(keys)
    }

    /// How Postgres is used for the log and its leases.
    fn postgres(&self) -> postgres::Options {
        postgres::Options {
            access: self.access,
            durability: match self.settings.log.durability {
                Durability::Replicated => postgres::Durability::Replicated,
                Durability::Single => postgres::Durability::Single,
            },
            ..postgres::Options::default()
        }
    }

    async fn open_bus(&self) -> anyhow::Result<Arc<dyn Bus>> {
        let log = match transport(&self.settings)? {
            Transport::Log => Some(self.log().await?.log.clone()),
            Transport::Kafka(_) => None,
        };
        Ok(bus::open(&self.settings.bus.url, log, &self.topic())?)
    }

    fn topic(&self) -> Topic {
        let bus = &self.settings.bus;
        Topic {
            name: bus.topic.clone(),
            partitions: bus.partitions,
            replication: bus.replication,
        }
    }

    /// What is embedded is there or can be made: only servers are waited for.
    async fn patiently<T, F>(
        &self,
        port: Port,
        lenient: bool,
        open: impl Fn() -> F,
    ) -> anyhow::Result<T>
    where
        F: Future<Output = anyhow::Result<T>>,
    {
        let patience = if port.is_embedded(&self.settings)? {
            Duration::ZERO
        } else {
            self.patience
        };
        patience::patiently(patience, lenient, open).await
    }

    fn url(&self, port: Port) -> anyhow::Result<String> {
        Store::of(port, &self.settings)?.url(&self.data)
    }

    fn unopened(&self, what: &str, port: Port) -> String {
        format!("{what} {} can't be opened", shown(port.url(&self.settings)))
    }
}
