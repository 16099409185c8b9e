//! One batch: keys, rows, fold, write.

use std::collections::BTreeMap;

use event_store::{
    RecordedEvent,
    bus::{Cursor, Delivery},
};
use read_model::{Checkpoint, Keys, ProjectionId, ReadModel, Versions, Write};

use crate::{Error, Event, Projection, cache::SeatMapCache};

/// Where each projection stands in each partition, and how it gets further.
#[derive(Debug)]
pub(crate) struct Folder {
    projections: [Box<dyn Projection>; 6],
    versions: Versions,
    stands: BTreeMap<(ProjectionId, u32), Checkpoint>,
    cache: SeatMapCache,
}

impl Folder {
    /// Takes up where the read model stands. Partitions that a projection has never seen get a checkpoint at once, so
    /// that the least of them is its position from the start.
    pub(crate) async fn resume(model: &dyn ReadModel, partitions: u32) -> Result<Self, Error> {
        let versions = Versions::live(&model.versions().await?);
        let stored = model.checkpoints(Some(&versions)).await?;
        let mut stands = BTreeMap::new();
        let mut advance = Vec::new();
        for id in ProjectionId::ALL {
            for partition in 0..partitions {
                let start = Checkpoint::start(id, versions.get(id), partition);
                let same = |c: &&Checkpoint| {
                    (&c.projection, c.version, c.partition)
                        == (&start.projection, start.version, partition)
                };
                let stand = stored.iter().find(same).cloned().unwrap_or_else(|| {
                    advance.push((start.clone(), start.clone()));
                    start.clone()
                });
                stands.insert((id, partition), stand);
            }
        }
        if !advance.is_empty() {
            let write = Write {
                versions,
                advance,
                ..Write::default()
            };
            model.write(&write).await?;
        }
        Ok(Self {
            projections: crate::all(),
            versions,
            stands,
            cache: SeatMapCache::default(),
        })
    }

    /// Where the bus is to begin: in each partition where the hindmost projection stands.
    pub(crate) fn cursors(&self) -> Vec<Cursor> {
        let mut least: BTreeMap<u32, &Checkpoint> = BTreeMap::new();
        for ((_, partition), stand) in &self.stands {
            let known = least.entry(*partition).or_insert(stand);
            if (stand.epoch, stand.position) < (known.epoch, known.position) {
                *known = stand;
            }
        }
        least
            .into_iter()
            .map(|(partition, stand)| Cursor {
                partition,
                epoch: stand.epoch,
                position: event_store::Position(stand.position),
                offset: stand.offset,
            })
            .collect()
    }

    /// The position of a projection: the least of its partitions.
    pub(crate) fn position(&self, id: ProjectionId) -> u64 {
        let own = self.stands.iter().filter(|((owner, _), _)| *owner == id);
        own.map(|(_, stand)| stand.position)
            .min()
            .unwrap_or_default()
    }

    /// The part of a delivery that comes before `position`. The transport's own place does not move within a delivery.
    pub(crate) fn before(&self, delivery: &Delivery, position: u64) -> Delivery {
        let before = |event: &&RecordedEvent| event.position.0 < position;
        let events: Vec<_> = delivery.events.iter().filter(before).cloned().collect();
        let partition = delivery.cursor.partition;
        let mut cursor = self
            .cursors()
            .into_iter()
            .find(|c| c.partition == partition);
        if let (Some(cursor), Some(last)) = (&mut cursor, events.last()) {
            cursor.position = last.position;
            cursor.epoch = last.epoch;
        }
        Delivery {
            events,
            cursor: cursor.unwrap_or_default(),
        }
    }

    /// Folds a delivery into the read model: rows and checkpoints in one transaction. After an error, resume anew.
    pub(crate) async fn step(
        &mut self,
        model: &dyn ReadModel,
        delivery: &Delivery,
    ) -> Result<(), Error> {
        let cursor = &delivery.cursor;
        let advance = self.advance(cursor);
        if advance.is_empty() {
            return Ok(());
        }
        let events = delivery
            .events
            .iter()
            .map(Event::decode)
            .collect::<Result<Vec<_>, _>>()?;
        let write = self.fold(model, &events, cursor.partition, advance).await?;
        model.write(&write).await?;
        let Write {
            mut rows, advance, ..
        } = write;
        self.cache.put(&mut rows);
        for (id, partition) in self.stands.keys().copied().collect::<Vec<_>>() {
            let moved = advance
                .iter()
                .find(|(_, new)| new.projection == id.name() && new.partition == partition);
            if let Some((_, new)) = moved {
                self.stands.insert((id, partition), new.clone());
            }
        }
        Ok(())
    }

    /// The checkpoints that a delivery moves: of those projections that had not come so far before.
    fn advance(&self, cursor: &Cursor) -> Vec<(Checkpoint, Checkpoint)> {
        let here = |((_, partition), _): &(&(ProjectionId, u32), &Checkpoint)| {
            *partition == cursor.partition
        };
        let reached = |stand: &Checkpoint| Checkpoint {
            epoch: cursor.epoch,
            position: cursor.position.0,
            offset: cursor.offset,
            ..stand.clone()
        };
        self.stands
            .iter()
            .filter(here)
            .filter(|(_, stand)| stand.position < cursor.position.0)
            .map(|(_, stand)| (stand.clone(), reached(stand)))
            .collect()
    }

    async fn fold(
        &mut self,
        model: &dyn ReadModel,
        events: &[Event],
        partition: u32,
        advance: Vec<(Checkpoint, Checkpoint)>,
    ) -> Result<Write, Error> {
        let mut keys = Keys::default();
        self.each(events, partition, |projection, event| {
            projection.keys(event, &mut keys);
            Ok(())
        })?;
        // A transaction is an event of its own: there is never an earlier row to load.
        keys.transactions.clear();
        let mut cached = read_model::Rows::default();
        self.cache.take(&mut keys, &mut cached);
        let mut rows = model.load(&self.versions, &keys).await?;
        rows.seat_maps.append(&mut cached.seat_maps);
        self.each(events, partition, |projection, event| {
            projection.apply(event, &mut rows)
        })?;
        Ok(Write {
            versions: self.versions,
            rows,
            advance,
            ..Write::default()
        })
    }

    /// Hands each projection the events that it has not seen, in order.
    fn each(
        &self,
        events: &[Event],
        partition: u32,
        mut with: impl FnMut(&dyn Projection, &Event) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for projection in &self.projections {
            let stand = self.stands.get(&(projection.id(), partition));
            let seen = stand.map(|stand| stand.position).unwrap_or_default();
            for event in events.iter().filter(|event| event.position > seen) {
                with(projection.as_ref(), event)?;
            }
        }
        Ok(())
    }
}
