//! `frontrow replay --dry-run`: what this release's projections would make of history, beside a running server. Changes nothing.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Mutex,
};

use anyhow::{Context, ensure};
use event_store::{EventLog, Position, log::postgres};
use projections::rebuild::{DryRun, Filter, Look, dry_run};
use read_model::{Access, ParkedKey, ProjectionId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{DIFFERENT, deps, difference, differences, open, show};
use crate::{
    cli::{Output, Replay},
    commands::{print, runtime},
    config::Settings,
    data_folder::{self, TemporaryFolder},
};

/// Says what the rows beside it are of.
const QUESTION_FILE: &str = "dry-run.json";

pub(super) fn run(
    settings: &Settings,
    arguments: &Replay,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let found = runtime()?.block_on(look(settings, arguments))?;
    match output {
        Output::Text => {
            let parts: Vec<_> = found.iter().map(text).collect();
            print(&parts.join("\n"))?;
        }
        Output::Json => {
            let items: Vec<_> = found.iter().map(document).collect();
            print(&json!({ "items": items }).to_string())?;
        }
    }
    Ok(if found.iter().all(DryRun::is_same) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DIFFERENT)
    })
}

/// What a scratch is of: another question, or another log, must not go on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Question {
    /// The release whose folds made the rows.
    release: String,
    /// The log's first event; none of an empty one.
    log: Option<Uuid>,
    keys: BTreeSet<String>,
    from: Option<u64>,
    /// Where the range ends: of one that was open, where the log ended.
    to: Option<u64>,
}

impl Question {
    async fn of(log: &dyn EventLog, arguments: &Replay) -> anyhow::Result<Self> {
        let first = log.read_all(Position(0), 1).await?;
        let head = log.head().await?.position.0;
        let is_open = arguments.from.is_some() && arguments.to.is_none();
        Ok(Self {
            release: env!("CARGO_PKG_VERSION").to_owned(),
            log: first.first().map(|event| event.event_id),
            keys: arguments.key.iter().cloned().collect(),
            from: arguments.from,
            to: arguments.to.or(is_open.then_some(head)),
        })
    }

    /// The same question as that of the scratch, which may have been asked when the log was shorter.
    fn resumed(self, path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("{} can't be read", path.display()))?;
        let stored: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is no question of a dry run", path.display()))?;
        let to = if self.from.is_some() {
            stored.to
        } else {
            self.to
        };
        let asked = Self { to, ..self };
        ensure!(
            asked == stored,
            "--scratch: the rows there are of another question, log or release ({}): choose another folder",
            text.trim()
        );
        Ok(asked)
    }
}

async fn look(settings: &Settings, arguments: &Replay) -> anyhow::Result<Vec<DryRun>> {
    let adapters = open(settings, postgres::Access::ReadOnly)?;
    let deps = deps(&adapters, Access::ReadOnly).await?;
    let temporary = TemporaryFolder::new()?;
    let folder = arguments.scratch.as_deref().unwrap_or(temporary.path());
    let question = Question::of(&*deps.log, arguments).await?;
    let question = asked(folder, question)?;
    let url = format!("sqlite:{}", folder.join("read-model.db").display());
    let scratch = read_model::open(&url, Access::ReadWrite).await?;
    let look = Look {
        filter: Filter {
            keys: question.keys,
            from: question.from,
            to: question.to,
        },
        throttle: arguments.throttle,
    };
    let one = arguments.projection;
    let all = ProjectionId::ALL.into_iter();
    let mut found = Vec::new();
    for projection in all.filter(|id| one.is_none_or(|one| one == *id)) {
        let bar = Mutex::new(None);
        let looked = dry_run(&deps, &scratch, projection, &look, |done| show(&bar, done)).await;
        if let Ok(Some(bar)) = bar.into_inner() {
            bar.finish_and_clear();
        }
        let name = projection.name();
        found.push(looked.with_context(|| format!("{name} could not be replayed"))?);
    }
    adapters.close().await;
    Ok(found)
}

/// Writes the question into the folder, or finds that it is the same.
fn asked(folder: &Path, question: Question) -> anyhow::Result<Question> {
    data_folder::create(folder)?;
    let path: PathBuf = folder.join(QUESTION_FILE);
    if path.exists() {
        return question.resumed(&path);
    }
    let is_empty = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    ensure!(
        is_empty,
        "--scratch: {} has something else in it: choose another folder",
        folder.display()
    );
    let text = serde_json::to_string(&question)? + "\n";
    data_folder::write_whole(&path, text.as_bytes())
        .with_context(|| format!("{} can't be written", path.display()))?;
    Ok(question)
}

fn text(found: &DryRun) -> String {
    let name = found.projection.name();
    let resumed = match found.resumed_from {
        0 => String::new(),
        position => format!(" behind position {position}, where it was interrupted"),
    };
    let keys = match found.keys {
        None => String::new(),
        Some(keys) => format!(" of {keys} routing keys"),
    };
    let mut lines = vec![format!(
        "{name}: {} rows{keys} compared at position {}, fold {} with version {} of fold {}: {} would differ ({} events read{resumed}, {:.1?})",
        found.compared,
        found.position,
        found.fold,
        found.live,
        found.live_fold,
        found.differing,
        found.events,
        found.took
    )];
    lines.extend(found.differences.iter().map(difference));
    let untold = found.differing - found.differences.len() as u64;
    if untold > 0 {
        lines.push(format!("  and {untold} more"));
    }
    for key in &found.would_park {
        let ParkedKey {
            key,
            position,
            reason,
            ..
        } = key;
        lines.push(format!(
            "  key {key} would be parked at position {position}: {reason}"
        ));
    }
    if !found.parked.is_empty() {
        let keys = found.parked.join(", ");
        lines.push(format!("  not compared, because they are parked: {keys}"));
    }
    lines.join("\n")
}

fn document(found: &DryRun) -> Value {
    let would_park = found.would_park.iter();
    let would_park: Vec<_> = would_park
        .map(|key| json!({"key": key.key, "position": key.position, "reason": key.reason, "events": key.events}))
        .collect();
    json!({
        "projection": found.projection.name(),
        "fold": found.fold,
        "live": {"version": found.live, "fold": found.live_fold},
        "keys": found.keys,
        "resumed_from": found.resumed_from,
        "events": found.events,
        "position": found.position,
        "compared": found.compared,
        "differing": found.differing,
        "differences": differences(&found.differences),
        "would_park": would_park,
        "parked": found.parked,
        "took_ms": u64::try_from(found.took.as_millis()).unwrap_or(u64::MAX),
    })
}
