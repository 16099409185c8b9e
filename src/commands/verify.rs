//! `frontrow audit verify`: checks the log and the read model, beside a running server too.

use std::{
    process::ExitCode,
    sync::{Arc, Mutex},
};

use anyhow::{Context, ensure};
use audit::verify::{BusCheck, BusReport, Deps, Options, Phase, Progress, Report};
use event_store::{Clock, EventLog, SystemClock, bus::kafka, log::postgres};
use indicatif::ProgressBar;
use read_model::Access;

use super::{print, runtime, seal};
use crate::{
    adapters::Adapters,
    cli::{Output, Verify},
    config::Settings,
    demo,
};

/// Exit status where something was found.
const FINDINGS: u8 = 1;

pub(super) fn run(
    settings: &Settings,
    arguments: &Verify,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let report = runtime()?.block_on(verify(settings, arguments))?;
    match output {
        Output::Text => print(&report.to_string())?,
        Output::Json => print(&serde_json::to_string(&report)?)?,
    }
    Ok(status(&report))
}

pub(super) fn status(report: &Report) -> ExitCode {
    if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FINDINGS)
    }
}

/// Checks the configured stores. Takes no lock and makes nothing: a folder without a log can't be checked.
///
/// # Errors
/// What kept the check from being carried out.
pub(super) async fn verify(settings: &Settings, arguments: &Verify) -> anyhow::Result<Report> {
    let adapters = Adapters::new(settings, postgres::Access::ReadOnly);
    if let Some(path) = adapters.log_file()? {
        ensure!(path.is_file(), "there is no log at {}", path.display());
    }
    let log = adapters.log().await?.log.clone();
    let read_model = adapters.read_model(Access::ReadOnly).await?;
    let bus = adapters.bus().await?;
    let deps = Deps {
        log: log.clone(),
        read_model: Some(read_model),
        partition_of: Some(Arc::new(move |key| bus.partition_of(key))),
        bus: if arguments.bus {
            Some(bus_check(&adapters, &log)?)
        } else {
            None
        },
    };
    let options = Options {
        now: SystemClock.now(),
        from: arguments.from,
        to: arguments.to,
        resume: arguments.resume.clone(),
        seals: if arguments.seals {
            Some(seal::sealed(settings, &adapters, &[], &[]).await?)
        } else {
            None
        },
    };
    let bar = Mutex::new(None);
    let report = audit::verify(&deps, &options, |progress| show(&bar, progress)).await;
    if let Ok(Some(bar)) = bar.into_inner() {
        bar.finish_and_clear();
    }
    log.close().await;
    report.context("the check could not be carried out")
}

/// Reads the topic as a plain consumer does, and compares it with the log.
fn bus_check(adapters: &Adapters, log: &Arc<dyn EventLog>) -> anyhow::Result<BusCheck> {
    let kafka = adapters.kafka()?;
    let kafka = kafka
        .context("--bus: the configured bus is the log itself, there is nothing to compare")?;
    let log = log.clone();
    Ok(Arc::new(move |head| {
        let (kafka, log) = (kafka.clone(), log.clone());
        Box::pin(async move {
            let audit = kafka::audit(&kafka, &*log, head).await?;
            Ok(BusReport {
                events: audit.events,
                differing: audit.differing,
                differences: audit.differences,
            })
        })
    }))
}

fn show(bar: &Mutex<Option<ProgressBar>>, progress: Progress) {
    let Ok(mut bar) = bar.lock() else {
        return;
    };
    let bar = bar.get_or_insert_with(|| demo::progress(progress.total, "events checked"));
    bar.set_message(match progress.phase {
        Phase::Log => "log",
        Phase::Tables => "claims, timers, commands",
        Phase::ReadModel => "read model",
        Phase::Seals => "seals",
    });
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}
