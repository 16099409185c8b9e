//! Where the projections stand: which version of each is written, and how far it has come in each partition.

use std::collections::{BTreeMap, BTreeSet};

use event_store::{Position, bus::Cursor};
use read_model::{Checkpoint, ProjectionId, ReadModel, Version, VersionState, Versions, Write};

use crate::Error;

/// What a worker believes about the checkpoints. Only those of its own partitions are its to move.
#[derive(Debug)]
pub(crate) struct Stands {
    versions: Versions,
    /// Projections whose live version this release's code makes.
    followed: BTreeSet<ProjectionId>,
    own: BTreeSet<u32>,
    checkpoints: BTreeMap<(ProjectionId, u32), Checkpoint>,
}

impl Stands {
    /// Takes those of the live versions from the read model, to write some partitions of all.
    ///
    /// # Errors
    /// [`Error::Outdated`] where a newer release's version is live.
    pub(crate) async fn live(
        model: &dyn ReadModel,
        partitions: u32,
        own: &[u32],
    ) -> Result<Self, Error> {
        let versions = model.versions().await?;
        let followed = followed(&versions)?;
        Self::resume(model, Versions::live(&versions), followed, partitions, own).await
    }

    /// Takes those of one version of one projection, to write all of it.
    pub(crate) async fn of(
        model: &dyn ReadModel,
        projection: ProjectionId,
        versions: Versions,
        partitions: u32,
    ) -> Result<Self, Error> {
        let own: Vec<u32> = (0..partitions).collect();
        let followed = BTreeSet::from([projection]);
        Self::resume(model, versions, followed, partitions, &own).await
    }

    /// Partitions that a projection has never seen get a checkpoint at once, so that the least of them is its position from the start.
    async fn resume(
        model: &dyn ReadModel,
        versions: Versions,
        followed: BTreeSet<ProjectionId>,
        partitions: u32,
        own: &[u32],
    ) -> Result<Self, Error> {
        let stored = model.checkpoints(Some(&versions)).await?;
        let mut stands = Self {
            versions,
            followed,
            own: own.iter().copied().collect(),
            checkpoints: BTreeMap::new(),
        };
        let mut advance = Vec::new();
        for id in ProjectionId::ALL {
            for partition in 0..partitions {
                let start = Checkpoint::start(id, versions.get(id), partition);
                let same = |c: &&Checkpoint| {
                    (&c.projection, c.version, c.partition)
                        == (&start.projection, start.version, partition)
                };
                let stand = stored.iter().find(same).cloned().unwrap_or_else(|| {
                    if stands.followed.contains(&id) {
                        advance.push((start.clone(), start.clone()));
                    }
                    start.clone()
                });
                stands.checkpoints.insert((id, partition), stand);
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
        Ok(stands)
    }

    /// Looks at what others may have moved. `false`: another version is live by now, begin anew.
    pub(crate) async fn refresh(&mut self, model: &dyn ReadModel) -> Result<bool, Error> {
        let versions = model.versions().await?;
        if Versions::live(&versions) != self.versions || followed(&versions)? != self.followed {
            return Ok(false);
        }
        for stored in model.checkpoints(Some(&self.versions)).await? {
            let of = |stand: &&mut Checkpoint| {
                (&stand.projection, stand.version, stand.partition)
                    == (&stored.projection, stored.version, stored.partition)
            };
            if !self.own.contains(&stored.partition)
                && let Some(stand) = self.checkpoints.values_mut().find(of)
            {
                *stand = stored;
            }
        }
        Ok(true)
    }

    /// The versions that are written.
    pub(crate) fn versions(&self) -> Versions {
        self.versions
    }

    /// The projections that are written.
    pub(crate) fn followed(&self) -> impl Iterator<Item = ProjectionId> + '_ {
        self.followed.iter().copied()
    }

    /// Up to where a projection has seen a partition; `None` where it is not written.
    pub(crate) fn seen(&self, id: ProjectionId, partition: u32) -> Option<u64> {
        let stand = self.checkpoints.get(&(id, partition));
        stand
            .filter(|_| self.followed.contains(&id))
            .map(|stand| stand.position)
    }

    /// Whether a partition is this worker's.
    pub(crate) fn owns(&self, partition: u32) -> bool {
        self.own.contains(&partition)
    }

    /// The checkpoints of one projection.
    pub(crate) fn of_projection(&self, id: ProjectionId) -> impl Iterator<Item = &Checkpoint> {
        let own = self
            .checkpoints
            .iter()
            .filter(move |((owner, _), _)| *owner == id);
        own.map(|(_, stand)| stand)
    }

    /// Where the bus is to begin: in each own partition where the hindmost projection stands.
    pub(crate) fn cursors(&self) -> Vec<Cursor> {
        let mut least: BTreeMap<u32, &Checkpoint> = BTreeMap::new();
        for ((id, partition), stand) in &self.checkpoints {
            if !self.own.contains(partition) || !self.followed.contains(id) {
                continue;
            }
            let known = least.entry(*partition).or_insert(stand);
            if (stand.epoch, stand.position) < (known.epoch, known.position) {
                *known = stand;
            }
        }
        least.into_values().map(cursor).collect()
    }

    /// The position of each projection: the least of all partitions, whosever they are.
    pub(crate) fn positions(&self) -> BTreeMap<ProjectionId, u64> {
        let mut positions = BTreeMap::new();
        for ((id, _), stand) in &self.checkpoints {
            let least = positions.entry(*id).or_insert(stand.position);
            *least = stand.position.min(*least);
        }
        positions
    }

    /// The checkpoints that come to stand at these cursors: of those projections that had not come so far before.
    pub(crate) fn advance<'a>(
        &self,
        cursors: impl Iterator<Item = &'a Cursor>,
    ) -> Vec<(Checkpoint, Checkpoint)> {
        let mut advance = Vec::new();
        for cursor in cursors {
            for id in self.followed() {
                let stand = self.checkpoints.get(&(id, cursor.partition));
                let Some(stand) = stand.filter(|stand| stand.position < cursor.position.0) else {
                    continue;
                };
                let reached = Checkpoint {
                    epoch: cursor.epoch,
                    position: cursor.position.0,
                    offset: cursor.offset,
                    ..stand.clone()
                };
                advance.push((stand.clone(), reached));
            }
        }
        advance
    }

    /// Takes note of what is written.
    pub(crate) fn moved(&mut self, advance: &[(Checkpoint, Checkpoint)]) {
        for (_, new) in advance {
            let Some(id) = ProjectionId::from_name(&new.projection) else {
                continue;
            };
            self.checkpoints.insert((id, new.partition), new.clone());
        }
    }
}

/// The projections whose live version is of this release's fold. One of an older fold is left alone, for those who know it, until it is
/// rebuilt.
fn followed(versions: &[Version]) -> Result<BTreeSet<ProjectionId>, Error> {
    let mut followed = BTreeSet::new();
    for live in versions.iter().filter(|v| v.state == VersionState::Live) {
        let known = live.projection.fold();
        if live.fold > known {
            return Err(Error::Outdated {
                projection: live.projection.name(),
                fold: live.fold,
                known,
            });
        }
        if live.fold == known {
            followed.insert(live.projection);
        }
    }
    Ok(followed)
}

fn cursor(stand: &Checkpoint) -> Cursor {
    Cursor {
        partition: stand.partition,
        epoch: stand.epoch,
        position: Position(stand.position),
        offset: stand.offset,
    }
}
