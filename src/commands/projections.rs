//! `frontrow projections`: how the projections stand, and what is to be done about what they have parked.

use std::{process::ExitCode, sync::Arc};

use anyhow::bail;
use domain::operation::acts;
use event_store::{Clock, SystemClock, log::postgres};
use projections::{
    parked::{self, Outcome},
    rebuild::roll_back,
};
use read_model::{Access, Parked};
use serde_json::{Value, json};

use super::{acts::record, print, runtime};
use crate::{
    adapters::Adapters,
    cli::{Output, ParkedKey, Projections},
    config::Settings,
};

/// Exit status where a key got stuck again.
const STUCK: u8 = 1;

pub(super) fn run(
    settings: &Settings,
    command: &Projections,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let (text, document, status) = runtime()?.block_on(async {
        let adapters = Adapters::new(settings, postgres::Access::ReadWrite);
        let answer = answer(settings, &adapters, command).await;
        adapters.close().await;
        answer
    })?;
    match output {
        Output::Text => print(text.trim_end())?,
        Output::Json => print(&document.to_string())?,
    }
    Ok(status)
}

/// What is printed, as text and as a document, and the exit status.
type Answer = (String, Value, ExitCode);

async fn answer(
    settings: &Settings,
    adapters: &Adapters,
    command: &Projections,
) -> anyhow::Result<Answer> {
    match command {
        Projections::List => list(adapters).await,
        Projections::Parked { projection } => {
            let model = adapters.read_model(Access::ReadWrite).await?;
            let parked = parked::list(model.as_ref(), *projection).await?;
            Ok(show_parked(&parked))
        }
        Projections::Retry(key) => {
            check(adapters, key).await?;
            act(settings, adapters, acts::PROJECTION_RETRY, key).await?;
            let model = adapters.read_model(Access::ReadWrite).await?;
            let outcome = parked::retry(model.as_ref(), key.projection, &key.key).await?;
            Ok(show_outcome(key, &outcome))
        }
        Projections::Skip(key) => {
            check(adapters, key).await?;
            act(settings, adapters, acts::PROJECTION_SKIP, key).await?;
            let model = adapters.read_model(Access::ReadWrite).await?;
            let outcome = parked::skip(model.as_ref(), key.projection, &key.key).await?;
            Ok(show_outcome(key, &outcome))
        }
        Projections::RollBack { projection, reason } => {
            let model = adapters.read_model(Access::ReadWrite).await?;
            let name = projection.name();
            let version = roll_back(model.as_ref(), *projection).await?;
            let arguments = [("version", version.to_string())];
            let act = acts::PROJECTION_SWAP;
            record(settings, adapters, act, name, &arguments, reason).await?;
            let text = format!("{name}: version {version} is live again");
            let document = json!({"projection": name, "version": version});
            Ok((text, document, ExitCode::SUCCESS))
        }
    }
}

/// Nothing is recorded of a key that has nothing parked.
async fn check(adapters: &Adapters, key: &ParkedKey) -> anyhow::Result<()> {
    let model = adapters.read_model(Access::ReadWrite).await?;
    let parked = parked::list(model.as_ref(), Some(key.projection)).await?;
    if parked.iter().all(|event| event.key != key.key) {
        let name = key.projection.name();
        bail!("{name} has nothing parked for key {}", key.key);
    }
    Ok(())
}

async fn act(
    settings: &Settings,
    adapters: &Adapters,
    act: &'static str,
    key: &ParkedKey,
) -> anyhow::Result<()> {
    let arguments = [("key", key.key.clone())];
    let name = key.projection.name();
    let recorded = record(settings, adapters, act, name, &arguments, &key.reason);
    recorded.await.map(drop)
}

async fn list(adapters: &Adapters) -> anyhow::Result<Answer> {
    let log = adapters.log().await?.log.clone();
    let model = adapters.read_model(Access::ReadWrite).await?;
    let bus = adapters.bus().await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let view = audit::projections(log.as_ref(), model.as_ref(), bus.as_ref(), &clock).await?;
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header([
        "projection",
        "version",
        "state",
        "position",
        "behind",
        "ms",
        "parked keys",
    ]);
    for item in &view.items {
        table.add_row([
            item.name.to_owned(),
            item.version.to_string(),
            item.state.to_owned(),
            item.position.to_string(),
            item.lag_positions.to_string(),
            item.lag_ms.to_string(),
            item.parked_keys.len().to_string(),
        ]);
    }
    let text = format!("the log ends at position {}\n{table}", view.head);
    Ok((text, serde_json::to_value(&view)?, ExitCode::SUCCESS))
}

fn show_parked(parked: &[Parked]) -> Answer {
    let line = |event: &Parked| {
        let name = event.projection.name();
        format!("{name} {} {}: {}", event.key, event.position, event.reason)
    };
    let text = if parked.is_empty() {
        "nothing is parked".to_owned()
    } else {
        parked.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    let items: Vec<_> = parked
        .iter()
        .map(|event| {
            json!({
                "projection": event.projection.name(),
                "version": event.version,
                "key": event.key,
                "partition": event.partition,
                "position": event.position,
                "reason": event.reason,
                "parked_at": event.parked_at,
            })
        })
        .collect();
    (text, json!({"items": items}), ExitCode::SUCCESS)
}

fn show_outcome(key: &ParkedKey, outcome: &Outcome) -> Answer {
    let name = key.projection.name();
    let mut parts = vec![format!(
        "{name} {}: {} events projected",
        key.key,
        outcome.applied.len()
    )];
    parts.extend(
        outcome
            .skipped
            .map(|position| format!("the one at position {position} left out")),
    );
    let (stuck, status) = match &outcome.stuck {
        Some((position, reason)) => {
            parts.push(format!("stuck at position {position}: {reason}"));
            let stuck = json!({"position": position, "reason": reason});
            (stuck, ExitCode::from(STUCK))
        }
        None => (Value::Null, ExitCode::SUCCESS),
    };
    let document = json!({
        "projection": name,
        "key": key.key,
        "applied": outcome.applied,
        "skipped": outcome.skipped,
        "stuck": stuck,
    });
    (parts.join(", "), document, status)
}
