//! `frontrow audit history`: every decision about one thing, beside a running server too.

use std::process::ExitCode;

use anyhow::{Context, ensure};
use audit::history::{Decision, Subject, history};
use event_store::{EventLog, log::postgres};
use read_model::{Access, ReadModel};
use serde_json::json;

use super::{print, runtime};
use crate::{
    adapters::Adapters,
    cli::{History, Output},
    config::Settings,
    demo,
};

/// Decisions asked for at a time: every history ends before it.
const ALL: usize = audit::history::MAX_EVENTS;

pub(super) fn run(
    settings: &Settings,
    arguments: &History,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let subject = arguments.subject().context("nothing is asked about")?;
    let told = runtime()?.block_on(read(settings, &subject))?;
    match output {
        Output::Text => {
            let (count, end) = (told.items.len(), told.position);
            let rest = if told.truncated {
                "; there are more than are ever told"
            } else {
                ""
            };
            let table = table(&told.items);
            let text = format!("{table}\n{count} decisions; the log ends at position {end}{rest}");
            print(&text)?;
        }
        Output::Json => {
            let document = json!({
                "position": told.position, "items": told.items, "truncated": told.truncated,
            });
            print(&document.to_string())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(settings: &Settings, subject: &Subject) -> anyhow::Result<audit::history::History> {
    let adapters = Adapters::new(settings, postgres::Access::ReadOnly);
    if let Some(path) = adapters.log_file()? {
        ensure!(path.is_file(), "there is no log at {}", path.display());
    }
    let log = adapters.log().await?.log.clone();
    let model = adapters.read_model(Access::ReadOnly).await?;
    let told = whole(log.as_ref(), model.as_ref(), subject).await;
    log.close().await;
    told
}

/// All pages: of a correlation there is one for each part of the log that is looked through.
async fn whole(
    log: &dyn EventLog,
    model: &dyn ReadModel,
    subject: &Subject,
) -> anyhow::Result<audit::history::History> {
    let mut told: Option<audit::history::History> = None;
    let mut bar = None;
    let mut after = 0;
    loop {
        let page = history(log, model, subject, after, ALL).await;
        let mut page = page.context("the history can't be told")?;
        if let Some(told) = told.take() {
            page.items.splice(0..0, told.items);
            page.truncated |= told.truncated;
        }
        let next = page
            .next_cursor
            .as_deref()
            .and_then(|next| next.parse().ok());
        let Some(next) = next.filter(|_| page.items.len() < ALL) else {
            page.truncated |= next.is_some();
            return Ok(page);
        };
        let bar = bar.get_or_insert_with(|| demo::progress(page.position, "events searched"));
        bar.set_position(next);
        (told, after) = (Some(page), next);
    }
}

fn table(items: &[Decision]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["position", "time", "actor", "what", "of", "detail"]);
    for item in items {
        let time = item.recorded_at;
        table.add_row([
            item.position.to_string(),
            time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            item.actor.clone().unwrap_or_else(|| "time".to_owned()),
            item.event_type.clone(),
            item.aggregate_type.clone(),
            item.detail.clone(),
        ]);
    }
    table
}
