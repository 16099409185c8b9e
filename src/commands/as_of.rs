//! `frontrow audit as-of`: a read model as it was, beside a running server too.

use std::process::ExitCode;

use anyhow::{Context, ensure};
use audit::as_of::{self, Model, Moment, Rows};
use event_store::log::postgres;
use read_model::SeatMap;
use serde_json::{Value, json};

use super::{print, runtime};
use crate::{
    adapters::Adapters,
    cli::{AsOf, Output},
    config::Settings,
};

pub(super) fn run(
    settings: &Settings,
    arguments: &AsOf,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let model = arguments.model().context("an id is needed")?;
    let moment = arguments.moment();
    let shown = runtime()?.block_on(read(settings, model, moment))?;
    let text = match (&shown, output) {
        (Shown::Map(map), Output::Text) => map_text(map),
        (Shown::Map(map), Output::Json) => map_document(map).to_string(),
        (Shown::Rows(rows), Output::Text) => rows_text(rows),
        (Shown::Rows(rows), Output::Json) => serde_json::to_string(rows)?,
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// What was asked for.
enum Shown {
    Map(Box<SeatMap>),
    Rows(Rows),
}

async fn read(settings: &Settings, model: Model, moment: Moment) -> anyhow::Result<Shown> {
    let adapters = Adapters::new(settings, postgres::Access::ReadOnly);
    if let Some(path) = adapters.log_file()? {
        ensure!(path.is_file(), "there is no log at {}", path.display());
    }
    let log = adapters.log().await?.log.clone();
    let shown = show(log.as_ref(), model, moment).await;
    log.close().await;
    shown
}

async fn show(
    log: &dyn event_store::EventLog,
    model: Model,
    moment: Moment,
) -> anyhow::Result<Shown> {
    let head = log.head().await?.position.0;
    if let Moment::Position(position) = moment {
        let future = position > head && moment != Moment::NOW;
        ensure!(!future, "the log ends at position {head}");
    }
    if let Model::SeatMap(show) = model {
        let map = as_of::seat_map(log, show, moment).await?;
        let map = map.context("there was no such show at that moment")?;
        return Ok(Shown::Map(Box::new(map)));
    }
    let rows = as_of::rows(log, model, moment).await?;
    ensure!(
        !rows.items.is_empty() || model == Model::Catalogue,
        "there was no such thing at that moment"
    );
    Ok(Shown::Rows(rows))
}

/// A line for each row of seats, a letter for each seat.
fn map_text(map: &SeatMap) -> String {
    let counts = map.counts();
    let mut lines = vec![format!(
        "show {}: last change at position {}; {} available, {} held, {} sold, {} blocked",
        map.show_id(),
        map.position(),
        counts.available,
        counts.held,
        counts.sold,
        counts.blocked,
    )];
    let mut row: Option<(String, String)> = None;
    for view in map.seats() {
        let name = format!("{} {}", view.seat.zone, view.seat.row);
        let letter = char::from(view.status.letter());
        match &mut row {
            Some((of, letters)) if *of == name => letters.push(letter),
            row => {
                let before = row.replace((name, letter.to_string()));
                lines.extend(before.map(|(name, letters)| format!("  {name:<20} {letters}")));
            }
        }
    }
    lines.extend(row.map(|(name, letters)| format!("  {name:<20} {letters}")));
    for view in map.standing() {
        let (name, capacity) = (&view.area.name, view.area.capacity);
        lines.push(format!(
            "  {name:<20} {} of {capacity} standing places are free",
            view.available
        ));
    }
    lines.join("\n")
}

fn map_document(map: &SeatMap) -> Value {
    let seats = map.seats().map(|view| {
        json!({"seat_guid": view.seat.seat_guid, "zone": view.seat.zone, "row": view.seat.row,
            "number": view.seat.number, "category": view.seat.category, "price": view.seat.price,
            "status": view.status.as_str()})
    });
    let standing = map.standing().map(|view| {
        json!({"name": view.area.name, "category": view.area.category, "price": view.area.price,
            "available": view.available})
    });
    json!({"show_id": map.show_id(), "position": map.position(), "seats": seats.collect::<Vec<_>>(),
        "standing": standing.collect::<Vec<_>>()})
}

fn rows_text(rows: &Rows) -> String {
    let mut lines = vec![format!("as of the event at position {}", rows.position)];
    for row in &rows.items {
        lines.push(format!("{} {}", row.table, row.key));
        for (name, value) in row.row.as_object().into_iter().flatten() {
            lines.push(format!("  {name:<16} {value}"));
        }
    }
    if rows.truncated {
        lines.push("there are more than are ever told".to_owned());
    }
    lines.join("\n")
}
