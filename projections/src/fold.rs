//! A fresh fold: all rows from events alone, without a store. What the read model must be equal to.

use std::{collections::BTreeMap, fmt, sync::Arc};

use event_store::RecordedEvent;
use read_model::{Checkpoint, ParkedKey, ProjectionId, Rows};

use crate::{Error, Event, Projection, Slice};

/// Says which partition of the bus the events of a routing key are in.
pub type PartitionOf = Arc<dyn Fn(&str) -> u32 + Send + Sync>;

/// Where each projection stops.
struct Until {
    partition_of: PartitionOf,
    /// By partition.
    stands: BTreeMap<(ProjectionId, u32), u64>,
    /// By routing key: right before its first parked event.
    parked: BTreeMap<ProjectionId, BTreeMap<String, u64>>,
}

impl fmt::Debug for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Until")
            .field("stands", &self.stands)
            .field("parked", &self.parked)
            .finish_non_exhaustive()
    }
}

impl Until {
    fn position(&self, id: ProjectionId, partition: u32, key: &str) -> u64 {
        let stand = self.stands.get(&(id, partition)).copied();
        let parked = self.parked.get(&id).and_then(|keys| keys.get(key)).copied();
        stand.unwrap_or_default().min(parked.unwrap_or(u64::MAX))
    }
}

/// Rows folded from the log's beginning, event by event.
#[derive(Debug)]
pub struct Fold {
    projections: [Box<dyn Projection>; 7],
    until: Option<Until>,
    slice: Slice,
    only: Option<ProjectionId>,
    rows: Rows,
}

impl Default for Fold {
    fn default() -> Self {
        Self {
            projections: crate::all(),
            until: None,
            slice: Slice::WHOLE,
            only: None,
            rows: Rows::default(),
        }
    }
}

impl Fold {
    /// A fold in which each projection stops where it stands: in each partition at its checkpoint, for each parked key right before its
    /// first parked event. Events beyond change nothing in its rows; a partition without a checkpoint is not folded. `checkpoints` and
    /// `parked` are of one version of each projection.
    pub fn until(
        checkpoints: &[Checkpoint],
        parked: &[ParkedKey],
        partition_of: PartitionOf,
    ) -> Self {
        let mut until = Until {
            partition_of,
            stands: BTreeMap::new(),
            parked: BTreeMap::new(),
        };
        for stand in checkpoints {
            if let Some(id) = ProjectionId::from_name(&stand.projection) {
                until.stands.insert((id, stand.partition), stand.position);
            }
        }
        for parked in parked {
            let keys = until.parked.entry(parked.projection).or_default();
            keys.insert(parked.key.clone(), parked.position.saturating_sub(1));
        }
        Self {
            until: Some(until),
            ..Self::default()
        }
    }

    /// The same fold of one part of the log alone: events of other parts are passed over.
    #[must_use]
    pub fn of(self, slice: Slice) -> Self {
        Self { slice, ..self }
    }

    /// The same fold of one projection alone: the events of other projections' rows need not be there.
    #[must_use]
    pub fn only(self, id: ProjectionId) -> Self {
        Self {
            only: Some(id),
            ..self
        }
    }

    /// Applies the next event of the log.
    ///
    /// # Errors
    /// [`Error::Undecodable`], [`Error::NotAnId`], [`Error::MissingRow`].
    pub fn apply(&mut self, stored: &RecordedEvent) -> Result<(), Error> {
        let key = &stored.routing_key;
        if !self.slice.holds(key) {
            return Ok(());
        }
        let position = stored.position.0;
        let until = self.until.as_ref();
        let partition = until.map_or(0, |until| (until.partition_of)(key));
        let only = self.only;
        let lacks = |id| {
            only.is_none_or(|only| only == id)
                && until.is_none_or(|until| position <= until.position(id, partition, key))
        };
        if !ProjectionId::ALL.into_iter().any(lacks) {
            return Ok(());
        }
        let event = Event::decode(stored)?;
        for projection in &self.projections {
            if lacks(projection.id()) {
                projection.apply(&event, &mut self.rows)?;
            }
        }
        Ok(())
    }

    /// The rows so far.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The rows.
    pub fn into_rows(self) -> Rows {
        self.rows
    }
}

/// The rows that `events`, a log from its beginning, amount to.
///
/// # Errors
/// As [`Fold::apply`].
pub fn fold_all<'a>(events: impl IntoIterator<Item = &'a RecordedEvent>) -> Result<Rows, Error> {
    let mut fold = Fold::default();
    for event in events {
        fold.apply(event)?;
    }
    Ok(fold.into_rows())
}
