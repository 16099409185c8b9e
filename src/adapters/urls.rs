//! What the URLs of the configuration say.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use hyper::Uri;

use crate::config::Settings;

/// A boundary of the process whose adapter a URL chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// The event log, its leases and the credentials beside it.
    Log,
    /// The bus.
    Bus,
    /// The read model.
    ReadModel,
    /// The key store.
    KeyStore,
    /// The waiting room.
    WaitingRoom,
}

impl Port {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Log,
        Self::Bus,
        Self::ReadModel,
        Self::KeyStore,
        Self::WaitingRoom,
    ];

    /// Its key in the configuration.
    pub fn key(self) -> &'static str {
        match self {
            Self::Log => "log.url",
            Self::Bus => "bus.url",
            Self::ReadModel => "read_model.url",
            Self::KeyStore => "key_store.url",
            Self::WaitingRoom => "waiting_room.url",
        }
    }

    /// Its URL.
    pub fn url(self, settings: &Settings) -> &str {
        match self {
            Self::Log => &settings.log.url,
            Self::Bus => &settings.bus.url,
            Self::ReadModel => &settings.read_model.url,
            Self::KeyStore => &settings.key_store.url,
            Self::WaitingRoom => &settings.waiting_room.url,
        }
    }

    /// The adapter that several processes can share.
    pub fn shared(self) -> &'static str {
        match self {
            Self::Log | Self::ReadModel | Self::KeyStore => "postgres://HOST/DATABASE",
            Self::Bus => "kafka:HOST:PORT",
            Self::WaitingRoom => "redis://HOST:PORT",
        }
    }

    /// Whether its adapter lives in this process, or in files that one process serves.
    ///
    /// # Errors
    /// A URL that names no adapter.
    pub fn is_embedded(self, settings: &Settings) -> anyhow::Result<bool> {
        Ok(match self {
            Self::Log | Self::ReadModel | Self::KeyStore => {
                matches!(Store::of(self, settings)?, Store::Sqlite(_))
            }
            Self::Bus => transport(settings)? == Transport::Log,
            Self::WaitingRoom => is_in_process(settings)?,
        })
    }
}

/// Where a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store<'a> {
    /// A file, relative to the data folder.
    Sqlite(&'a str),
    /// One server, or several of which one takes writes: the whole URL.
    Postgres(&'a str),
}

impl<'a> Store<'a> {
    /// The store of a port that is one.
    pub(super) fn of(port: Port, settings: &'a Settings) -> anyhow::Result<Self> {
        Self::parse(port.key(), port.url(settings))
    }

    pub(super) fn parse(key: &str, url: &'a str) -> anyhow::Result<Self> {
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path)),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self::Postgres(url))
            }
            Some(_) | None => bail!(
                "{key} {:?} names no adapter: there is sqlite:PATH and postgres://HOST/DATABASE",
                shown(url)
            ),
        }
    }

    /// As the port's own `open` wants it.
    pub(super) fn url(self, data: &Path) -> anyhow::Result<String> {
        match self {
            Self::Sqlite(path) => {
                let path = data.join(path);
                let path = path
                    .to_str()
                    .context("the data folder's name is not UTF-8")?;
                Ok(format!("sqlite:{path}"))
            }
            Self::Postgres(url) => Ok(url.to_owned()),
        }
    }

    /// The file of an embedded store.
    pub(super) fn file(self, data: &Path) -> Option<PathBuf> {
        match self {
            Self::Sqlite(path) => Some(data.join(path)),
            Self::Postgres(_) => None,
        }
    }
}

/// How projections follow the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport<'a> {
    /// By the log itself.
    Log,
    /// By Kafka, at these brokers.
    Kafka(&'a str),
}

pub(super) fn transport(settings: &Settings) -> anyhow::Result<Transport<'_>> {
    let url = &settings.bus.url;
    match url.split_once(':') {
        Some(("log", "")) => Ok(Transport::Log),
        Some(("kafka", brokers)) if !brokers.is_empty() => Ok(Transport::Kafka(brokers)),
        Some(_) | None => {
            bail!("bus.url {url:?} names no adapter: there is log: and kafka:HOST:PORT[,HOST:PORT]")
        }
    }
}

/// Whether waiting rooms are in this process's memory.
fn is_in_process(settings: &Settings) -> anyhow::Result<bool> {
    let url = &settings.waiting_room.url;
    match url.split_once(':') {
        Some(("memory", "")) => Ok(true),
        Some(("redis" | "rediss", rest)) if rest.starts_with("//") => Ok(false),
        Some(_) | None => bail!(
            "waiting_room.url {:?} names no adapter: there is memory: and redis://HOST:PORT",
            shown(url)
        ),
    }
}

/// The file of a store that must be embedded.
pub(crate) fn store_file(settings: &Settings, port: Port) -> anyhow::Result<PathBuf> {
    let file = Store::of(port, settings)?.file(&settings.server.data);
    file.with_context(|| format!("{} ({}) is no file", port.key(), shown(port.url(settings))))
}

/// The URLs of a store that must be on a server.
pub(crate) fn store_urls(settings: &Settings, port: Port) -> anyhow::Result<&str> {
    match Store::of(port, settings)? {
        Store::Postgres(urls) => Ok(urls),
        Store::Sqlite(_) => bail!("{} is a file: it must be {}", port.key(), port.shared()),
    }
}

/// Refuses URLs that no adapter knows.
///
/// # Errors
/// The setting, and the schemes that there are.
pub fn check(settings: &Settings) -> anyhow::Result<()> {
    for port in Port::ALL {
        port.is_embedded(settings)?;
    }
    check_apart(settings)?;
    let replicas = &settings.read_model.replicas;
    if !replicas.is_empty() && Port::ReadModel.is_embedded(settings)? {
        bail!("read_model.replicas has replicas of a file: there are none");
    }
    for replica in replicas {
        if let Store::Sqlite(_) = Store::parse("read_model.replicas", replica)? {
            bail!(
                "read_model.replicas {replica:?} is a file: replicas are postgres://HOST/DATABASE"
            );
        }
    }
    Ok(())
}

/// Refuses a read model in the log's database: it is thrown away and made anew, and its commits need not wait for the log's standby.
fn check_apart(settings: &Settings) -> anyhow::Result<()> {
    let (Store::Postgres(log), Store::Postgres(model)) = (
        Store::of(Port::Log, settings)?,
        Store::of(Port::ReadModel, settings)?,
    ) else {
        return Ok(());
    };
    let databases: Vec<_> = log.split(',').map(database).collect();
    for url in model.split(',') {
        let database = database(url);
        if database.is_some() && databases.contains(&database) {
            bail!(
                "log.url and read_model.url both name the database {}: each needs one of its own",
                shown(url)
            );
        }
    }
    Ok(())
}

/// The server and the database that a URL names; `None` where it can't be read, which whoever opens it says.
fn database(url: &str) -> Option<(String, u16, String)> {
    let uri: Uri = url.trim().parse().ok()?;
    let host = uri.host()?.to_owned();
    Some((host, uri.port_u16().unwrap_or(5432), uri.path().to_owned()))
}

/// A URL as it may be shown: without its password.
pub(crate) fn shown(urls: &str) -> String {
    let one = |url: &str| match url.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((user, host)) => {
                let user = user.split_once(':').map_or(user, |(user, _)| user);
                format!("{scheme}://{user}@{host}")
            }
            None => url.to_owned(),
        },
        None => url.to_owned(),
    };
    urls.split(',').map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        assert_eq!(
            shown("postgres://a:p@ss@h:1/d,postgres://b@i/d"),
            "postgres://a@h:1/d,postgres://b@i/d"
        );
        assert_eq!(shown("sqlite:log.db"), "sqlite:log.db");
    }

    #[test]
    fn the_log_and_the_read_model_each_have_a_database_of_their_own() {
        let mut settings = Settings::defaults();
        "postgres://a@one/log,postgres://a@two:5432/log".clone_into(&mut settings.log.url);
        "postgres://b:secret@two/log?application_name=x".clone_into(&mut settings.read_model.url);
        let error = check(&settings).unwrap_err().to_string();
        assert!(error.contains("postgres://b@two/log"), "{error}");
        assert!(!error.contains("secret"), "{error}");
        "postgres://b@two/model".clone_into(&mut settings.read_model.url);
        check(&settings).unwrap();
    }
}
