//! How the projections stand, for those who operate them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use event_store::{Clock, EventLog, bus::Bus};
use read_model::{Checkpoint, ParkedKey, ReadModel, Version};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::Error,
    lag::{self, Lag},
};

/// How the projections stand.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectionsView {
    /// Position of the log's last event.
    pub head: u64,
    /// By projection and number.
    pub items: Vec<ProjectionView>,
}

/// One version of a projection.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectionView {
    /// Its projection.
    pub name: &'static str,
    /// Its number.
    pub version: u32,
    /// Number of the fold that makes its rows.
    pub fold: u32,
    /// What it is there for.
    #[schema(value_type = ProjectionState)]
    pub state: &'static str,
    /// The least of its partitions: everything up to here is in its rows.
    pub position: u64,
    /// Positions of the log behind that.
    pub lag_positions: u64,
    /// Age of the oldest event that is not in its rows, in milliseconds; 0 where there is none.
    pub lag_ms: u64,
    /// By number.
    pub partitions: Vec<PartitionView>,
    /// By key.
    pub parked_keys: Vec<ParkedKeyView>,
}

/// What a version is there for.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the read model's type")]
pub(crate) enum ProjectionState {
    Building,
    Live,
    Retired,
}

/// How far a version is in one partition of the bus.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartitionView {
    /// The partition, from 0.
    pub partition: u32,
    /// Epoch of the last event seen.
    pub epoch: u64,
    /// Everything up to here is in the rows.
    pub position: u64,
    /// The bus's own place; 0 where it has none.
    pub offset: i64,
    /// Positions of the log behind that, of whatever partition.
    pub lag_positions: u64,
    /// Age of the partition's oldest event that is not in the rows, in milliseconds; 0 where there is none.
    pub lag_ms: u64,
}

/// A routing key whose events wait for an operator.
#[derive(Debug, Serialize, ToSchema)]
pub struct ParkedKeyView {
    /// The routing key.
    pub key: String,
    /// Position of the event that could not be projected.
    pub position: u64,
    /// Why not.
    pub reason: String,
    /// When it was parked.
    pub parked_at: DateTime<Utc>,
    /// How many events wait, that one included.
    pub events: u64,
}

/// Tells how far each version of each projection is, and what it has parked.
///
/// # Errors
/// The log's and the read model's.
pub async fn projections(
    log: &dyn EventLog,
    read_model: &dyn ReadModel,
    bus: &dyn Bus,
    clock: &Arc<dyn Clock>,
) -> Result<ProjectionsView, Error> {
    let versions = read_model.versions().await?;
    let parked = read_model.parked_keys().await?;
    let mut checkpoints = Vec::new();
    for version in &versions {
        let one = lag::only(version);
        let mut own = read_model.checkpoints(Some(&one)).await?;
        own.retain(|stand| stand.projection == version.projection.name());
        checkpoints.append(&mut own);
    }
    // After the checkpoints: none of them then is beyond the head.
    let lag = Lag::measure(log, bus, clock.now(), &checkpoints).await?;
    let items = versions
        .iter()
        .map(|version| view(version, &checkpoints, &lag, &parked))
        .collect();
    Ok(ProjectionsView {
        head: lag.head(),
        items,
    })
}

fn view(
    version: &Version,
    checkpoints: &[Checkpoint],
    lag: &Lag,
    parked: &[ParkedKey],
) -> ProjectionView {
    let name = version.projection.name();
    let own = checkpoints
        .iter()
        .filter(|stand| stand.projection == name && stand.version == version.version);
    let partitions: Vec<_> = own
        .map(|stand| PartitionView {
            partition: stand.partition,
            epoch: stand.epoch,
            position: stand.position,
            offset: stand.offset,
            lag_positions: lag.head().saturating_sub(stand.position),
            lag_ms: lag.ms(stand),
        })
        .collect();
    let position = partitions.iter().map(|part| part.position).min();
    let position = position.unwrap_or_default();
    ProjectionView {
        name,
        version: version.version,
        fold: version.fold,
        state: version.state.as_str(),
        position,
        lag_positions: lag.head().saturating_sub(position),
        lag_ms: partitions
            .iter()
            .map(|part| part.lag_ms)
            .max()
            .unwrap_or_default(),
        partitions,
        parked_keys: keys(version, parked),
    }
}

fn keys(version: &Version, parked: &[ParkedKey]) -> Vec<ParkedKeyView> {
    let own = parked.iter().filter(|parked| {
        parked.projection == version.projection && parked.version == version.version
    });
    own.map(|parked| ParkedKeyView {
        key: parked.key.clone(),
        position: parked.position,
        reason: parked.reason.clone(),
        parked_at: parked.parked_at,
        events: parked.events,
    })
    .collect()
}
