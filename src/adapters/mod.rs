//! The one place where a URL becomes an adapter.
//!
//! Each is opened when a role asks for it, once a process: a process holds nothing open that none of its roles needs.

mod urls;

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, bail};
use command_api::{
    credentials::{self, Credentials},
    key_store::{self, HmacPurpose, KeyStore},
};
use event_store::{
    Clock, EventLog,
    bus::{Bus, LogTailBus},
    log::{SqliteEventLog, sqlite},
};
use read_model::{Access, ReadModel};
use tokio::sync::OnceCell;

pub(crate) use self::urls::shown;
pub use self::urls::{Port, check};
use self::urls::{Store, Transport, transport};
use crate::config::Settings;

/// Everything that keeps something, opened as it is asked for.
#[derive(Debug)]
pub struct Adapters {
    settings: Settings,
    data: PathBuf,
    log: OnceCell<Log>,
    credentials: OnceCell<Arc<dyn Credentials>>,
    keys: OnceCell<Arc<dyn KeyStore>>,
    bus: OnceCell<Arc<dyn Bus>>,
    read_model: OnceCell<Arc<dyn ReadModel>>,
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
    /// None opened yet.
    pub fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            data: settings.server.data.clone(),
            log: OnceCell::new(),
            credentials: OnceCell::new(),
            keys: OnceCell::new(),
            bus: OnceCell::new(),
            read_model: OnceCell::new(),
        }
    }

    /// The event log.
    ///
    /// # Errors
    /// A log that would not keep what it acknowledges, or one of a newer program.
    pub async fn log(&self) -> anyhow::Result<&Log> {
        self.log.get_or_try_init(|| self.open_log()).await
    }

    /// The event log, if a role has asked for it.
    pub fn opened_log(&self) -> Option<Arc<dyn EventLog>> {
        self.log.get().map(|open| open.log.clone())
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
        self.credentials.get_or_try_init(open).await.cloned()
    }

    /// Keys of personal data, fingerprints and e-mail digests.
    ///
    /// # Errors
    /// A store that can't be reached, or one that is not the log's: with new keys, personal data could not be read, addresses could be
    /// taken twice and repeated commands would look like others.
    pub async fn keys(&self) -> anyhow::Result<Arc<dyn KeyStore>> {
        let keys = self.keys.get_or_try_init(|| self.open_keys()).await;
        keys.cloned()
    }

    /// How projections and seat maps follow the log.
    ///
    /// # Errors
    /// A bus that can't be reached, or is set up otherwise than configured.
    pub async fn bus(&self) -> anyhow::Result<Arc<dyn Bus>> {
        self.bus.get_or_try_init(|| self.open_bus()).await.cloned()
    }

    /// What projections write and queries read.
    ///
    /// # Errors
    /// A store that can't be reached, or one of a newer program.
    pub async fn read_model(&self, access: Access) -> anyhow::Result<Arc<dyn ReadModel>> {
        let open = || async {
            let url = self.url(Port::ReadModel)?;
            let model = read_model::open(&url, access).await;
            model.with_context(|| self.unopened("the read model", Port::ReadModel))
        };
        self.read_model.get_or_try_init(open).await.cloned()
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
        let Some(path) = self.log_file()? else {
            bail!("the Postgres log is not built in");
        };
        let synchronous = &self.settings.log.synchronous;
        let options = sqlite::Options {
            synchronous: synchronous
                .parse()
                .with_context(|| format!("log.synchronous {synchronous:?} is none of SQLite's"))?,
            ..sqlite::Options::default()
        };
        let log = SqliteEventLog::open(&path, options).await;
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
        Ok(keys)
    }

    async fn open_bus(&self) -> anyhow::Result<Arc<dyn Bus>> {
        match transport(&self.settings)? {
            Transport::Log => Ok(Arc::new(LogTailBus::new(self.log().await?.log.clone()))),
            Transport::Kafka(_) => bail!("the Kafka bus is not built in"),
        }
    }

    fn url(&self, port: Port) -> anyhow::Result<String> {
        Store::of(port, &self.settings)?.url(&self.data)
    }

    fn unopened(&self, what: &str, port: Port) -> String {
        format!("{what} {} can't be opened", shown(port.url(&self.settings)))
    }
}
