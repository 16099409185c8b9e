//! `frontrow audit import`: an exported log, into an empty data folder.

use std::{process::ExitCode, sync::Mutex};

use indicatif::ProgressBar;

use super::{print, runtime, seal};
use crate::{
    cli::{Import, Output},
    config::Settings,
    demo, importing, telemetry,
};

pub(super) fn run(
    settings: &Settings,
    arguments: &Import,
    output: Output,
) -> anyhow::Result<ExitCode> {
    telemetry::start_logs(&settings.telemetry)?;
    let bar: Mutex<Option<(&'static str, ProgressBar)>> = Mutex::new(None);
    let show = |what: &'static str, done, total| {
        let Ok(mut bar) = bar.lock() else { return };
        // Each phase has a bar of its own.
        if let Some((_, before)) = bar.take_if(|(before, _)| *before != what) {
            before.finish_and_clear();
        }
        let (_, bar) = bar.get_or_insert_with(|| (what, demo::progress(total, what)));
        bar.set_position(done);
    };
    let report = runtime()?.block_on(importing::import(settings, &arguments.file, show));
    seal::finish(Mutex::new(
        bar.into_inner().ok().flatten().map(|(_, bar)| bar),
    ));
    let report = report?;
    match output {
        Output::Json => print(&serde_json::to_string(&report)?)?,
        Output::Text => print(&format!(
            "{} events of {} streams imported; {} timers, {} claims and {} steps of sagas set again",
            report.events, report.streams, report.timers, report.claims, report.steps
        ))?,
    }
    if report.unread_emails > 0 {
        tracing::warn!(
            customers = report.unread_emails,
            "e-mail addresses can't be read without their key store: put keys.db into the folder and import again"
        );
    }
    Ok(ExitCode::SUCCESS)
}
