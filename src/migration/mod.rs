//! From the embedded stores of one folder to shared ones, everything as it is.
//!
//! ```text
//!  DIR (locked)   log.db ── events, heads with timers, claims, commands ──▶ log
//!                        ├─ refused commands, and how many ────────────────▶ refusals, in the same database
//!                        ├─ passwords, sessions ──────────────────────────▶ credentials, in the same database
//!                        └─ notifications, webhooks, deliveries ──────────▶ ledger of notifications, in the same database
//!                 keys.db ── keys, secrets ───────────────────────────────▶ key store
//!                 compared row by row; only then the new log takes appends
//! ```
//!
//! Nothing else needs to come along: other process managers keep no checkpoints (what is to be done stands in the log as timers), and the
//! read model is projected anew from position 1. A migration that was cut short is run again: it goes on behind the last page of
//! events and copies the other tables anew. The source is only read.

mod compare;
mod copy;
mod pages;

use std::{fmt, fs, path::Path};

use anyhow::{Context, bail, ensure};
use command_api::{
    credentials::{PostgresCredentials, SqliteCredentials, copying::Listed as _},
    key_store::{PostgresKeyStore, SqliteKeyStore, copying::Listed as _},
    notifications::{PostgresLedger, SqliteLedger},
};
use edge::auth::SIGNING_KEY_FILE;
use event_store::{
    EventLog, PostgresEventLog, SqliteEventLog,
    log::{
        postgres::{self, Access, PostgresImport},
        sqlite,
    },
    refusals::{PostgresRefusals, SqliteRefusals},
};
use serde::Serialize;

use crate::{
    adapters::{Port, store_file, store_urls},
    config::Settings,
    data_folder::{self, DataFolder},
};

/// What was copied and compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Events; also the log's last position.
    pub events: u64,
    /// Streams, with their timers.
    pub streams: u64,
    /// Claims.
    pub claims: u64,
    /// Commands that a repeat is recognised by.
    pub commands: u64,
    /// Commands that were refused, and counts of them.
    pub refusals: u64,
    /// Password hashes.
    pub passwords: u64,
    /// Sessions.
    pub sessions: u64,
    /// What customers were told.
    pub notifications: u64,
    /// Who is called by organizers.
    pub webhooks: u64,
    /// What was sent elsewhere, or is on its way.
    pub deliveries: u64,
    /// Keys of personal data, destroyed ones included.
    pub keys: u64,
    /// Other secrets.
    pub secrets: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in [
            ("events", self.events),
            ("streams", self.streams),
            ("claims", self.claims),
            ("commands", self.commands),
            ("refusals", self.refusals),
            ("passwords", self.passwords),
            ("sessions", self.sessions),
            ("notifications", self.notifications),
            ("webhooks", self.webhooks),
            ("deliveries", self.deliveries),
            ("keys", self.keys),
            ("secrets", self.secrets),
        ] {
            writeln!(f, "{what:<13} {count:>12}")?;
        }
        f.write_str("copied and compared, row by row")
    }
}

/// The embedded stores.
#[derive(Debug)]
struct Source {
    log: SqliteEventLog,
    refusals: SqliteRefusals,
    credentials: SqliteCredentials,
    notifications: SqliteLedger,
    keys: SqliteKeyStore,
    _folder: DataFolder,
}

/// The shared stores.
#[derive(Debug)]
struct Target {
    import: PostgresImport,
    /// To compare with.
    log: PostgresEventLog,
    refusals: PostgresRefusals,
    credentials: PostgresCredentials,
    notifications: PostgresLedger,
    keys: PostgresKeyStore,
}

/// Copies the stores of `from`, compares, and lets the new log take appends. `progress` is told how many events of how many are done.
///
/// # Errors
/// What kept it from being carried out, or the first difference; the new log then takes no appends, and the migration can be run again.
pub async fn migrate(
    from: &Settings,
    to: &Settings,
    progress: impl Fn(u64, u64) + Send + Sync,
) -> anyhow::Result<Report> {
    let source = Source::open(from).await?;
    let target = Target::open(to).await?;
    if !target.import.is_begun().await? {
        target.check_empty().await?;
    }
    copy::everything(&source, &target, &progress).await?;
    let report = compare::everything(&source, &target).await?;
    take_signing_key(from, to)?;
    let pruned = source.log.pruned_until().await?;
    target.import.finish(pruned).await?;
    source.log.close().await;
    target.log.close().await;
    target.import.close().await;
    Ok(report)
}

impl Source {
    /// Opens the stores, and keeps every server out.
    async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let (log, keys) = (
            store_file(settings, Port::Log)?,
            store_file(settings, Port::KeyStore)?,
        );
        for file in [&log, &keys] {
            ensure!(file.is_file(), "there is no {} to migrate", file.display());
        }
        let folder = DataFolder::lock(&settings.server.data)?;
        let open = |file: &Path| format!("{} can't be opened", file.display());
        let opened = SqliteEventLog::open(&log, sqlite::Options::default()).await;
        Ok(Self {
            log: opened.with_context(|| open(&log))?,
            refusals: SqliteRefusals::open(&log)
                .await
                .with_context(|| open(&log))?,
            credentials: SqliteCredentials::open(&log)
                .await
                .with_context(|| open(&log))?,
            notifications: SqliteLedger::open(&log).await.with_context(|| open(&log))?,
            keys: SqliteKeyStore::open(&keys)
                .await
                .with_context(|| open(&keys))?,
            _folder: folder,
        })
    }
}

impl Target {
    async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let log = store_urls(settings, Port::Log)?;
        let keys = store_urls(settings, Port::KeyStore)?;
        let import = PostgresImport::open(log).await;
        let import = import.context("the new log can't be opened")?;
        let reading = || postgres::Options {
            access: Access::ReadOnly,
            ..postgres::Options::default()
        };
        Ok(Self {
            log: PostgresEventLog::open(log, reading()).await?,
            refusals: PostgresRefusals::open(log, reading())
                .await
                .context("the new log's refusals can't be opened")?,
            credentials: PostgresCredentials::open(log)
                .await
                .context("the new log's credentials can't be opened")?,
            notifications: PostgresLedger::open(log)
                .await
                .context("the new log's ledger of notifications can't be opened")?,
            keys: PostgresKeyStore::open(keys)
                .await
                .context("the new key store can't be opened")?,
            import,
        })
    }

    /// What is there before a migration begins is somebody's.
    async fn check_empty(&self) -> anyhow::Result<()> {
        let events = self.log.head().await?.position;
        ensure!(
            events.0 == 0,
            "the new log has {events} events of its own: only an empty one can take over another"
        );
        let passwords = self.credentials.list_passwords(None, 1).await?.len();
        let keys = self.keys.list_keys(None, 1).await?.len();
        let secrets = self.keys.list_secrets(None, 1).await?.len();
        if passwords + keys + secrets > 0 {
            bail!("the new log has credentials, or the new key store has keys: both must be empty");
        }
        Ok(())
    }
}

/// Puts the folder's signing key where the new installation looks for its own, so that tokens and the default organizer stay what they
/// are. One that is there already is left alone.
fn take_signing_key(from: &Settings, to: &Settings) -> anyhow::Result<()> {
    let old = from.server.data.join(SIGNING_KEY_FILE);
    let new = Path::new(&to.auth.signing_key);
    if to.auth.signing_key.is_empty() || !old.is_file() {
        return Ok(());
    }
    if new.exists() {
        tracing::warn!(
            path = %new.display(),
            "there is a signing key: tokens of the old one are valid only where auth.trusted_keys names its public half"
        );
        return Ok(());
    }
    let key = fs::read(&old).with_context(|| format!("{} can't be read", old.display()))?;
    let written = data_folder::write_whole(new, &key);
    written.with_context(|| format!("{} can't be written", new.display()))
}
