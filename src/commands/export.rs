//! `frontrow audit export`: beside a running server, too.

use std::{
    fs::{self, File, OpenOptions},
    io::BufWriter,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Mutex,
};

use anyhow::{Context, ensure};
use audit::export::{Encoding, Manifest, Selection, export, manifest_path};
use event_store::{StreamId, log::postgres::Access};

use super::{print, runtime, seal};
use crate::{
    cli::{Export, ExportFormat, Output},
    config::Settings,
    data_folder,
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
    let unfinished = unfinished(path);
    let manifest = runtime()?.block_on(write(settings, arguments, &unfinished));
    let manifest = match manifest {
        Ok(manifest) => manifest,
        Err(error) => {
            // What is left of it is no export.
            drop(fs::remove_file(&unfinished));
            return Err(error);
        }
    };
    let text = serde_json::to_string_pretty(&manifest)? + "\n";
    let beside = manifest_path(path);
    data_folder::write_whole(&beside, text.as_bytes())
        .with_context(|| format!("{} can't be written", beside.display()))?;
    fs::rename(&unfinished, path)
        .with_context(|| format!("{} can't be put into its place", path.display()))?;
    match output {
        Output::Text => print(&format!(
            "{} events, positions {} to {}, {} bytes\nsha256 {}",
            manifest.events, manifest.first, manifest.last, manifest.bytes, manifest.sha256
        ))?,
        Output::Json => print(&serde_json::to_string(&manifest)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    name.into()
}

async fn write(settings: &Settings, arguments: &Export, path: &Path) -> anyhow::Result<Manifest> {
    let selection = match &arguments.stream {
        None => Selection::Range(arguments.from, arguments.to.unwrap_or(u64::MAX)),
        Some(stream) => {
            let (kind, id) = stream
                .split_once('/')
                .with_context(|| format!("{stream:?} is no stream: say TYPE/ID"))?;
            Selection::Stream(StreamId::new(kind, id))
        }
    };
    let encoding = match arguments.format {
        ExportFormat::Ndjson => Encoding::Ndjson,
        ExportFormat::Csv => Encoding::Csv,
    };
    let unwritten = || format!("{} can't be written", path.display());
    let file: File = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(FILE_MODE)
        .open(path)
        .with_context(unwritten)?;
    let adapters = seal::open(settings, Access::ReadOnly)?;
    let log = adapters.log().await?.log.clone();
    let bar = Mutex::new(None);
    let out = BufWriter::with_capacity(1 << 20, &file);
    let written = export(&*log, &selection, encoding, out, |done, total| {
        seal::show(&bar, "events exported", done, total);
    });
    let written = written.await;
    seal::finish(bar);
    adapters.close().await;
    let manifest = written.context("the events can't be exported")?;
    file.sync_all().with_context(unwritten)?;
    Ok(manifest)
}
