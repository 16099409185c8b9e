//! `frontrow replay --into DIR`: the commands of the log, decided again on a fresh instance. Reads the log alone.

use std::{path::Path, process::ExitCode, sync::Mutex};

use event_store::log::postgres;
use indicatif::ProgressBar;

use super::{DIFFERENT, open};
use crate::{
    cli::{Output, Replay},
    commands::{print, runtime, seal},
    config::Settings,
    demo,
    rehearsal::{Report, Scope, rehearse},
};

pub(super) fn run(
    settings: &Settings,
    arguments: &Replay,
    into: &Path,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let scope = Scope {
        show: arguments.show,
        to: arguments.to,
        throttle: arguments.throttle,
    };
    let report = runtime()?.block_on(play(settings, into, scope))?;
    match output {
        Output::Text => print(&report.to_string())?,
        Output::Json => print(&serde_json::to_string(&report)?)?,
    }
    Ok(if report.is_same() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DIFFERENT)
    })
}

async fn play(settings: &Settings, into: &Path, scope: Scope) -> anyhow::Result<Report> {
    let adapters = open(settings, postgres::Access::ReadOnly)?;
    let log = adapters.log().await?.log.clone();
    let bar: Mutex<Option<(&'static str, ProgressBar)>> = Mutex::new(None);
    let played = rehearse(&log, into, scope, |what, done, total| {
        let Ok(mut bar) = bar.lock() else { return };
        // Each phase has a bar of its own.
        if let Some((_, before)) = bar.take_if(|(before, _)| *before != what) {
            before.finish_and_clear();
        }
        let (_, bar) = bar.get_or_insert_with(|| (what, demo::progress(total, what)));
        bar.set_position(done);
    });
    let played = played.await;
    let bar = bar.into_inner().ok().flatten();
    seal::finish(Mutex::new(bar.map(|(_, bar)| bar)));
    adapters.close().await;
    played
}
