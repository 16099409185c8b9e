//! Rebuild: rows made anew from the log, beside the live ones, and then in their stead.
//!
//! ```text
//!  live version n    ──────●────────●──────●─────▶          its workers go on all the while
//!                          S1       S2     S3               where it stands, partition by partition
//!  version n + 1     ──────┴── log ─┴─ log ┴─ compare ─ swap ──▶ live; n is kept to go back to
//! ```
//!
//! An event is folded if it is at or before the place where the live version stood in the event's partition. So the new version always
//! comes to stand exactly where the live one stood, which makes their rows comparable, and the workers can go on from there. Its own
//! checkpoints say how far it is: a rebuild that was interrupted goes on, and of two that run at once one is refused.

mod compare;
mod pace;
mod replay;
mod scratch;
mod selection;

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use event_store::{Clock, EventLog, bus::Bus};
use read_model::{Checkpoint, ProjectionId, ReadModel, Version, VersionState, Versions};

use self::{
    compare::{Comparison, Side},
    replay::Replay,
};
pub use self::{
    compare::{Difference, MAX_DIFFERENCES},
    pace::Pace,
    scratch::{DryRun, Look, dry_run, rows_as_of},
    selection::{Filter, MAX_KEYS},
};
use crate::Error;

/// How far behind the live version the new one may be for the rows to be compared: what a snapshot has to stay open for.
const NEAR: u64 = 5_000;
/// Rounds in which the new version comes closer to the live one before it is swapped; in each the distance shrinks by what the log
/// grows more slowly than it is replayed.
const ROUNDS: usize = 8;

/// What a rebuild works with.
#[derive(Debug, Clone)]
pub struct Deps {
    /// What is replayed.
    pub log: Arc<dyn EventLog>,
    /// Where rows go.
    pub read_model: Arc<dyn ReadModel>,
    /// Says which partition an event is in; not followed.
    pub bus: Arc<dyn Bus>,
    /// Dates what is parked.
    pub clock: Arc<dyn Clock>,
}

/// How to rebuild.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Throws a version away that an earlier rebuild has begun.
    pub anew: bool,
    /// Swaps although rows differ that the same fold made.
    pub accept: bool,
    /// Events replayed a second, at most.
    pub throttle: Option<NonZeroU32>,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Events of the log are folded.
    Replay,
    /// Rows are compared.
    Compare,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// In what.
    pub phase: Phase,
    /// Positions of the log, or rows, done.
    pub done: u64,
    /// Positions to do; as many rows as done.
    pub total: u64,
}

/// What came of a rebuild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The projection.
    pub projection: ProjectionId,
    /// The version that was live.
    pub instead_of: u32,
    /// Number of its fold.
    pub old_fold: u32,
    /// The version that was built.
    pub version: u32,
    /// Number of its fold.
    pub fold: u32,
    /// Behind which position events were read: the version had those before from an interrupted rebuild.
    pub resumed_from: u64,
    /// Events that were read.
    pub events: u64,
    /// The position at which the rows were compared: the least of all partitions.
    pub position: u64,
    /// Rows compared.
    pub compared: u64,
    /// Rows that differ, or that only one version has; those of parked keys left out.
    pub differing: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// Keys that are parked in either version: their rows were not compared.
    pub parked: Vec<String>,
    /// Whether the new version is live. It is not where the same fold made other rows and nobody accepted that.
    pub swapped: bool,
    /// How long it took.
    pub took: Duration,
}

/// The projections whose live rows an older fold made.
///
/// # Errors
/// The read model's.
pub async fn outdated(model: &dyn ReadModel) -> Result<Vec<ProjectionId>, Error> {
    let versions = model.versions().await?;
    let live = versions.iter().filter(|v| v.state == VersionState::Live);
    let old = live.filter(|v| v.fold < v.projection.fold());
    Ok(old.map(|v| v.projection).collect())
}

/// Makes the rows of a projection anew, compares them with the live ones, and makes them live. The projection's workers may go on
/// meanwhile.
///
/// # Errors
/// The log's and the read model's; [`Error::Undecodable`] where the log has events of a newer release. Nothing is lost: the next rebuild
/// goes on from there.
pub async fn rebuild(
    deps: &Deps,
    projection: ProjectionId,
    options: &Options,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Report, Error> {
    let began = Instant::now();
    let model = deps.read_model.as_ref();
    let versions = model.versions().await?;
    let old = live_version(&versions, projection)?;
    let version = begin(model, &versions, projection, options).await?;
    let live = Versions::live(&versions);
    let built = live.with(projection, version);
    let mut replay = Replay::resume(deps, projection, built, options.throttle).await?;
    let resumed_from = replay.least();
    let compared = catch_up_and_compare(model, projection, &live, &mut replay, &progress).await?;
    let accepted = compared.differing == 0 || old.fold < projection.fold() || options.accept;
    if accepted {
        for _ in 0..ROUNDS {
            let target = stands(model, projection, &live).await?;
            if replay.stands_at(&target) {
                break;
            }
            replay.to(&target, &progress).await?;
        }
        model.swap(projection, version, old.version).await?;
        drop_older(model, &versions, projection).await?;
    }
    Ok(Report {
        projection,
        instead_of: old.version,
        old_fold: old.fold,
        version,
        fold: projection.fold(),
        resumed_from,
        events: replay.events(),
        position: compared.position,
        compared: compared.rows,
        differing: compared.differing,
        differences: compared.differences,
        parked: compared.parked.into_iter().collect(),
        swapped: accepted,
        took: began.elapsed(),
    })
}

/// Goes back to the version that was live before, and answers with its number. Its workers catch up from where it was left.
///
/// # Errors
/// [`Error::NoRetired`]; the read model's.
pub async fn roll_back(model: &dyn ReadModel, projection: ProjectionId) -> Result<u32, Error> {
    let versions = model.versions().await?;
    let live = live_version(&versions, projection)?;
    let retired = versions
        .iter()
        .filter(|v| v.projection == projection && v.state == VersionState::Retired);
    let last = retired.map(|v| v.version).max().ok_or(Error::NoRetired {
        projection: projection.name(),
    })?;
    model.swap(projection, last, live.version).await?;
    Ok(last)
}

fn live_version(versions: &[Version], projection: ProjectionId) -> Result<Version, Error> {
    let mut live = versions
        .iter()
        .filter(|v| v.projection == projection && v.state == VersionState::Live);
    live.next().copied().ok_or_else(|| {
        let text = format!("no version of {} is live", projection.name());
        read_model::Error::Corrupt(text).into()
    })
}

/// The version to build: one that was begun by the same fold, or a new one.
async fn begin(
    model: &dyn ReadModel,
    versions: &[Version],
    projection: ProjectionId,
    options: &Options,
) -> Result<u32, Error> {
    let begun = versions
        .iter()
        .filter(|v| v.projection == projection && v.state == VersionState::Building);
    let mut resumed = None;
    for version in begun {
        if version.fold == projection.fold() && !options.anew {
            resumed = Some(version.version);
        } else if version.fold <= projection.fold() {
            model.drop_version(projection, version.version).await?;
        }
    }
    match resumed {
        Some(version) => Ok(version),
        None => Ok(model.begin_version(projection).await?),
    }
}

/// Where the live version stands, as its writers see it.
async fn stands(
    model: &dyn ReadModel,
    projection: ProjectionId,
    live: &Versions,
) -> Result<Vec<Checkpoint>, Error> {
    let mut stands = model.checkpoints(Some(live)).await?;
    stands.retain(|stand| stand.projection == projection.name());
    Ok(stands)
}

/// Comes near the live version, then to where it stands at an instant, and compares the rows there.
async fn catch_up_and_compare(
    model: &dyn ReadModel,
    projection: ProjectionId,
    live: &Versions,
    replay: &mut Replay,
    progress: &(impl Fn(Progress) + Send + Sync),
) -> Result<Comparison, Error> {
    loop {
        let target = stands(model, projection, live).await?;
        let near = replay.distance(&target) <= NEAR;
        replay.to(&target, progress).await?;
        if near {
            break;
        }
    }
    loop {
        let mut snapshot = model.snapshot(Some(live)).await?;
        let mut target = snapshot.checkpoints().to_vec();
        target.retain(|stand| stand.projection == projection.name());
        replay.to(&target, progress).await?;
        // A snapshot of a store that is behind shows less than what has been replayed already.
        if replay.stands_at(&target) {
            let mut built = replay.model().snapshot(Some(&replay.versions())).await?;
            let new = Side {
                model: replay.model(),
                rows: &mut *built,
            };
            let live = Side {
                model,
                rows: &mut *snapshot,
            };
            return compare::compare(projection, replay.selection(), live, new, progress).await;
        }
        drop(snapshot);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One version is kept to go back to: the one that was live until now.
async fn drop_older(
    model: &dyn ReadModel,
    versions: &[Version],
    projection: ProjectionId,
) -> Result<(), Error> {
    let retired = versions
        .iter()
        .filter(|v| v.projection == projection && v.state == VersionState::Retired);
    for version in retired {
        model.drop_version(projection, version.version).await?;
    }
    Ok(())
}
