//! An exported log, imported into an empty data folder: events at their positions, and beside them what the events say.
//!
//! ```text
//!  FILE + manifest ──▶ log.db.importing: events, checked line by line
//!                        └─ folded, stream by stream: heads, timers, claims; steps of sagas ──▶ renamed to log.db
//! ```
//!
//! What is no event is not in an export: passwords, sessions, and the fingerprints of clients' commands. An `Idempotency-Key` from before is
//! answered `idempotency_key_expired`. The claims on e-mail addresses are made of the key store in the folder, where there is one.

mod drop_steps;
mod lines;
mod rebuild;

use std::{fs, path::Path};

use anyhow::{Context, bail, ensure};
use audit::export::{Encoding, FORMAT, Manifest, manifest_path};
use command_api::key_store::{KeyStore, SqliteKeyStore};
use event_store::{
    EventLog, Position, SqliteEventLog,
    log::sqlite::{self, SqliteImport},
};
use serde::Serialize;

use self::lines::Lines;
use crate::{
    adapters::{Port, store_file},
    config::Settings,
    data_folder::DataFolder,
};

/// Events stored at a time.
const PAGE: usize = 500;
/// Most bytes of a manifest: a part of it for each ten thousand events.
const MAX_MANIFEST: u64 = 64 * 1024 * 1024;

/// What was imported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Events; also the log's last position.
    pub events: u64,
    /// Streams.
    pub streams: u64,
    /// Timers that were set again.
    pub timers: u64,
    /// Claims that were set again.
    pub claims: u64,
    /// Steps of sagas that are known again.
    pub steps: u64,
    /// Customers whose e-mail address can't be read without its key: nobody can sign in with it.
    pub unread_emails: u64,
}

/// Imports `file` into the folder of `settings`, whose log must be empty. `progress` is told what is done, how much and of how much.
///
/// # Errors
/// What is wrong with the file, by line; what kept it from being imported. The folder is as it was then.
pub async fn import(
    settings: &Settings,
    file: &Path,
    progress: impl Fn(&'static str, u64, u64),
) -> anyhow::Result<Report> {
    let manifest = read_manifest(file)?;
    let log = store_file(settings, Port::Log).context(
        "an export is imported into a data folder; from there, `frontrow migrate` copies it into shared stores",
    )?;
    let _folder = DataFolder::lock(&settings.server.data)?;
    check_empty(&log).await?;
    let unfinished = log.with_extension("db.importing");
    remove(&unfinished)?;
    let imported = import_into(settings, &unfinished, file, &manifest, &progress).await;
    match imported {
        Ok(report) => {
            remove(&log)?;
            fs::rename(&unfinished, &log)
                .with_context(|| format!("{} can't be put into its place", log.display()))?;
            Ok(report)
        }
        Err(error) => {
            remove(&unfinished)?;
            Err(error)
        }
    }
}

fn read_manifest(file: &Path) -> anyhow::Result<Manifest> {
    let path = manifest_path(file);
    let unread = || format!("the manifest {} can't be read", path.display());
    ensure!(
        fs::metadata(&path).with_context(unread)?.len() <= MAX_MANIFEST,
        "{} is no manifest: it is too large",
        path.display()
    );
    let manifest: Manifest = serde_json::from_str(&fs::read_to_string(&path).with_context(unread)?)
        .with_context(unread)?;
    ensure!(
        manifest.format == FORMAT,
        "the export is of the form {:?}, not {FORMAT:?}: import it with the program that made it",
        manifest.format
    );
    ensure!(
        manifest.encoding == Encoding::Ndjson,
        "only NDJSON is imported: CSV is for looking at"
    );
    if manifest.stream.is_some() || manifest.first != 1 || manifest.last != manifest.events {
        bail!("the export is a part of a log: only a whole one, from position 1 on, is imported");
    }
    Ok(manifest)
}

async fn check_empty(path: &Path) -> anyhow::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let log = SqliteEventLog::open(path, sqlite::Options::default()).await;
    let log = log.with_context(|| format!("{} can't be opened", path.display()))?;
    let head = log.head().await;
    log.close().await;
    let events = head?.position.0;
    ensure!(
        events == 0,
        "the log {} has {events} events of its own: only an empty one takes over another",
        path.display()
    );
    Ok(())
}

/// Removes a database and what SQLite keeps beside it.
fn remove(path: &Path) -> anyhow::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error)
                    .with_context(|| format!("{} can't be removed", Path::new(&name).display()));
            }
            _ => {}
        }
    }
    Ok(())
}

async fn import_into(
    settings: &Settings,
    path: &Path,
    file: &Path,
    manifest: &Manifest,
    progress: &impl Fn(&'static str, u64, u64),
) -> anyhow::Result<Report> {
    let mut import = SqliteImport::create(path).await?;
    let mut lines = Lines::open(file, manifest)?;
    loop {
        let page = lines.next_page(PAGE)?;
        if page.is_empty() {
            break;
        }
        import.events(&page).await?;
        progress("events imported", lines.read(), manifest.events);
    }
    lines.finish()?;
    import.stream_heads().await?;
    let mut report = Report {
        events: manifest.events,
        ..Report::default()
    };
    let keys = keys(settings).await?;
    let log = SqliteEventLog::open(path, sqlite::Options::default()).await?;
    let rebuilt = async {
        rebuild::streams(&log, keys.as_ref(), &mut import, &mut report, progress).await?;
        rebuild::steps(&log, &mut import, &mut report, progress).await
    };
    let rebuilt = rebuilt.await;
    log.close().await;
    rebuilt?;
    import.finish(Position(manifest.events)).await?;
    Ok(report)
}

/// The folder's key store, if it has one.
async fn keys(settings: &Settings) -> anyhow::Result<Option<SqliteKeyStore>> {
    let path = store_file(settings, Port::KeyStore)?;
    if !path.is_file() {
        return Ok(None);
    }
    let keys = SqliteKeyStore::open(&path).await;
    let keys = keys.with_context(|| format!("{} can't be opened", path.display()))?;
    // An empty one is not the log's.
    let made = keys
        .secret(command_api::key_store::HmacPurpose::Email.secret_name())
        .await?;
    Ok(made.map(|_| keys))
}
