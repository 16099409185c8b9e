//! The configuration: compiled-in defaults, a file, the environment, the command line; joined, then checked as a whole.

mod drops;
mod limits;
mod notifications;

use std::{
    collections::HashMap, net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration,
};

use anyhow::{Context, anyhow, bail, ensure};
use clap::ValueEnum;
use config::{Config, Environment, File, FileFormat};
use serde::Deserialize;

pub use self::{drops::Drops, limits::Limits, notifications::Notifications};
use crate::{
    adapters::{self, Port},
    roles::Roles,
};

/// Every key with its unit and default; also the manual.
pub const DEFAULTS: &str = include_str!("../../config.default.toml");

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
    pub bus: Bus,
    /// The read model.
    pub read_model: ReadModel,
    /// The key store.
    pub key_store: KeyStore,
    /// The waiting room.
    pub waiting_room: WaitingRoom,
    /// The keys of tokens.
    pub auth: Auth,
    /// The seals.
    pub audit: Audit,
    /// What one caller may ask.
    pub limits: Limits,
    /// What is told to whom.
    pub notifications: Notifications,
    /// What drops wait for.
    pub drops: Drops,
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
    /// Requests at a time.
    pub max_requests_in_flight: usize,
    /// Threads; 0 is one for each processor.
    pub worker_threads: usize,
    /// Milliseconds.
    pub header_read_timeout_ms: u64,
    /// Seconds.
    pub start_seconds: u64,
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
    /// What a commit on Postgres has reached before it is answered.
    pub durability: Durability,
    /// Why a single disk is accepted.
    pub durability_reason: String,
}

/// What a commit on Postgres has reached before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The disks of the primary and of a synchronous standby.
    Replicated,
    /// The disk of the primary alone.
    Single,
}

/// `[bus]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// Scheme and place.
    pub url: String,
    /// Kafka's topic of the log.
    pub topic: String,
    /// Its partitions.
    pub partitions: u32,
    /// Its copies.
    pub replication: u16,
    /// Group of those who read what others ask for.
    pub requests_group: String,
}

/// `[read_model]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadModel {
    /// Scheme and place.
    pub url: String,
    /// Where its replicas are.
    pub replicas: Vec<String>,
}

/// `[key_store]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyStore {
    /// Scheme and place.
    pub url: String,
}

/// `[waiting_room]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitingRoom {
    /// Scheme and place.
    pub url: String,
}

/// `[auth]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// File of the key that signs; empty: the data folder's.
    pub signing_key: String,
    /// Files, and folders of files, of the keys that are trusted beside it.
    pub trusted_keys: Vec<String>,
}

/// `[audit]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// File of the key that signs heads; empty: the data folder's, of an embedded log.
    pub sealing_key: String,
    /// The public half of the key that signs heads, where it is not here.
    pub verification_key: String,
    /// Public halves of keys that signed heads before.
    pub replaced_keys: Vec<String>,
    /// Name of the log; empty: one made of the key.
    pub origin: String,
    /// Milliseconds.
    pub seal_every_ms: u64,
    /// File of the heads' copies, relative to the data folder.
    pub heads_file: PathBuf,
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
    /// `--durability`.
    pub durability: Option<Durability>,
    /// `--reason`.
    pub reason: Option<String>,
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
            .list_separator(",")
            .with_list_parse_key("read_model.replicas")
            .with_list_parse_key("auth.trusted_keys")
            .with_list_parse_key("audit.replaced_keys")
            .with_list_parse_key("limits.trusted_proxies")
            .with_list_parse_key("limits.exempt")
            .with_list_parse_key("notifications.webhook_networks")
            .with_list_parse_key("drops.beacons")
            .source(environment);
        let mut settings: Self = sources
            .add_source(environment)
            .build()
            .and_then(Config::try_deserialize)
            .map_err(|error| anyhow!(without_excerpt(&error.to_string())))
            .context("the configuration can't be used")?;
        // A variable that is set to nothing is a list with nothing in it.
        for list in [
            &mut settings.read_model.replicas,
            &mut settings.auth.trusted_keys,
            &mut settings.audit.replaced_keys,
            &mut settings.limits.trusted_proxies,
            &mut settings.limits.exempt,
            &mut settings.notifications.webhook_networks,
        ] {
            list.retain(|item| !item.is_empty());
        }
        let (server, log) = (&mut settings.server, &mut settings.log);
        set(&mut server.listen, overrides.listen);
        set(&mut server.data, overrides.data);
        set(&mut server.roles, overrides.roles);
        set(&mut log.durability, overrides.durability);
        set(&mut log.durability_reason, overrides.reason);
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> anyhow::Result<()> {
        let Server {
            max_connections,
            max_requests_in_flight,
            worker_threads,
            header_read_timeout_ms,
            start_seconds,
            shutdown_seconds,
            ..
        } = self.server;
        within("server.max_connections", max_connections as u64, 1..=65_536)?;
        within(
            "server.max_requests_in_flight",
            max_requests_in_flight as u64,
            1..=1_000_000,
        )?;
        within("server.worker_threads", worker_threads as u64, 0..=1_024)?;
        within(
            "server.header_read_timeout_ms",
            header_read_timeout_ms,
            100..=60_000,
        )?;
        within("server.start_seconds", start_seconds, 0..=600)?;
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
        self.limits.check()?;
        self.notifications.check()?;
        self.drops.beacons()?;
        within(
            "audit.seal_every_ms",
            self.audit.seal_every_ms,
            20..=3_600_000,
        )?;
        within("bus.partitions", self.bus.partitions.into(), 1..=1_000)?;
        within("bus.replication", self.bus.replication.into(), 1..=9)?;
        ensure!(
            !self.bus.requests_group.is_empty(),
            "bus.requests_group must name a group"
        );
        ensure!(
            !self.server.data.as_os_str().is_empty(),
            "server.data must name a folder"
        );
        adapters::check(self)?;
        self.check_durability()?;
        let roles: Roles = self.server.roles.parse()?;
        roles.check_shared(self)
    }
}

impl Settings {
    fn check_durability(&self) -> anyhow::Result<()> {
        if self.log.durability == Durability::Replicated {
            return Ok(());
        }
        ensure!(
            !self.log.durability_reason.trim().is_empty(),
            "log.durability is single: say why, by --reason or log.durability_reason; it is recorded in the log"
        );
        ensure!(
            !Port::Log.is_embedded(self)?,
            "log.durability is single, but log.url is a file, which has one disk anyway"
        );
        Ok(())
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

/// What is wrong, without the lines of the file that a parser quotes: they may hold a password.
fn without_excerpt(error: &str) -> String {
    let is_excerpt = |line: &&str| {
        let gutter = line.split('|').next().unwrap_or_default();
        line.contains('|') && gutter.chars().all(|c| c == ' ' || c.is_ascii_digit())
    };
    let told = error.lines().filter(|line| !is_excerpt(line));
    told.collect::<Vec<_>>().join("\n")
}

fn set<T>(setting: &mut T, outranked_by: Option<T>) {
    if let Some(value) = outranked_by {
        *setting = value;
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
mod tests;
