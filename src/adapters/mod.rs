//! The one place where a URL becomes an adapter.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use command_api::{
    credentials::{self, Credentials},
    key_store::{self, KeyStore},
};
use event_store::{
    EventLog,
    bus::{Bus, LogTailBus},
    log::{SqliteEventLog, sqlite},
};
use read_model::{Access, ReadModel};

use crate::config::Settings;

/// Everything that keeps something.
#[derive(Debug, Clone)]
pub struct Stores {
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// Password hashes and sessions, in the log's database.
    pub credentials: Arc<dyn Credentials>,
    /// Keys of personal data, fingerprints and e-mail digests.
    pub keys: Arc<dyn KeyStore>,
    /// How projections follow the log.
    pub bus: Arc<dyn Bus>,
    /// What projections write and queries read.
    pub read_model: Arc<dyn ReadModel>,
}

impl Stores {
    /// Opens all of them; relative paths are in `data`.
    ///
    /// # Errors
    /// The first one that can't be used, by its setting.
    pub async fn open(settings: &Settings, data: &Path) -> anyhow::Result<Self> {
        let log = open_log(settings, data).await?;
        let credentials = credentials::open(&sqlite_url("log.url", &settings.log.url, data)?)
            .await
            .with_context(|| format!("the credentials in {} can't be opened", settings.log.url))?;
        check_keys(settings, data, &log).await?;
        let keys = key_store::open(&sqlite_url("key_store.url", &settings.key_store.url, data)?)
            .await
            .with_context(|| format!("the key store {} can't be opened", settings.key_store.url))?;
        let read_model = open_read_model(settings, data, Access::ReadWrite).await?;
        check_bus(&settings.bus.url)?;
        let bus = Arc::new(LogTailBus::new(log.clone()));
        Ok(Self {
            log,
            credentials,
            keys,
            bus,
            read_model,
        })
    }
}

/// Refuses a log that has lost its keys: with new ones, personal data could not be read, addresses could be taken twice and repeated
/// commands would look like others.
async fn check_keys(
    settings: &Settings,
    data: &Path,
    log: &Arc<dyn EventLog>,
) -> anyhow::Result<()> {
    let path = sqlite_path("key_store.url", &settings.key_store.url, data)?;
    if !path.exists() && log.head().await?.position.0 > 0 {
        bail!(
            "the log {} holds events, but its key store {} is missing: restore it from its backup",
            settings.log.url,
            path.display()
        );
    }
    Ok(())
}

/// The file of the event log.
///
/// # Errors
/// A URL that names no adapter.
pub fn log_path(settings: &Settings, data: &Path) -> anyhow::Result<PathBuf> {
    sqlite_path("log.url", &settings.log.url, data)
}

/// Opens the event log.
///
/// # Errors
/// A log that would not keep what it acknowledges, or one of a newer program.
pub async fn open_log(settings: &Settings, data: &Path) -> anyhow::Result<Arc<dyn EventLog>> {
    let path = log_path(settings, data)?;
    let synchronous = &settings.log.synchronous;
    let options = sqlite::Options {
        synchronous: synchronous
            .parse()
            .with_context(|| format!("log.synchronous {synchronous:?} is none of SQLite's"))?,
        ..sqlite::Options::default()
    };
    let log = SqliteEventLog::open(&path, options).await;
    Ok(Arc::new(log.with_context(|| {
        format!("the log {} can't be opened", path.display())
    })?))
}

/// Opens the read model.
///
/// # Errors
/// A store that can't be reached, or one of a newer program.
pub async fn open_read_model(
    settings: &Settings,
    data: &Path,
    access: Access,
) -> anyhow::Result<Arc<dyn ReadModel>> {
    let url = sqlite_url("read_model.url", &settings.read_model.url, data)?;
    let model = read_model::open(&url, access).await;
    model.with_context(|| format!("the read model {url} can't be opened"))
}

/// Refuses schemes that no adapter has.
///
/// # Errors
/// The setting, and the schemes that there are.
pub fn check(settings: &Settings) -> anyhow::Result<()> {
    for (key, adapter) in [
        ("log.url", &settings.log.url),
        ("read_model.url", &settings.read_model.url),
        ("key_store.url", &settings.key_store.url),
    ] {
        sqlite_path(key, adapter, Path::new(""))?;
    }
    check_bus(&settings.bus.url)
}

fn check_bus(url: &str) -> anyhow::Result<()> {
    if url == "log:" {
        return Ok(());
    }
    bail!("bus.url {url:?} names no adapter: there is log:")
}

fn sqlite_path(key: &str, url: &str, data: &Path) -> anyhow::Result<PathBuf> {
    match url.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(data.join(path)),
        Some(_) | None => bail!("{key} {url:?} names no adapter: there is sqlite:PATH"),
    }
}

fn sqlite_url(key: &str, url: &str, data: &Path) -> anyhow::Result<String> {
    let path = sqlite_path(key, url, data)?;
    let path = path
        .to_str()
        .context("the data folder's name is not UTF-8")?;
    Ok(format!("sqlite:{path}"))
}
