//! One batch: keys, rows, fold, write.

use std::{collections::BTreeSet, sync::Arc};

use event_store::{
    Clock, RecordedEvent,
    bus::{Cursor, Delivery},
};
use read_model::{Keys, Parked, ProjectionId, ReadModel, Rows, Versions, Write};

use crate::{
    Error, Needs, Projection,
    batch::{Arrived, Batch, Part},
    cache::{RowCache, merge},
    chain, metrics,
    parked::{self, BEHIND, ParkedKeys, Standing},
    stands::Stands,
};

/// Folds deliveries into the read model, and remembers where that has come to.
#[derive(Debug)]
pub(crate) struct Folder {
    projections: [Box<dyn Projection>; 6],
    stands: Stands,
    cache: RowCache,
    parked: ParkedKeys,
    clock: Arc<dyn Clock>,
}

/// An event that was parked, for the dead letters.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(crate) projection: ProjectionId,
    pub(crate) event: RecordedEvent,
    pub(crate) reason: String,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// How many events the batch had.
    pub(crate) events: usize,
    /// Events that could not be folded.
    pub(crate) dead: Vec<DeadLetter>,
    /// Why the batch was not folded to its end.
    pub(crate) cut: Option<Error>,
}

/// What to do about an event that contradicts the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Poison {
    /// Give up: the rows may be to blame.
    Refuse,
    /// Park its key: the rows are fresh.
    Park,
}

/// A batch, folded.
#[derive(Debug, Default)]
struct Folded {
    write: Write,
    parked: ParkedKeys,
    dead: Vec<DeadLetter>,
}

impl Folder {
    /// Takes up where the live versions stand, to write some partitions of all.
    pub(crate) async fn live(
        model: &dyn ReadModel,
        clock: Arc<dyn Clock>,
        partitions: u32,
        own: &[u32],
    ) -> Result<Self, Error> {
        let stands = Stands::live(model, partitions, own).await?;
        Self::at(model, clock, stands).await
    }

    /// Takes up where one version of one projection stands, to write all of it.
    pub(crate) async fn of(
        model: &dyn ReadModel,
        clock: Arc<dyn Clock>,
        partitions: u32,
        projection: ProjectionId,
        versions: Versions,
    ) -> Result<Self, Error> {
        let stands = Stands::of(model, projection, versions, partitions).await?;
        Self::at(model, clock, stands).await
    }

    async fn at(
        model: &dyn ReadModel,
        clock: Arc<dyn Clock>,
        stands: Stands,
    ) -> Result<Self, Error> {
        let parked = Standing::read(model, &stands.versions()).await?.keys;
        Ok(Self {
            projections: crate::all(),
            stands,
            cache: RowCache::default(),
            parked,
            clock,
        })
    }

    /// Where the projections stand.
    pub(crate) fn stands(&self) -> &Stands {
        &self.stands
    }

    /// Where the bus is to begin.
    pub(crate) fn cursors(&self) -> Vec<Cursor> {
        self.stands.cursors()
    }

    /// The position of a projection.
    pub(crate) fn position(&self, id: ProjectionId) -> u64 {
        self.stands.position(id)
    }

    /// Looks at what others may have changed. `false`: another version is live by now, begin anew.
    pub(crate) async fn refresh(&mut self, model: &dyn ReadModel) -> Result<bool, Error> {
        self.look_at_parked(model).await?;
        self.stands.refresh(model).await
    }

    /// Folds deliveries into the read model: rows and checkpoints in one transaction. After an error, resume anew.
    pub(crate) async fn step(
        &mut self,
        model: &dyn ReadModel,
        deliveries: Vec<Delivery>,
    ) -> Result<Step, Error> {
        let mut batch = Batch::of(deliveries, &self.cursors());
        let cut = batch.cut.take();
        let cursors = batch.parts.values().map(|part| &part.cursor);
        let advance = self.stands.advance(cursors);
        if advance.is_empty() {
            return Ok(Step {
                cut,
                ..Step::default()
            });
        }
        let folded = self.fold_patiently(model, &batch).await?;
        let Folded {
            mut write,
            parked,
            dead,
        } = folded;
        write.versions = self.stands.versions();
        write.advance = advance;
        model.write(&write).await?;
        self.stands.moved(write.advance);
        self.cache.put(write.rows);
        self.parked = parked;
        Ok(Step {
            events: batch.events(),
            dead,
            cut,
        })
    }

    /// What was parked may be so no more: an operator has seen to it. Asked only where something is.
    async fn look_at_parked(&mut self, model: &dyn ReadModel) -> Result<(), Error> {
        if self.parked.values().all(BTreeSet::is_empty) {
            return Ok(());
        }
        let versions = self.stands.versions();
        let mut present = Standing::read(model, &versions).await?;
        let left = std::mem::take(&mut present.left_behind);
        let own = left
            .iter()
            .filter(|(_, partition, _)| self.stands.owns(*partition));
        for (id, _, key) in own {
            // Parked for a cause that was removed just before: it goes on by itself.
            parked::retry(model, *id, key).await?;
            present = Standing::read(model, &versions).await?;
        }
        if present.keys != self.parked {
            // Rows of what was parked have changed without a checkpoint.
            self.cache = RowCache::default();
            self.parked = present.keys;
        }
        Ok(())
    }

    /// Where the batch contradicts the rows, it is folded once more onto rows read afresh; what contradicts those, too, is parked.
    async fn fold_patiently(
        &mut self,
        model: &dyn ReadModel,
        batch: &Batch,
    ) -> Result<Folded, Error> {
        match self.fold(model, batch, Poison::Refuse).await {
            Err(error) if error.is_of_one_key() => {
                metrics::retry();
                self.cache = RowCache::default();
                self.fold(model, batch, Poison::Park).await
            }
            folded => folded,
        }
    }

    async fn fold(
        &mut self,
        model: &dyn ReadModel,
        batch: &Batch,
        poison: Poison,
    ) -> Result<Folded, Error> {
        let mut keys = self.needs(batch).into_keys();
        let mut rows = self.cache.take(&mut keys);
        if keys != Keys::default() {
            let stored = model.load(&self.stands.versions(), &keys).await?;
            merge(&mut rows, stored);
        }
        let mut folded = Folded {
            parked: self.parked.clone(),
            ..Folded::default()
        };
        for (partition, part) in &batch.parts {
            for projection in &self.projections {
                for arrived in self.lacking(projection.id(), *partition, part) {
                    let parked = folded.parked.get(&projection.id());
                    let reason =
                        if parked.is_some_and(|keys| keys.contains(&arrived.stored.routing_key)) {
                            BEHIND.to_owned()
                        } else {
                            match apply(projection.as_ref(), arrived, &mut rows) {
                                Ok(()) => continue,
                                Err(error) if poison == Poison::Refuse => return Err(error),
                                Err(error) => chain(&error),
                            }
                        };
                    self.park(
                        (projection.id(), *partition),
                        &arrived.stored,
                        reason,
                        &mut folded,
                    )?;
                }
            }
        }
        folded.write.rows = rows;
        Ok(folded)
    }

    /// The events of a partition that a projection has not seen.
    fn lacking<'a>(
        &self,
        id: ProjectionId,
        partition: u32,
        part: &'a Part,
    ) -> impl Iterator<Item = &'a Arrived> + use<'a> {
        // A projection that is not written lacks nothing.
        let seen = self.stands.seen(id, partition).unwrap_or(u64::MAX);
        let lacks = move |arrived: &&Arrived| arrived.stored.position.0 > seen;
        part.events.iter().filter(lacks)
    }

    fn park(
        &self,
        (projection, partition): (ProjectionId, u32),
        stored: &RecordedEvent,
        reason: String,
        folded: &mut Folded,
    ) -> Result<(), Error> {
        let key = stored.routing_key.clone();
        folded
            .parked
            .entry(projection)
            .or_default()
            .insert(key.clone());
        folded.write.park.push(Parked {
            projection,
            version: self.stands.versions().get(projection),
            key,
            partition,
            position: stored.position.0,
            event: parked::encode(stored)?,
            reason: reason.clone(),
            parked_at: self.clock.now(),
        });
        folded.dead.push(DeadLetter {
            projection,
            event: stored.clone(),
            reason,
        });
        Ok(())
    }

    /// The rows that the batch goes on from. Rows of a parked key are the operator's to change: they are neither read nor written.
    fn needs(&self, batch: &Batch) -> Needs {
        let mut needs = Needs::default();
        for (partition, part) in &batch.parts {
            for projection in &self.projections {
                let parked = self.parked.get(&projection.id());
                for arrived in self.lacking(projection.id(), *partition, part) {
                    let key = &arrived.stored.routing_key;
                    if let Ok(event) = &arrived.event
                        && !parked.is_some_and(|keys| keys.contains(key))
                    {
                        projection.needs(event, &mut needs);
                    }
                }
            }
        }
        needs
    }
}

fn apply(projection: &dyn Projection, arrived: &Arrived, rows: &mut Rows) -> Result<(), Error> {
    match &arrived.event {
        Ok(event) => projection.apply(event, rows),
        Err(reason) => Err(Error::Damaged {
            position: arrived.stored.position.0,
            reason: reason.clone(),
        }),
    }
}
