//! `frontrow audit export`: the log, or a table of the read model as it was; beside a running server, too.

use std::{
    fs::{self, File, OpenOptions},
    io::BufWriter,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex},
};

use anyhow::{Context, ensure};
use audit::{
    export::{Encoding, Manifest, Selection, export, manifest_path},
    export_rows::{self, Origin, export_rows},
};
use event_store::{Clock, StreamId, SystemClock, log::postgres::Access};
use projections::rebuild::rows_as_of;
use read_model::Table;
use serde::Serialize;

use super::{print, runtime, seal};
use crate::{
    cli::{Export, ExportFormat, Output},
    config::Settings,
    data_folder::{self, TemporaryFolder},
};

/// Events are their organizer's business: only the file's owner may read it.
const FILE_MODE: u32 = 0o600;

pub(super) fn run(
    settings: &Settings,
    arguments: &Export,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let path = &arguments.file;
    ensure!(!path.exists(), "there is a {} already", path.display());
    match arguments.table {
        None => finish(arguments, output, write(settings, arguments), |manifest| {
            format!(
                "{} events, positions {} to {}, {} bytes\nsha256 {}",
                manifest.events, manifest.first, manifest.last, manifest.bytes, manifest.sha256
            )
        }),
        Some(table) => finish(
            arguments,
            output,
            write_rows(settings, arguments, table),
            |manifest| {
                let left = match &*manifest.incomplete {
                    [] => String::new(),
                    keys => format!(
                        "\nNOT COMPLETE: events of {} can't be projected",
                        keys.join(", ")
                    ),
                };
                format!(
                    "{} rows of {} as of position {}, {} bytes\nsha256 {}{left}",
                    manifest.rows,
                    manifest.table,
                    manifest.position,
                    manifest.bytes,
                    manifest.sha256
                )
            },
        ),
    }
}

/// Waits for the file, puts the manifest beside it and then the file into its place: what has its name is whole.
fn finish<M: Serialize>(
    arguments: &Export,
    output: Output,
    written: impl Future<Output = anyhow::Result<M>>,
    text: impl Fn(&M) -> String,
) -> anyhow::Result<ExitCode> {
    let path = &arguments.file;
    let unfinished = unfinished(path);
    let manifest = match runtime()?.block_on(written) {
        Ok(manifest) => manifest,
        Err(error) => {
            // What is left of it is no export.
            drop(fs::remove_file(&unfinished));
            return Err(error);
        }
    };
    let document = serde_json::to_string_pretty(&manifest)? + "\n";
    let beside = manifest_path(path);
    data_folder::write_whole(&beside, document.as_bytes())
        .with_context(|| format!("{} can't be written", beside.display()))?;
    fs::rename(&unfinished, path)
        .with_context(|| format!("{} can't be put into its place", path.display()))?;
    match output {
        Output::Text => print(&text(&manifest))?,
        Output::Json => print(&serde_json::to_string(&manifest)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    name.into()
}

fn encoding(arguments: &Export) -> Encoding {
    match arguments.format {
        ExportFormat::Ndjson => Encoding::Ndjson,
        ExportFormat::Csv => Encoding::Csv,
    }
}

fn create(path: &Path) -> anyhow::Result<File> {
    let created = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(FILE_MODE)
        .open(path);
    created.with_context(|| format!("{} can't be written", path.display()))
}

fn sync(file: &File, path: &Path) -> anyhow::Result<()> {
    let synced = file.sync_all();
    synced.with_context(|| format!("{} can't be written", path.display()))
}

async fn write(settings: &Settings, arguments: &Export) -> anyhow::Result<Manifest> {
    let selection = match &arguments.stream {
        None => Selection::Range(arguments.from, arguments.to.unwrap_or(u64::MAX)),
        Some(stream) => {
            let (kind, id) = stream
                .split_once('/')
                .with_context(|| format!("{stream:?} is no stream: say TYPE/ID"))?;
            Selection::Stream(StreamId::new(kind, id))
        }
    };
    let path = unfinished(&arguments.file);
    let file = create(&path)?;
    let adapters = seal::open(settings, Access::ReadOnly)?;
    let log = adapters.log().await?.log.clone();
    let bar = Mutex::new(None);
    let out = BufWriter::with_capacity(1 << 20, &file);
    let written = export(
        &*log,
        &selection,
        encoding(arguments),
        out,
        |done, total| {
            seal::show(&bar, "events exported", done, total);
        },
    );
    let written = written.await;
    seal::finish(bar);
    adapters.close().await;
    let manifest = written.context("the events can't be exported")?;
    sync(&file, &path)?;
    Ok(manifest)
}

/// The rows are made in a read model of their own, of the log alone.
async fn write_rows(
    settings: &Settings,
    arguments: &Export,
    table: Table,
) -> anyhow::Result<export_rows::Manifest> {
    let path = unfinished(&arguments.file);
    let file = create(&path)?;
    let adapters = seal::open(settings, Access::ReadOnly)?;
    let log = adapters.log().await?.log.clone();
    let head = log.head().await?.position.0;
    let position = arguments.position.unwrap_or(head);
    ensure!(
        position <= head,
        "--position {position}: the log ends at position {head}"
    );
    let folder = TemporaryFolder::new()?;
    let url = format!("sqlite:{}", folder.path().join("read-model.db").display());
    let model = read_model::open(&url, read_model::Access::ReadWrite).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let bar = Mutex::new(None);
    let projection = table.projection();
    let parked = rows_as_of(&log, &model, projection, position, &clock, |progress| {
        seal::show(&bar, "events projected", progress.done, progress.total);
    });
    let parked = parked.await;
    seal::finish(bar);
    adapters.close().await;
    let parked = parked.with_context(|| format!("{} can't be projected", projection.name()))?;
    let origin = Origin {
        table,
        position,
        incomplete: parked.into_iter().map(|parked| parked.key).collect(),
    };
    let mut snapshot = model.snapshot(None).await?;
    let out = BufWriter::with_capacity(1 << 20, &file);
    let written = export_rows(&mut *snapshot, origin, encoding(arguments), out, |_| {});
    let manifest = written.await.context("the rows can't be exported")?;
    sync(&file, &path)?;
    Ok(manifest)
}
