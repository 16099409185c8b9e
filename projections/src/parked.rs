//! Parked keys: events that could not be projected, and all later ones of their routing key, wait in order for an operator.

mod form;

use std::collections::{BTreeMap, BTreeSet};

use read_model::{Parked, ProjectionId, ReadModel, Rows, Versions, Write};

pub(crate) use self::form::encode;
use crate::{Error, Event, Needs, chain};

/// Why an event is parked that has nothing wrong with it.
pub(crate) const BEHIND: &str = "waits behind an earlier event of its key";

/// The parked keys of each projection.
pub(crate) type ParkedKeys = BTreeMap<ProjectionId, BTreeSet<String>>;

/// What is parked in `versions`.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) keys: ParkedKeys,
    /// Keys of which nothing is parked but what came behind: whoever resolved the cause did not see that any more.
    pub(crate) left_behind: Vec<(ProjectionId, u32, String)>,
}

impl Standing {
    pub(crate) async fn read(model: &dyn ReadModel, versions: &Versions) -> Result<Self, Error> {
        let mut standing = Self::default();
        for parked in model.parked_keys().await? {
            if parked.version != versions.get(parked.projection) {
                continue;
            }
            let keys = standing.keys.entry(parked.projection).or_default();
            keys.insert(parked.key.clone());
            if parked.reason == BEHIND {
                let key = (parked.projection, parked.partition, parked.key);
                standing.left_behind.push(key);
            }
        }
        Ok(standing)
    }
}

/// What came of dealing with a parked key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Positions of the events that are in the rows now.
    pub applied: Vec<u64>,
    /// Position of the event that was dropped.
    pub skipped: Option<u64>,
    /// The event at which it got stuck again, and why; `None`: nothing of the key is parked any more.
    pub stuck: Option<(u64, String)>,
}

/// The events that are parked in the live versions, in order; of one projection or of all.
///
/// # Errors
/// The read model's.
pub async fn list(
    model: &dyn ReadModel,
    projection: Option<ProjectionId>,
) -> Result<Vec<Parked>, Error> {
    let live = Versions::live(&model.versions().await?);
    let mut parked = model.parked(projection).await?;
    parked.retain(|event| event.version == live.get(event.projection));
    Ok(parked)
}

/// Projects the parked events of a key, in order, as far as they go: in one transaction.
///
/// # Errors
/// [`Error::NothingParked`]; the read model's, where nothing was changed.
pub async fn retry(
    model: &dyn ReadModel,
    projection: ProjectionId,
    key: &str,
) -> Result<Outcome, Error> {
    resolve(model, projection, key, 0).await
}

/// Drops the first parked event of a key, and projects those behind it as far as they go: in one transaction. The rows then lack what
/// that event says, until the projection is rebuilt.
///
/// # Errors
/// As [`retry`].
pub async fn skip(
    model: &dyn ReadModel,
    projection: ProjectionId,
    key: &str,
) -> Result<Outcome, Error> {
    resolve(model, projection, key, 1).await
}

/// Drops the first `skipped` parked events of a key and projects the others.
async fn resolve(
    model: &dyn ReadModel,
    projection: ProjectionId,
    key: &str,
    skipped: usize,
) -> Result<Outcome, Error> {
    let versions = Versions::live(&model.versions().await?);
    let mut parked = model.parked(Some(projection)).await?;
    parked.retain(|event| event.version == versions.get(projection) && event.key == key);
    if parked.is_empty() {
        let key = key.to_owned();
        return Err(Error::NothingParked { projection, key });
    }
    let (dropped, rest) = parked.split_at(skipped);
    let (mut write, applied) = fold(model, versions, projection, rest).await?;
    let applied = &rest[..applied];
    write.unpark = dropped
        .iter()
        .chain(applied)
        .map(|event| (projection, event.key.clone(), event.position))
        .collect();
    if write.unpark.is_empty() {
        // Only the reason is news.
        write.rows = Rows::default();
    }
    model.write(&write).await?;
    let stuck = write.park.into_iter().next();
    Ok(Outcome {
        applied: applied.iter().map(|event| event.position).collect(),
        skipped: dropped.first().map(|event| event.position),
        stuck: stuck.map(|event| (event.position, event.reason)),
    })
}

/// Folds parked events onto the rows of their key. Answers with what is to be written, the first event that does not go among it, and how
/// many went.
async fn fold(
    model: &dyn ReadModel,
    versions: Versions,
    projection: ProjectionId,
    parked: &[Parked],
) -> Result<(Write, usize), Error> {
    let fold = crate::all()
        .into_iter()
        .find(|fold| fold.id() == projection);
    let fold = fold.expect("every projection has a fold");
    let events: Vec<Result<Event, Error>> = parked
        .iter()
        .map(|parked| Event::decode(&form::decode(&parked.event)?))
        .collect();
    let mut needs = Needs::default();
    for event in events.iter().flatten() {
        fold.needs(event, &mut needs);
    }
    let mut rows = model.load(&versions, &needs.into_keys()).await?;
    let mut park = Vec::new();
    let mut applied = 0;
    for (event, parked) in events.iter().zip(parked) {
        let outcome = match event {
            Ok(event) => fold.apply(event, &mut rows).map_err(|error| chain(&error)),
            Err(error) => Err(chain(error)),
        };
        if let Err(reason) = outcome {
            park.push(Parked {
                reason,
                ..parked.clone()
            });
            break;
        }
        applied += 1;
    }
    let write = Write {
        versions,
        rows,
        park,
        ..Write::default()
    };
    Ok((write, applied))
}
