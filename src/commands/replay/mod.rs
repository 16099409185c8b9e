//! `frontrow replay`: makes a projection's rows anew from the log, beside a running server; or only looks what would differ; or decides the
//! log's commands again.

mod dry_run;
mod rehearse;

use std::{process::ExitCode, sync::Mutex};

use anyhow::{Context, bail, ensure};
use domain::operation::acts;
use event_store::{SystemClock, log::postgres};
use indicatif::ProgressBar;
use projections::rebuild::{Deps, Difference, Options, Phase, Progress, Report, rebuild};
use read_model::{Access, ProjectionId};
use serde_json::json;

use super::{acts::record, print, runtime};
use crate::{
    adapters::Adapters,
    cli::{Output, Replay},
    config::Settings,
    demo,
};

/// Exit status where rows differ and nobody accepted that.
const DIFFERENT: u8 = 1;

pub(super) fn run(
    settings: &Settings,
    arguments: &Replay,
    output: Output,
) -> anyhow::Result<ExitCode> {
    if let Some(contradiction) = arguments.contradiction() {
        bail!("{contradiction}");
    }
    if arguments.dry_run {
        return dry_run::run(settings, arguments, output);
    }
    if let Some(into) = &arguments.into {
        return rehearse::run(settings, arguments, into, output);
    }
    let projection = arguments.projection.context("--projection is missing")?;
    let report = runtime()?.block_on(replay(settings, arguments, projection))?;
    match output {
        Output::Text => print(&text(&report))?,
        Output::Json => print(&document(&report).to_string())?,
    }
    Ok(if report.swapped {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DIFFERENT)
    })
}

/// The configured stores; a folder without a log is not made one.
fn open(settings: &Settings, access: postgres::Access) -> anyhow::Result<Adapters> {
    let adapters = Adapters::new(settings, access);
    if let Some(path) = adapters.log_file()? {
        ensure!(path.is_file(), "there is no log at {}", path.display());
    }
    Ok(adapters)
}

async fn deps(adapters: &Adapters, access: Access) -> anyhow::Result<Deps> {
    Ok(Deps {
        log: adapters.log().await?.log.clone(),
        read_model: adapters.read_model(access).await?,
        bus: adapters.bus().await?,
        clock: std::sync::Arc::new(SystemClock),
    })
}

async fn replay(
    settings: &Settings,
    arguments: &Replay,
    projection: ProjectionId,
) -> anyhow::Result<Report> {
    let adapters = open(settings, postgres::Access::ReadWrite)?;
    let deps = deps(&adapters, Access::ReadWrite).await?;
    let options = Options {
        anew: arguments.anew,
        accept: arguments.accept,
        throttle: arguments.throttle,
    };
    let bar = Mutex::new(None);
    let rebuilt = rebuild(&deps, projection, &options, |progress| show(&bar, progress)).await;
    if let Ok(Some(bar)) = bar.into_inner() {
        bar.finish_and_clear();
    }
    let name = projection.name();
    let report = rebuilt.with_context(|| format!("{name} could not be made anew"))?;
    if report.swapped {
        let act = acts::PROJECTION_SWAP;
        let numbers = [
            ("instead_of", report.instead_of.to_string()),
            ("version", report.version.to_string()),
            ("differences", report.differing.to_string()),
        ];
        record(settings, &adapters, act, name, &numbers, &arguments.reason).await?;
    }
    adapters.close().await;
    Ok(report)
}

fn show(bar: &Mutex<Option<ProgressBar>>, progress: Progress) {
    let Ok(mut bar) = bar.lock() else {
        return;
    };
    let bar = bar.get_or_insert_with(|| demo::progress(progress.total, "done"));
    bar.set_message(match progress.phase {
        Phase::Replay => "events",
        Phase::Compare => "rows compared",
    });
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}

fn text(report: &Report) -> String {
    let name = report.projection.name();
    let resumed = match report.resumed_from {
        0 => String::new(),
        position => format!(" behind position {position}, where it was interrupted,"),
    };
    let mut lines = vec![
        format!(
            "{name}: version {} of fold {}, made from {} events{resumed} in {:.1?}",
            report.version, report.fold, report.events, report.took
        ),
        format!(
            "{} rows compared with version {} of fold {} at position {}: {} differ",
            report.compared, report.instead_of, report.old_fold, report.position, report.differing
        ),
    ];
    lines.extend(report.differences.iter().map(difference));
    if !report.parked.is_empty() {
        let keys = report.parked.join(", ");
        lines.push(format!("not compared, because they are parked: {keys}"));
    }
    lines.push(if report.swapped {
        let (new, old) = (report.version, report.instead_of);
        format!(
            "version {new} is live; version {old} is kept: frontrow projections roll-back --projection {name}"
        )
    } else {
        "the live version stays: the same fold made other rows. With --accept the new ones are taken"
            .to_owned()
    });
    lines.join("\n")
}

/// A row that differs, as a line.
fn difference(row: &Difference) -> String {
    let what = match (row.live, row.new) {
        (true, false) => "only in the live version".to_owned(),
        (false, true) => "only in the new version".to_owned(),
        _ => row.columns.join(", "),
    };
    format!("  {}/{}: {what}", row.table, row.key)
}

/// Rows that differ, as a document.
fn differences(rows: &[Difference]) -> serde_json::Value {
    let rows = rows.iter().map(|row| {
        json!({
            "table": row.table, "key": row.key, "columns": row.columns, "live": row.live, "new": row.new,
        })
    });
    rows.collect()
}

fn document(report: &Report) -> serde_json::Value {
    json!({
        "projection": report.projection.name(),
        "version": report.version,
        "fold": report.fold,
        "instead_of": {"version": report.instead_of, "fold": report.old_fold},
        "resumed_from": report.resumed_from,
        "events": report.events,
        "position": report.position,
        "compared": report.compared,
        "differing": report.differing,
        "differences": differences(&report.differences),
        "parked": report.parked,
        "swapped": report.swapped,
        "took_ms": u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
    })
}
