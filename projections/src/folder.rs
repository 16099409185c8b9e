//! One batch: keys, rows, fold, write.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use event_store::{
    Clock, RecordedEvent,
    bus::{Cursor, Delivery},
};
use read_model::{Keys, Parked, ProjectionId, ReadModel, Rows, Versions, Write};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::{
    Error, Needs, Projection,
    batch::{Arrived, Batch, Part},
    cache::{self, RowCache, merge},
    chain, metrics,
    parked::{self, BEHIND, ParkedKeys, Standing},
    stands::Stands,
};

/// Folds deliveries into the read model, and remembers where that has come to.
///
/// One batch may be on its way to the store while the next one is folded, onto the rows of the first. Should the first be refused, both are
/// void: then, as after every error, a new folder begins from what is stored.
#[derive(Debug)]
pub(crate) struct Folder {
    model: Arc<dyn ReadModel>,
    projections: [Box<dyn Projection>; 7],
    /// With the batch that is being written.
    stands: Stands,
    /// Without it.
    positions: BTreeMap<ProjectionId, u64>,
    cache: RowCache,
    /// With the batch that is being written.
    parked: ParkedKeys,
    clock: Arc<dyn Clock>,
    writing: Option<Writing>,
    landed: Vec<Landed>,
}

/// A batch on its way to the store.
#[derive(Debug)]
struct Writing {
    write: Arc<Write>,
    done: JoinHandle<Result<(), read_model::Error>>,
    positions: BTreeMap<ProjectionId, u64>,
    landed: Landed,
}

/// An event that was parked, for the dead letters.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(crate) projection: ProjectionId,
    pub(crate) event: RecordedEvent,
    pub(crate) reason: String,
}

/// A batch that is stored.
#[derive(Debug)]
pub(crate) struct Landed {
    /// How many events it had.
    pub(crate) events: usize,
    /// When it was taken up.
    pub(crate) began: Instant,
    /// Events that could not be folded.
    pub(crate) dead: Vec<DeadLetter>,
    /// Why the deliveries were not folded to their end.
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
        model: &Arc<dyn ReadModel>,
        clock: Arc<dyn Clock>,
        partitions: u32,
        own: &[u32],
    ) -> Result<Self, Error> {
        let stands = Stands::live(model.as_ref(), partitions, own).await?;
        Self::at(model, clock, stands).await
    }

    /// Takes up where one version of one projection stands, to write all of it.
    pub(crate) async fn of(
        model: &Arc<dyn ReadModel>,
        clock: Arc<dyn Clock>,
        partitions: u32,
        projection: ProjectionId,
        versions: Versions,
    ) -> Result<Self, Error> {
        let stands = Stands::of(model.as_ref(), projection, versions, partitions).await?;
        Self::at(model, clock, stands).await
    }

    async fn at(
        model: &Arc<dyn ReadModel>,
        clock: Arc<dyn Clock>,
        stands: Stands,
    ) -> Result<Self, Error> {
        let parked = Standing::read(model.as_ref(), &stands.versions()).await?;
        Ok(Self {
            model: model.clone(),
            projections: crate::all(),
            positions: stands.positions(),
            stands,
            cache: RowCache::default(),
            parked: parked.keys,
            clock,
            writing: None,
            landed: Vec::new(),
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

    /// The position of a projection, as it is stored.
    pub(crate) fn position(&self, id: ProjectionId) -> u64 {
        self.positions.get(&id).copied().unwrap_or_default()
    }

    /// Whether a batch is on its way to the store.
    pub(crate) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// The batches that were stored since the last call.
    pub(crate) fn take_landed(&mut self) -> Vec<Landed> {
        std::mem::take(&mut self.landed)
    }

    /// Looks at what others may have changed. `false`: another version is live by now, begin anew.
    pub(crate) async fn refresh(&mut self) -> Result<bool, Error> {
        self.land().await?;
        self.look_at_parked().await?;
        let goes_on = self.stands.refresh(self.model.as_ref()).await?;
        self.positions = self.stands.positions();
        Ok(goes_on)
    }

    /// Folds deliveries into the read model: rows and checkpoints in one transaction. After an error, resume anew.
    pub(crate) async fn step(&mut self, deliveries: Vec<Delivery>) -> Result<Option<Error>, Error> {
        self.begin(deliveries).await?;
        self.land().await?;
        Ok(self.take_landed().into_iter().find_map(|landed| landed.cut))
    }

    /// Folds deliveries, waits for the batch before them to be stored, and sends this one on its way.
    pub(crate) async fn begin(&mut self, deliveries: Vec<Delivery>) -> Result<(), Error> {
        let began = Instant::now();
        let mut batch = Batch::of(deliveries, &self.cursors());
        let cut = batch.cut.take();
        let cursors = batch.parts.values().map(|part| &part.cursor);
        let advance = self.stands.advance(cursors);
        let mut landed = Landed {
            events: batch.events(),
            began,
            dead: Vec::new(),
            cut,
        };
        if advance.is_empty() {
            self.land().await?;
            self.landed.push(landed);
            return Ok(());
        }
        let mut folded = self.fold_patiently(&batch).await?;
        self.land().await?;
        folded.write.versions = self.stands.versions();
        folded.write.advance = advance;
        landed.dead = folded.dead;
        self.parked = folded.parked;
        self.stands.moved(&folded.write.advance);
        let (model, write) = (self.model.clone(), Arc::new(folded.write));
        let sent = write.clone();
        // On a thread of its own: the next batch is folded meanwhile.
        let done = TaskTracker::new().spawn(async move { model.write(&sent).await });
        self.writing = Some(Writing {
            write,
            done,
            positions: self.stands.positions(),
            landed,
        });
        Ok(())
    }

    /// Waits until the batch on its way is stored. Cancel-safe.
    pub(crate) async fn land(&mut self) -> Result<(), Error> {
        let Some(writing) = &mut self.writing else {
            return Ok(());
        };
        let done = (&mut writing.done).await;
        let Some(writing) = self.writing.take() else {
            return Ok(());
        };
        done.map_err(|lost| read_model::Error::Unavailable(lost.to_string()))??;
        self.cache.put(Arc::unwrap_or_clone(writing.write).rows);
        self.positions = writing.positions;
        self.landed.push(writing.landed);
        Ok(())
    }

    /// What was parked may be so no more: an operator has seen to it. Asked only where something is.
    async fn look_at_parked(&mut self) -> Result<(), Error> {
        if self.parked.values().all(BTreeSet::is_empty) {
            return Ok(());
        }
        let model = self.model.as_ref();
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
    async fn fold_patiently(&mut self, batch: &Batch) -> Result<Folded, Error> {
        match self.fold(batch, Poison::Refuse).await {
            Err(error) if error.is_of_one_key() => {
                metrics::retry();
                // What is read afresh must not lack the batch before.
                self.land().await?;
                self.cache = RowCache::default();
                self.fold(batch, Poison::Park).await
            }
            folded => folded,
        }
    }

    async fn fold(&mut self, batch: &Batch, poison: Poison) -> Result<Folded, Error> {
        let mut keys = self.needs(batch).into_keys();
        let mut rows = match &self.writing {
            Some(writing) => cache::copy(&mut keys, &writing.write.rows),
            None => Rows::default(),
        };
        merge(&mut rows, self.cache.take(&mut keys));
        if keys != Keys::default() {
            let stored = self.model.load(&self.stands.versions(), &keys).await?;
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
