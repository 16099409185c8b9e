//! `frontrow audit seal`: signs a head of the log as it is, or checks the log against its seals; beside a running server, too.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex},
};

use anyhow::{Context, ensure};
use audit::{
    seals::{
        check::{self, Report},
        copies::Copies,
        note::VerificationKey,
    },
    verify::SealCheck,
};
use event_store::{Clock, SystemClock, log::postgres::Access};
use indicatif::ProgressBar;

use super::{print, runtime};
use crate::{
    adapters::Adapters,
    cli::{Output, Seal},
    config::Settings,
    demo, sealing,
};

/// Exit status where something was found.
const FINDINGS: u8 = 1;

pub(super) fn run(
    settings: &Settings,
    arguments: &Seal,
    output: Output,
) -> anyhow::Result<ExitCode> {
    if !arguments.check {
        let note = runtime()?.block_on(seal(settings))?;
        print(note.trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = runtime()?.block_on(compare(settings, arguments))?;
    match output {
        Output::Text => print(&report.to_string())?,
        Output::Json => print(&serde_json::to_string(&report)?)?,
    }
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FINDINGS)
    })
}

/// Seals everything that the log has; answers the newest head.
async fn seal(settings: &Settings) -> anyhow::Result<String> {
    let key = sealing::key(settings)?;
    let key = key.context("audit.sealing_key is not set: nothing can sign this log's heads")?;
    let adapters = open(settings, Access::ReadWrite)?;
    let clock: Arc<dyn Clock> = match &adapters.log().await?.clock {
        Some(clock) => clock.clone(),
        None => Arc::new(SystemClock),
    };
    let sealer = sealing::sealer(settings, &adapters, Arc::new(key), clock).await?;
    let bar = Mutex::new(None);
    let outcome = sealer
        .everything(|done, total| show(&bar, "events sealed", done, total))
        .await;
    finish(bar);
    adapters.close().await;
    let head = outcome.context("the log can't be sealed")?;
    Ok(head
        .context("the log is empty: there is nothing to seal")?
        .note)
}

/// What the log is compared with: the configured tree and copies of its heads, and what is named besides.
pub(super) async fn sealed(
    settings: &Settings,
    adapters: &Adapters,
    keys: &[String],
    heads: &[PathBuf],
) -> anyhow::Result<SealCheck> {
    let mut known = Vec::new();
    known.extend(sealing::verification(settings)?);
    known.extend(sealing::replaced(settings)?);
    for key in keys {
        known.push(key.parse::<VerificationKey>()?);
    }
    ensure!(
        !known.is_empty(),
        "audit.sealing_key is not set: say by `audit seal --check --key` which key the heads are signed with"
    );
    let configured = [sealing::copies(settings)];
    let mut copies = Vec::new();
    for file in configured.into_iter().chain(heads.iter().map(Copies::new)) {
        let path = file.path().display().to_string();
        let read = file.read();
        copies.extend(read.with_context(|| format!("{path} can't be read"))?);
    }
    Ok(SealCheck {
        seals: adapters.seals().await?,
        keys: known,
        copies,
    })
}

async fn compare(settings: &Settings, arguments: &Seal) -> anyhow::Result<Report> {
    let adapters = open(settings, Access::ReadOnly)?;
    let log = adapters.log().await?.log.clone();
    let sealed = sealed(settings, &adapters, &arguments.key, &arguments.heads).await?;
    let bar = Mutex::new(None);
    let report = check::check(
        &*log,
        &*sealed.seals,
        &sealed.keys,
        &sealed.copies,
        |done, total| {
            show(&bar, "events checked", done, total);
        },
    );
    let report = report.await;
    finish(bar);
    adapters.close().await;
    report.context("the check could not be carried out")
}

/// The configured stores; a folder without a log is not made one.
pub(super) fn open(settings: &Settings, access: Access) -> anyhow::Result<Adapters> {
    let adapters = Adapters::new(settings, access);
    if let Some(path) = adapters.log_file()? {
        ensure!(path.is_file(), "there is no log at {}", path.display());
    }
    Ok(adapters)
}

pub(super) fn show(bar: &Mutex<Option<ProgressBar>>, what: &'static str, done: u64, total: u64) {
    if let Ok(mut bar) = bar.lock() {
        let bar = bar.get_or_insert_with(|| demo::progress(total, what));
        bar.set_position(done);
    }
}

pub(super) fn finish(bar: Mutex<Option<ProgressBar>>) {
    if let Ok(Some(bar)) = bar.into_inner() {
        bar.finish_and_clear();
    }
}
