//! The log, folded into a version that is being built.

use std::{collections::BTreeMap, num::NonZeroU32};

use event_store::{
    Position, RecordedEvent,
    bus::{Cursor, Delivery},
};
use read_model::{Checkpoint, ProjectionId, ReadModel, Versions};

use super::{Deps, Phase, Progress, pace::Pace, selection::Selection};
use crate::{Error, folder::Folder};

/// Events read at a time.
const PAGE: usize = 5_000;
/// Times that another's write is put up with: a second rebuild beside this one would go on writing.
const MAX_RESUMED: u32 = 3;

/// A version that is being built, and how far it is.
#[derive(Debug)]
pub(super) struct Replay {
    deps: Deps,
    projection: ProjectionId,
    versions: Versions,
    folder: Folder,
    pace: Pace,
    selection: Selection,
    events: u64,
    resumed: u32,
}

impl Replay {
    /// Takes up where the version stands; reads at most `throttle` events a second.
    pub(super) async fn resume(
        deps: &Deps,
        projection: ProjectionId,
        versions: Versions,
        throttle: Option<NonZeroU32>,
    ) -> Result<Self, Error> {
        Ok(Self {
            deps: deps.clone(),
            projection,
            versions,
            folder: folder(deps, projection, versions).await?,
            pace: Pace::new(throttle),
            selection: Selection::default(),
            events: 0,
            resumed: 0,
        })
    }

    /// The same of some routing keys alone.
    pub(super) fn of(self, selection: Selection) -> Self {
        Self { selection, ..self }
    }

    /// Where the rows are written.
    pub(super) fn model(&self) -> &dyn ReadModel {
        self.deps.read_model.as_ref()
    }

    /// Whether the rows of a routing key are among those that are made.
    pub(super) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Up to where the version has everything.
    pub(super) fn least(&self) -> u64 {
        let stands = self.folder.stands().of_projection(self.projection);
        stands.map(|stand| stand.position).min().unwrap_or_default()
    }

    /// All versions, with the one that is being built.
    pub(super) fn versions(&self) -> Versions {
        self.versions
    }

    /// Events read so far.
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    fn stand(&self, partition: u32) -> Option<&Checkpoint> {
        let mut stands = self.folder.stands().of_projection(self.projection);
        stands.find(|stand| stand.partition == partition)
    }

    fn position(&self, partition: u32) -> u64 {
        self.stand(partition).map_or(0, |stand| stand.position)
    }

    /// Whether the version stands exactly where another does.
    pub(super) fn stands_at(&self, target: &[Checkpoint]) -> bool {
        let mut target = target.iter();
        target.all(|there| self.position(there.partition) == there.position)
    }

    /// Positions of the log between where the version stands and where another does.
    pub(super) fn distance(&self, target: &[Checkpoint]) -> u64 {
        let from = self.from(target);
        let to = target.iter().map(|there| there.position).max();
        to.unwrap_or_default().saturating_sub(from)
    }

    /// The position behind which there is something to replay.
    fn from(&self, target: &[Checkpoint]) -> u64 {
        let behind = target
            .iter()
            .filter(|there| self.position(there.partition) < there.position);
        let from = behind.map(|there| self.position(there.partition)).min();
        from.unwrap_or(u64::MAX)
    }

    /// Folds the log until the version stands where another does; where it is further already, it stays.
    pub(super) async fn to(
        &mut self,
        target: &[Checkpoint],
        progress: &(impl Fn(Progress) + Send + Sync),
    ) -> Result<(), Error> {
        loop {
            match self.try_to(target, progress).await {
                // The last write of a rebuild that was interrupted may be stored only after this one has begun.
                Err(Error::ReadModel(read_model::Error::CheckpointMoved { .. }))
                    if self.resumed < MAX_RESUMED =>
                {
                    self.resumed += 1;
                    self.folder = folder(&self.deps, self.projection, self.versions).await?;
                }
                done => return done,
            }
        }
    }

    async fn try_to(
        &mut self,
        target: &[Checkpoint],
        progress: &(impl Fn(Progress) + Send + Sync),
    ) -> Result<(), Error> {
        let log = self.deps.log.clone();
        let end = target
            .iter()
            .map(|there| there.position)
            .max()
            .unwrap_or_default();
        let mut after = self.from(target);
        let mut page = Vec::new();
        let limit = self.pace.page(PAGE);
        if after < end {
            page = log.read_all(Position(after), limit).await?;
        }
        while let Some(last) = page.last().map(|event| event.position.0) {
            let length = page.len();
            self.events += length as u64;
            let deliveries = self.deliveries(page, last, target);
            let step = self.folder.step(deliveries);
            // The next page is read while this one is folded.
            let next = async {
                if last < end {
                    log.read_all(Position(last), limit).await
                } else {
                    Ok(Vec::new())
                }
            };
            let (following, step) = tokio::join!(next, step);
            if let Some(cut) = step? {
                return Err(cut);
            }
            progress(Progress {
                phase: Phase::Replay,
                done: last.min(end),
                total: end,
            });
            after = last;
            page = following?;
            self.pace.after(length).await;
        }
        if after < end && after != u64::MAX {
            let text = format!("the log ends at {after}, the live rows are at {end}");
            return Err(event_store::log::Error::Corrupt(text).into());
        }
        Ok(())
    }

    /// A page of the log as the bus would deliver it: what each partition has of it, up to where it is to stand.
    fn deliveries(
        &self,
        page: Vec<RecordedEvent>,
        last: u64,
        target: &[Checkpoint],
    ) -> Vec<Delivery> {
        let epoch = page.last().map_or(0, |event| event.epoch);
        let mut deliveries: BTreeMap<u32, Delivery> = BTreeMap::new();
        for there in target {
            let reached = last >= there.position;
            // The transport's place is known only for where the live version stood.
            let offset = self.stand(there.partition).map_or(0, |stand| stand.offset);
            let cursor = Cursor {
                partition: there.partition,
                epoch: if reached { there.epoch } else { epoch },
                position: Position(last.min(there.position)),
                offset: if reached { there.offset } else { offset },
            };
            let events = Vec::new();
            deliveries.insert(there.partition, Delivery { events, cursor });
        }
        for event in page {
            let partition = self.deps.bus.partition_of(&event.routing_key);
            if let Some(delivery) = deliveries.get_mut(&partition)
                && event.position <= delivery.cursor.position
                && self.selection.holds(&event.routing_key)
            {
                delivery.events.push(event);
            }
        }
        deliveries.into_values().collect()
    }
}

/// What folds into a version, from where it stands.
async fn folder(
    deps: &Deps,
    projection: ProjectionId,
    versions: Versions,
) -> Result<Folder, Error> {
    let (model, clock) = (&deps.read_model, deps.clock.clone());
    let partitions = deps.bus.partitions();
    Folder::of(model, clock, partitions, projection, versions).await
}
