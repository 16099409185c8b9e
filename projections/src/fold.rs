//! A fresh fold: all rows from events alone, without a store. What the read model must be equal to.

use std::collections::BTreeMap;

use event_store::RecordedEvent;
use read_model::{Checkpoint, ProjectionId, Rows};

use crate::{Error, Event, Projection, Slice};

/// Rows folded from the log's beginning, event by event.
#[derive(Debug)]
pub struct Fold {
    projections: [Box<dyn Projection>; 6],
    until: BTreeMap<ProjectionId, u64>,
    slice: Slice,
    rows: Rows,
}

impl Default for Fold {
    fn default() -> Self {
        Self {
            projections: crate::all(),
            until: BTreeMap::new(),
            slice: Slice::WHOLE,
            rows: Rows::default(),
        }
    }
}

impl Fold {
    /// A fold in which each projection stops where it stands in `checkpoints`: events beyond change nothing in its rows.
    /// A projection without a checkpoint folds nothing.
    pub fn until(checkpoints: &[Checkpoint]) -> Self {
        let position = |id| (id, Checkpoint::position_of(id, checkpoints));
        Self {
            until: ProjectionId::ALL.into_iter().map(position).collect(),
            ..Self::default()
        }
    }

    /// The same fold of one part of the log alone: events of other parts are passed over.
    #[must_use]
    pub fn of(self, slice: Slice) -> Self {
        Self { slice, ..self }
    }

    /// Applies the next event of the log.
    ///
    /// # Errors
    /// [`Error::Undecodable`], [`Error::NotAnId`], [`Error::MissingRow`].
    pub fn apply(&mut self, stored: &RecordedEvent) -> Result<(), Error> {
        if !self.slice.holds(&stored.routing_key) {
            return Ok(());
        }
        let event = Event::decode(stored)?;
        for projection in &self.projections {
            let until = self.until.get(&projection.id());
            if until.is_none_or(|until| event.position <= *until) {
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
