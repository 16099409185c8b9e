//! Rows made of the log in a read model of their own, which nobody else sees: to be compared with the live ones, or to be shown as they
//! were.
//!
//! ```text
//!  log ── fold of this release ──▶ scratch ── compared at equal checkpoints ── live read model     dry run
//!                                     └────── rows, in key order ──▶ whoever asked                 as of a position
//! ```

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use event_store::{Clock, EventLog, Position, bus::LogTailBus};
use read_model::{Checkpoint, ParkedKey, ProjectionId, ReadModel, Versions};

use super::{
    Deps, Difference, Progress, catch_up_and_compare, live_version,
    replay::Replay,
    selection::{Filter, Selection},
};
use crate::Error;

/// How to look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// What is looked at.
    pub filter: Filter,
    /// Events replayed a second, at most.
    pub throttle: Option<NonZeroU32>,
}

/// What a dry run found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryRun {
    /// The projection.
    pub projection: ProjectionId,
    /// The version that is live.
    pub live: u32,
    /// Number of its fold.
    pub live_fold: u32,
    /// Number of this release's fold.
    pub fold: u32,
    /// Routing keys looked at; `None`: all.
    pub keys: Option<u64>,
    /// Behind which position events were read: the scratch had those before from an interrupted run.
    pub resumed_from: u64,
    /// Events that were read.
    pub events: u64,
    /// The position at which the rows were compared: the least of all partitions.
    pub position: u64,
    /// Rows compared.
    pub compared: u64,
    /// Rows that would differ, or that only one side has; those of keys that are parked live left out.
    pub differing: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// Keys that are parked in the live version: their rows were not compared.
    pub parked: Vec<String>,
    /// Keys that this release can't project, though the live version has: at which event, and why.
    pub would_park: Vec<ParkedKey>,
    /// How long it took.
    pub took: Duration,
}

impl DryRun {
    /// Whether this release would make the rows that are live.
    pub fn is_same(&self) -> bool {
        self.differing == 0 && self.would_park.is_empty()
    }
}

/// Replays history through this release's fold of `projection` into `scratch`, and compares with the live rows, which stay as they are.
/// What `scratch` has already is gone on from: it must be of the same log and the same question.
///
/// # Errors
/// As [`super::rebuild`]; [`Error::TooManyKeys`]; [`Error::Outdated`] where `scratch` was made by another release.
pub async fn dry_run(
    deps: &Deps,
    scratch: &Arc<dyn ReadModel>,
    projection: ProjectionId,
    look: &Look,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<DryRun, Error> {
    let began = Instant::now();
    let model = deps.read_model.as_ref();
    let versions = model.versions().await?;
    let old = live_version(&versions, projection)?;
    let selection = Selection::of(deps.log.as_ref(), &look.filter).await?;
    let made = live_version(&scratch.versions().await?, projection)?;
    if made.fold != projection.fold() {
        return Err(Error::Outdated {
            projection: projection.name(),
            fold: made.fold,
            known: projection.fold(),
        });
    }
    let into = Deps {
        read_model: scratch.clone(),
        ..deps.clone()
    };
    let keys = selection.len();
    let fresh = Versions::default().with(projection, made.version);
    let replay = Replay::resume(&into, projection, fresh, look.throttle).await?;
    let mut replay = replay.of(selection);
    let resumed_from = replay.least();
    let live = Versions::live(&versions);
    let compared = catch_up_and_compare(model, projection, &live, &mut replay, &progress).await?;
    let mut would_park = scratch.parked_keys().await?;
    would_park
        .retain(|key| key.projection == projection && !compared.parked_live.contains(&key.key));
    Ok(DryRun {
        projection,
        live: old.version,
        live_fold: old.fold,
        fold: projection.fold(),
        keys,
        resumed_from,
        events: replay.events(),
        position: compared.position,
        compared: compared.rows,
        differing: compared.differing,
        differences: compared.differences,
        parked: compared.parked_live.into_iter().collect(),
        would_park,
        took: began.elapsed(),
    })
}

/// Makes the rows of `projection` as they were right behind the event at `position`, in `scratch`, which must be empty or come from an
/// interrupted run of the same. Answers the keys that can't be projected: their rows stand still at an earlier event.
///
/// # Errors
/// As [`super::rebuild`]; the log is shorter than `position`.
pub async fn rows_as_of(
    log: &Arc<dyn EventLog>,
    scratch: &Arc<dyn ReadModel>,
    projection: ProjectionId,
    position: u64,
    clock: &Arc<dyn Clock>,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Vec<ParkedKey>, Error> {
    let deps = Deps {
        log: log.clone(),
        read_model: scratch.clone(),
        bus: Arc::new(LogTailBus::new(log.clone())),
        clock: clock.clone(),
    };
    let last = log
        .read_all(Position(position.saturating_sub(1)), 1)
        .await?;
    let epoch = last.first().map_or(0, |event| event.epoch);
    let target = Checkpoint {
        epoch,
        position,
        ..Checkpoint::start(projection, Versions::default().get(projection), 0)
    };
    let mut replay = Replay::resume(&deps, projection, Versions::default(), None).await?;
    replay.to(&[target], &progress).await?;
    let mut parked = scratch.parked_keys().await?;
    parked.retain(|key| key.projection == projection);
    Ok(parked)
}
