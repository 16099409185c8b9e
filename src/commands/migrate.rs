//! `frontrow migrate`: from the embedded stores to shared ones.

use std::{process::ExitCode, sync::Mutex};

use indicatif::ProgressBar;

use super::{print, runtime};
use crate::{cli::Output, config::Settings, demo, migration, telemetry};

pub(super) fn run(from: &Settings, to: &Settings, output: Output) -> anyhow::Result<ExitCode> {
    telemetry::start_logs(&from.telemetry)?;
    let bar: Mutex<Option<ProgressBar>> = Mutex::new(None);
    let show = |done, total| {
        if let Ok(mut bar) = bar.lock() {
            let bar = bar.get_or_insert_with(|| demo::progress(total, "events copied"));
            bar.set_position(done);
        }
    };
    let report = runtime()?.block_on(migration::migrate(from, to, show));
    if let Ok(Some(bar)) = bar.into_inner() {
        bar.finish_and_clear();
    }
    let report = report?;
    match output {
        Output::Text => print(&report.to_string())?,
        Output::Json => print(&serde_json::to_string(&report)?)?,
    }
    Ok(ExitCode::SUCCESS)
}
