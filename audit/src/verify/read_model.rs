//! The read model: every row equal to a fresh fold of the log, up to the read model's own checkpoint.
//!
//! A row folds the events of one routing key only. So a log too large to be folded at once is folded in slices of its routing keys,
//! one pass over the log for each, and no more rows than one slice has are in memory.

use std::{
    collections::{BTreeSet, HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::Arc,
};

use event_store::{EventLog, Position};
use projections::{Fold, PartitionOf};
use read_model::{Document, ParkedKey, ProjectionId, ReadModel, Rows, Snapshot, Table};
use serde_json::{Map, Value};

use super::{
    Error, PAGE, Phase, Progress,
    report::{At, Check, Findings},
};

/// Streams whose rows one pass over the log may fold: with about a kilobyte each, they fit a small machine.
const STREAMS_PER_PASS: usize = 400_000;
/// Rows read at a time.
const ROWS: u32 = 1_000;

/// Which rows of the read model some slice has explained, by their order in their table.
type Explained = HashMap<Table, Vec<bool>>;

/// What a read model shows at an instant, and how far.
pub(super) struct Subject {
    snapshot: Box<dyn Snapshot>,
    /// The keys of which events are parked.
    parked: Vec<ParkedKey>,
    /// Keys that were parked, or are so no more, while the instant was taken: nothing can be said of their rows.
    unsure: BTreeSet<(ProjectionId, String)>,
    partition_of: Option<PartitionOf>,
}

impl Subject {
    pub(super) async fn open(
        model: &Arc<dyn ReadModel>,
        partition_of: Option<PartitionOf>,
    ) -> Result<Self, Error> {
        let before = model.parked_keys().await?;
        let snapshot = model.snapshot(None).await?;
        let mut parked = model.parked_keys().await?;
        let versions = *snapshot.versions();
        let firsts = |parked: &[ParkedKey]| -> HashMap<(ProjectionId, String), u64> {
            parked
                .iter()
                .filter(|parked| parked.version == versions.get(parked.projection))
                .map(|parked| ((parked.projection, parked.key.clone()), parked.position))
                .collect()
        };
        let (before, after) = (firsts(&before), firsts(&parked));
        let unsure: BTreeSet<_> = before
            .keys()
            .chain(after.keys())
            .filter(|key| before.get(*key) != after.get(*key))
            .cloned()
            .collect();
        parked.retain(|parked| parked.version == versions.get(parked.projection));
        Ok(Self {
            snapshot,
            parked,
            unsure,
            partition_of,
        })
    }

    /// The position of the projection that has come furthest.
    pub(super) fn until(&self) -> u64 {
        let positions = self.snapshot.checkpoints().iter().map(|c| c.position);
        positions.max().unwrap_or_default()
    }

    /// Where the hindmost partition stands: up to there the bus was filled, or it would not be.
    pub(super) fn sent(&self) -> u64 {
        let positions = self.snapshot.checkpoints().iter().map(|c| c.position);
        positions.min().unwrap_or_default()
    }

    /// Whether it is known which partition's checkpoint a row goes by.
    fn is_partitioned(&self) -> bool {
        self.partition_of.is_some() || self.snapshot.checkpoints().iter().all(|c| c.partition == 0)
    }

    fn fold(&self) -> Fold {
        let one: PartitionOf = Arc::new(|_| 0);
        let partition_of = self.partition_of.clone().unwrap_or(one);
        Fold::until(self.snapshot.checkpoints(), &self.parked, partition_of)
    }

    /// Whether the row can be judged.
    fn is_sure(&self, table: Table, row: &Document) -> bool {
        if self.unsure.is_empty() {
            return true;
        }
        let key = projections::routing_key(table, row).unwrap_or_default();
        !self.unsure.contains(&(table.projection(), key))
    }

    /// Names what is parked: its rows are not what the log says.
    fn name_parked(&self, findings: &mut Findings) {
        for parked in &self.parked {
            let detail = format!(
                "{} has parked key {} from here on, {} events: {}",
                parked.projection.name(),
                parked.key,
                parked.events,
                parked.reason
            );
            findings.add(Check::ReadModel, At::Position(parked.position), detail);
        }
    }
}

/// Compares every row. `streams` says how much there is to fold.
pub(super) async fn check(
    log: &dyn EventLog,
    model: &mut Subject,
    until: u64,
    streams: usize,
    findings: &mut Findings,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<(), Error> {
    if !model.is_partitioned() {
        let detail = "not compared: its bus has several partitions, and it is not known which row is of which";
        findings.add(Check::ReadModel, At::Log, detail);
        return Ok(());
    }
    model.name_parked(findings);
    let passes = streams.div_ceil(STREAMS_PER_PASS).max(1) as u64;
    let mut explained = Explained::new();
    for pass in 0..passes {
        let report = |position: u64| {
            progress(Progress {
                phase: Phase::ReadModel,
                done: pass * until + position,
                total: passes * until,
            });
        };
        let Some(rows) = fold(log, model, until, (pass, passes), findings, &report).await? else {
            return Ok(());
        };
        for table in Table::ALL {
            compare(model, table, &rows, &mut explained, findings).await?;
        }
    }
    for table in Table::ALL {
        name_strangers(model, table, &explained, findings).await?;
    }
    Ok(())
}

/// The rows of one slice; `None` where the log can't be folded.
async fn fold(
    log: &dyn EventLog,
    model: &Subject,
    until: u64,
    (pass, passes): (u64, u64),
    findings: &mut Findings,
    report: &(dyn Fn(u64) + Send + Sync),
) -> Result<Option<Rows>, Error> {
    let mut fold = model.fold();
    let mut after = 0;
    while after < until {
        let page = match log.read_all(Position(after), PAGE).await {
            Ok(page) => page,
            Err(event_store::log::Error::Corrupt(_)) => {
                findings.add(
                    Check::ReadModel,
                    At::Position(after + 1),
                    "not compared: an event behind this one can't be read",
                );
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let Some(last) = page.last() else { break };
        after = last.position.0;
        for event in page
            .iter()
            .filter(|event| slice(&event.routing_key, passes) == pass)
        {
            if let Err(error) = fold.apply(event) {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                let detail = format!("not compared: {error}: {}", source.unwrap_or_default());
                findings.add(Check::ReadModel, event.position, detail);
                return Ok(None);
            }
        }
        report(after.min(until));
    }
    Ok(Some(fold.into_rows()))
}

fn slice(routing_key: &str, passes: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    routing_key.hash(&mut hasher);
    hasher.finish() % passes
}

/// Compares the rows of one slice with those of the read model.
async fn compare(
    model: &mut Subject,
    table: Table,
    rows: &Rows,
    explained: &mut Explained,
    findings: &mut Findings,
) -> Result<(), Error> {
    let mut expected = rows.documents(table)?.into_iter().peekable();
    let explained = explained.entry(table).or_default();
    let mut after: Option<String> = None;
    let mut index = 0;
    loop {
        let page = model.snapshot.page(table, after.as_deref(), ROWS).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        for stored in &page {
            if explained.len() <= index {
                explained.push(false);
            }
            while let Some(missing) = expected.next_if(|expected| expected.key < stored.key) {
                report_missing(model, table, &missing, findings);
            }
            if let Some(fresh) = expected.next_if(|expected| expected.key == stored.key) {
                explained[index] = true;
                findings.checked(Check::ReadModel, 1);
                if fresh.json != stored.json && model.is_sure(table, stored) {
                    let detail = columns(&stored.json, &fresh.json);
                    findings.add(Check::ReadModel, key(table, &stored.key), detail);
                }
            }
            index += 1;
        }
    }
    for missing in expected {
        report_missing(model, table, &missing, findings);
    }
    Ok(())
}

fn key(table: Table, key: &str) -> At {
    At::Key(format!("{}/{key}", table.name()))
}

fn report_missing(model: &Subject, table: Table, row: &Document, findings: &mut Findings) {
    if model.is_sure(table, row) {
        findings.add(Check::ReadModel, key(table, &row.key), "the row is missing");
    }
}

/// Names the columns in which two rows differ, and how.
fn columns(stored: &str, fresh: &str) -> String {
    let members = |json: &str| serde_json::from_str::<Map<String, Value>>(json).ok();
    let (Some(one), Some(other)) = (members(stored), members(fresh)) else {
        return difference(stored, fresh);
    };
    let names: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let text = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
    let differing: Vec<_> = names
        .into_iter()
        .filter(|name| one.get(*name) != other.get(*name))
        .map(|name| {
            let both = difference(&text(one.get(name)), &text(other.get(name)));
            format!("column {name}: {both}")
        })
        .collect();
    if differing.is_empty() {
        return "the row has its columns in another form than a fresh fold".to_owned();
    }
    differing.join("; ")
}

/// Shows where two values begin to differ: a seat map is long.
fn difference(stored: &str, fresh: &str) -> String {
    const AROUND: usize = 40;
    let at = stored
        .bytes()
        .zip(fresh.bytes())
        .take_while(|(one, other)| one == other)
        .count();
    let part = |text: &str| -> String {
        let bytes = text.as_bytes();
        let (from, to) = (at.saturating_sub(AROUND), (at + AROUND).min(bytes.len()));
        String::from_utf8_lossy(&bytes[from.min(to)..to]).into_owned()
    };
    if stored.len().max(fresh.len()) <= 2 * AROUND {
        return format!("the row has {stored}, a fresh fold {fresh}");
    }
    format!(
        "the row has ...{}..., a fresh fold ...{}...",
        part(stored),
        part(fresh)
    )
}

/// Names the rows of the read model that no slice explained.
async fn name_strangers(
    model: &mut Subject,
    table: Table,
    explained: &Explained,
    findings: &mut Findings,
) -> Result<(), Error> {
    let Some(explained) = explained.get(&table).filter(|rows| rows.contains(&false)) else {
        return Ok(());
    };
    let mut after: Option<String> = None;
    let mut rows = explained.iter();
    loop {
        let page = model.snapshot.page(table, after.as_deref(), ROWS).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.key.clone());
        for (stored, explained) in page.iter().zip(&mut rows) {
            if !explained && model.is_sure(table, stored) {
                findings.add(
                    Check::ReadModel,
                    key(table, &stored.key),
                    "no event accounts for the row",
                );
            }
        }
    }
}
