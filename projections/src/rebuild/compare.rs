//! Two versions of a projection's rows, side by side.

use std::collections::BTreeSet;

use read_model::{Checkpoint, Document, ProjectionId, ReadModel, Snapshot, Table};
use serde_json::{Map, Value};

use super::{Phase, Progress, selection::Selection};
use crate::{Error, slice};

/// Most differences that are described; the others are counted.
pub const MAX_DIFFERENCES: usize = 100;
/// Rows read at a time.
const ROWS: u32 = 1_000;

/// A row that is not the same in both versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Name of the table.
    pub table: &'static str,
    /// The row's key.
    pub key: String,
    /// The columns that differ; none where only one version has the row.
    pub columns: Vec<String>,
    /// Whether the live version has the row.
    pub live: bool,
    /// Whether the new version has the row.
    pub new: bool,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) position: u64,
    pub(super) rows: u64,
    pub(super) differing: u64,
    pub(super) differences: Vec<Difference>,
    /// Keys that are parked in either version: their rows were not compared.
    pub(super) parked: BTreeSet<String>,
    /// Those that are parked in the live one.
    pub(super) parked_live: BTreeSet<String>,
}

/// A version of a projection's rows, in the read model that has it.
pub(super) struct Side<'a> {
    pub(super) model: &'a dyn ReadModel,
    pub(super) rows: &'a mut dyn Snapshot,
}

/// The keys that are parked in a version.
async fn parked(
    model: &dyn ReadModel,
    projection: ProjectionId,
    version: u32,
) -> Result<BTreeSet<String>, Error> {
    let parked = model.parked_keys().await?.into_iter();
    let parked = parked.filter(|key| key.projection == projection && key.version == version);
    Ok(parked.map(|parked| parked.key).collect())
}

/// Compares all rows of a projection, of the keys that are selected.
pub(super) async fn compare(
    projection: ProjectionId,
    selection: &Selection,
    live: Side<'_>,
    new: Side<'_>,
    progress: &(impl Fn(Progress) + Send + Sync),
) -> Result<Comparison, Error> {
    let version = live.rows.versions().get(projection);
    let parked_live = parked(live.model, projection, version).await?;
    let version = new.rows.versions().get(projection);
    let parked_new = parked(new.model, projection, version).await?;
    let (live, new) = (live.rows, new.rows);
    let mut comparison = Comparison {
        position: Checkpoint::position_of(projection, live.checkpoints()),
        parked: parked_live.union(&parked_new).cloned().collect(),
        parked_live,
        ..Comparison::default()
    };
    for table in Table::ALL {
        if table.projection() != projection {
            continue;
        }
        let (mut old, mut fresh) = (Rows::new(live, table), Rows::new(new, table));
        loop {
            let (one, other) = match (old.peek().await?, fresh.peek().await?) {
                (None, None) => break,
                (Some(one), Some(other)) if one.key == other.key => (old.next(), fresh.next()),
                (Some(one), other) if other.is_none_or(|other| one.key < other.key) => {
                    (old.next(), None)
                }
                _ => (None, fresh.next()),
            };
            comparison.note(table, selection, one.as_ref(), other.as_ref())?;
        }
        progress(Progress {
            phase: Phase::Compare,
            done: comparison.rows,
            total: comparison.rows,
        });
    }
    Ok(comparison)
}

/// The rows of a table, one after another.
struct Rows<'a> {
    snapshot: &'a mut dyn Snapshot,
    table: Table,
    after: Option<String>,
    page: std::vec::IntoIter<Document>,
    ended: bool,
}

impl<'a> Rows<'a> {
    fn new(snapshot: &'a mut dyn Snapshot, table: Table) -> Self {
        Self {
            snapshot,
            table,
            after: None,
            page: Vec::new().into_iter(),
            ended: false,
        }
    }

    async fn peek(&mut self) -> Result<Option<&Document>, Error> {
        if self.page.as_slice().is_empty() && !self.ended {
            let after = self.after.as_deref();
            let page = self.snapshot.page(self.table, after, ROWS).await?;
            self.ended = page.is_empty();
            self.after = page.last().map(|row| row.key.clone());
            self.page = page.into_iter();
        }
        Ok(self.page.as_slice().first())
    }

    fn next(&mut self) -> Option<Document> {
        self.page.next()
    }
}

impl Comparison {
    fn note(
        &mut self,
        table: Table,
        selection: &Selection,
        live: Option<&Document>,
        new: Option<&Document>,
    ) -> Result<(), Error> {
        let Some(row) = live.or(new) else {
            return Ok(());
        };
        if !self.parked.is_empty() || !selection.is_whole() {
            let key = slice::routing_key(table, row)?;
            if self.parked.contains(&key) || !selection.holds(&key) {
                return Ok(());
            }
        }
        self.rows += 1;
        if live == new {
            return Ok(());
        }
        self.differing += 1;
        if self.differences.len() < MAX_DIFFERENCES {
            let columns = match (live, new) {
                (Some(live), Some(new)) => columns(&live.json, &new.json),
                _ => Vec::new(),
            };
            self.differences.push(Difference {
                table: table.name(),
                key: row.key.clone(),
                columns,
                live: live.is_some(),
                new: new.is_some(),
            });
        }
        Ok(())
    }
}

/// The members in which two documents differ.
fn columns(one: &str, other: &str) -> Vec<String> {
    let members = |json| serde_json::from_str::<Map<String, Value>>(json).unwrap_or_default();
    let (one, other) = (members(one), members(other));
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names
        .into_iter()
        .filter(|name| one.get(*name) != other.get(*name))
        .cloned()
        .collect()
}
