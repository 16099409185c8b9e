//! `frontrow audit history`: every decision about one thing, beside a running server too.

use std::process::ExitCode;

use anyhow::{Context, ensure};
use audit::history::{Decision, Refused, Sources, Subject, history};
use event_store::{log::postgres, refusals::KEPT_EACH};
use read_model::Access;
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
    let told = runtime()?.block_on(read(settings, &subject, arguments.after()))?;
    match output {
        Output::Text => print(&text(&told))?,
        Output::Json => {
            let document = json!({
                "position": told.position, "items": told.items, "refusals": told.refusals,
                "refusal_counts": told.refusal_counts, "truncated": told.truncated,
            });
            print(&document.to_string())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(
    settings: &Settings,
    subject: &Subject,
    after: u64,
) -> anyhow::Result<audit::history::History> {
    let adapters = Adapters::new(settings, postgres::Access::ReadOnly);
    if let Some(path) = adapters.log_file()? {
        ensure!(path.is_file(), "there is no log at {}", path.display());
    }
    let log = adapters.log().await?.log.clone();
    let model = adapters.read_model(Access::ReadOnly).await?;
    let refusals = adapters.refusals().await?;
    let sources = Sources {
        log: log.as_ref(),
        model: model.as_ref(),
        refusals: refusals.as_ref(),
    };
    let told = whole(sources, subject, after).await;
    log.close().await;
    told
}

/// All pages: of a correlation there is one for each part of the log that is looked through.
async fn whole(
    sources: Sources<'_>,
    subject: &Subject,
    mut after: u64,
) -> anyhow::Result<audit::history::History> {
    let mut told: Option<audit::history::History> = None;
    let mut bar = None;
    loop {
        let page = history(sources, subject, after, ALL).await;
        let mut page = page.context("the history can't be told")?;
        if let Some(told) = told.take() {
            page.items.splice(0..0, told.items);
            page.refusals.splice(0..0, told.refusals);
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

/// A table of decisions and refusals, and what it leaves out.
fn text(told: &audit::history::History) -> String {
    let mut lines = vec![table(&told.items, &told.refusals).to_string()];
    let refused = match told.refusals.len() {
        0 => String::new(),
        1 => ", 1 refusal".to_owned(),
        many => format!(", {many} refusals"),
    };
    let rest = if told.truncated {
        "; there are more than are ever told"
    } else {
        ""
    };
    let (count, end) = (told.items.len(), told.position);
    lines.push(format!(
        "{count} decisions{refused}; the log ends at position {end}{rest}"
    ));
    for count in &told.refusal_counts {
        if count.refused > KEPT_EACH {
            lines.push(format!(
                "{} was refused {} times, the last time at {}: the first {KEPT_EACH} are kept",
                count.about,
                count.refused,
                time(count.last_at),
            ));
        }
    }
    lines.join("\n")
}

/// Each refusal behind the decision that it rests on.
fn table(items: &[Decision], refusals: &[Refused]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["position", "time", "actor", "what", "of", "detail"]);
    let mut refusals = refusals.iter().peekable();
    for item in items {
        while let Some(refused) = refusals.next_if(|refused| refused.position < item.position) {
            table.add_row(refused_row(refused));
        }
        table.add_row([
            item.position.to_string(),
            time(item.recorded_at),
            item.actor.clone().unwrap_or_else(|| "time".to_owned()),
            item.event_type.clone(),
            item.aggregate_type.clone(),
            item.detail.clone(),
        ]);
    }
    table.add_rows(refusals.map(refused_row));
    table
}

/// It stands at no position of its own.
fn refused_row(refused: &Refused) -> [String; 6] {
    [
        format!("({})", refused.position),
        time(refused.at),
        refused.actor.clone(),
        format!("refused: {}", refused.code),
        refused.command.clone(),
        refused.detail.clone(),
    ]
}

fn time(time: chrono::DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
