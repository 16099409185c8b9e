//! The configuration: compiled-in defaults, a file, the environment, the command line; joined, then checked as a whole.

use std::{
    collections::HashMap, net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration,
};

use anyhow::{Context, bail, ensure};
use config::{Config, Environment, File, FileFormat};
use serde::Deserialize;

use crate::{adapters, roles::Roles};

/// Every key with its unit and default; also the manual.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// Longest deadline of a command: with the executor's grace it still ends before the request does (`REQUEST_TIMEOUT`) and before
/// the process manager takes the payment over (`RESUME_AFTER`), ten seconds both.
const MAX_DEADLINE_MS: u64 = 9_000;

/// Everything that can be set. The sections and keys are those of [`DEFAULTS`], which explains them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The process.
    pub server: Server,
    /// The event log.
    pub log: Log,
    /// The bus.
    pub bus: Adapter,
    /// The read model.
    pub read_model: Adapter,
    /// The key store.
    pub key_store: Adapter,
    /// The executors.
    pub executor: Executor,
    /// Logs.
    pub telemetry: Telemetry,
}

/// `[server]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address and port.
    pub listen: SocketAddr,
    /// Data folder.
    pub data: PathBuf,
    /// `all` or a list.
    pub roles: String,
    /// Connections at a time.
    pub max_connections: usize,
    /// Milliseconds.
    pub header_read_timeout_ms: u64,
    /// Seconds.
    pub shutdown_seconds: u64,
    /// Whether an empty folder gets the demo catalogue.
    pub demo_catalogue: bool,
}

/// `[log]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Scheme and place.
    pub url: String,
    /// SQLite's setting of this name.
    pub synchronous: String,
}

/// A port's adapter, chosen by URL.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// Scheme and place.
    pub url: String,
}

/// `[executor]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Executor {
    /// Commands that may wait for one aggregate.
    pub mailbox: usize,
    /// Commands decided in one batch.
    pub batch: usize,
    /// Aggregates of a kind kept in memory.
    pub live_aggregates: usize,
    /// Seconds.
    pub idle_seconds: u64,
    /// Milliseconds.
    pub deadline_ms: u64,
    /// Events between snapshots.
    pub snapshot_every: u64,
}

/// `[telemetry]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// `tracing` directives.
    pub filter: String,
    /// Form of the lines.
    pub format: LogFormat,
}

/// Form of the log's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object per line.
    Json,
    /// For people.
    Pretty,
}

/// What the command line sets; outranks everything else.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// A file with settings.
    pub config: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--roles`.
    pub roles: Option<String>,
}

impl Settings {
    /// Joins and checks the settings, with the process's environment.
    ///
    /// # Errors
    /// An unknown key, a value of another type or out of its range, a file that can't be read.
    pub fn load(overrides: Overrides) -> anyhow::Result<Self> {
        Self::join(overrides, None)
    }

    /// The defaults alone.
    pub fn defaults() -> Self {
        let defaults = Self::join(Overrides::default(), Some(HashMap::new()));
        expect_sound(defaults)
    }

    fn join(
        overrides: Overrides,
        environment: Option<HashMap<String, String>>,
    ) -> anyhow::Result<Self> {
        let mut sources = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(path) = overrides.config {
            sources = sources.add_source(File::from(path).format(FileFormat::Toml));
        }
        let environment = Environment::with_prefix("FRONTROW")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .source(environment);
        let mut settings: Self = sources
            .add_source(environment)
            .build()
            .and_then(Config::try_deserialize)
            .context("the configuration can't be used")?;
        let server = &mut settings.server;
        server.listen = overrides.listen.unwrap_or(server.listen);
        if let Some(data) = overrides.data {
            server.data = data;
        }
        if let Some(roles) = overrides.roles {
            server.roles = roles;
        }
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> anyhow::Result<()> {
        let Server {
            max_connections,
            header_read_timeout_ms,
            shutdown_seconds,
            ..
        } = self.server;
        within("server.max_connections", max_connections as u64, 1..=65_536)?;
        within(
            "server.header_read_timeout_ms",
            header_read_timeout_ms,
            100..=60_000,
        )?;
        within("server.shutdown_seconds", shutdown_seconds, 1..=300)?;
        let executor = &self.executor;
        within("executor.mailbox", executor.mailbox as u64, 1..=1_000_000)?;
        within("executor.batch", executor.batch as u64, 1..=10_000)?;
        within(
            "executor.live_aggregates",
            executor.live_aggregates as u64,
            1..=10_000_000,
        )?;
        within("executor.idle_seconds", executor.idle_seconds, 1..=86_400)?;
        within(
            "executor.deadline_ms",
            executor.deadline_ms,
            100..=MAX_DEADLINE_MS,
        )?;
        within(
            "executor.snapshot_every",
            executor.snapshot_every,
            1..=1_000_000,
        )?;
        ensure!(
            !self.server.data.as_os_str().is_empty(),
            "server.data must name a folder"
        );
        adapters::check(self)?;
        let roles: Roles = self.server.roles.parse()?;
        roles.check_shared(self)
    }
}

impl Executor {
    /// In the executor's own terms.
    pub fn bounds(&self) -> event_store::executor::Config {
        event_store::executor::Config {
            mailbox: self.mailbox,
            batch: self.batch,
            live_aggregates: self.live_aggregates,
            idle: Duration::from_secs(self.idle_seconds),
            deadline: Duration::from_millis(self.deadline_ms),
            snapshot_every: self.snapshot_every,
        }
    }
}

fn expect_sound(defaults: anyhow::Result<Settings>) -> Settings {
    defaults.expect("the compiled-in defaults pass the checks: a test says so")
}

fn within(key: &str, value: u64, range: RangeInclusive<u64>) -> anyhow::Result<()> {
    if !range.contains(&value) {
        bail!(
            "{key} is {value}, but must be {} to {}",
            range.start(),
            range.end()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str, value: &str) -> anyhow::Result<Settings> {
        let environment = HashMap::from([(key.to_owned(), value.to_owned())]);
        Settings::join(Overrides::default(), Some(environment))
    }

    #[test]
    fn the_defaults_are_what_the_manual_says() {
        let settings = Settings::defaults();
        assert_eq!(settings.server.listen, ([127, 0, 0, 1], 8080).into());
        assert_eq!(settings.executor.bounds().deadline, Duration::from_secs(5));
    }

    #[test]
    fn the_environment_outranks_the_defaults() {
        let settings = with("FRONTROW__SERVER__LISTEN", "0.0.0.0:81").unwrap();
        assert_eq!(settings.server.listen, ([0, 0, 0, 0], 81).into());
        let settings = with("FRONTROW__EXECUTOR__BATCH", "7").unwrap();
        assert_eq!(settings.executor.batch, 7);
    }

    #[test]
    fn the_command_line_outranks_the_environment() {
        let environment = HashMap::from([("FRONTROW__SERVER__DATA".into(), "/b".into())]);
        let overrides = Overrides {
            data: Some("/a".into()),
            ..Overrides::default()
        };
        let settings = Settings::join(overrides, Some(environment)).unwrap();
        assert_eq!(settings.server.data, PathBuf::from("/a"));
    }

    #[test]
    fn what_is_unknown_or_out_of_range_is_refused_by_name() {
        for (key, value, says) in [
            ("FRONTROW__SERVER__LISTENN", "x", "listenn"),
            ("FRONTROW__SERVERS__LISTEN", "x", "servers"),
            ("FRONTROW__EXECUTOR__BATCH", "0", "executor.batch is 0"),
            ("FRONTROW__EXECUTOR__BATCH", "many", "batch"),
            ("FRONTROW__EXECUTOR__DEADLINE_MS", "10000", "100 to 9000"),
            ("FRONTROW__SERVER__LISTEN", "here", "listen"),
            ("FRONTROW__SERVER__ROLES", "relay", "--roles all"),
            ("FRONTROW__SERVER__ROLES", "chef", "unknown role"),
            ("FRONTROW__LOG__URL", "pigeon:coop", "there is sqlite:PATH"),
            ("FRONTROW__BUS__URL", "pigeon:coop", "there is log:"),
        ] {
            let error = format!("{:#}", with(key, value).unwrap_err());
            assert!(error.contains(says), "{key}={value}: {error}");
        }
    }
}
