//! Events that could not be projected, and those of the same routing key behind them.

use domain::time::Timestamp;

use crate::ProjectionId;

/// An event that waits for an operator. All later events of its routing key wait behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Which projection could not apply it.
    pub projection: ProjectionId,
    /// Of which version.
    pub version: u32,
    /// The routing key.
    pub key: String,
    /// Partition of the bus that it came from.
    pub partition: u32,
    /// Its place in the log.
    pub position: u64,
    /// The recorded event, as JSON.
    pub event: String,
    /// Why it is parked, for people.
    pub reason: String,
    /// When it was, in microseconds at best.
    pub parked_at: Timestamp,
}

/// A routing key of which events are parked: the first of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedKey {
    /// Which projection could not apply it.
    pub projection: ProjectionId,
    /// Of which version.
    pub version: u32,
    /// The routing key.
    pub key: String,
    /// Partition of the bus that it came from.
    pub partition: u32,
    /// Its place in the log.
    pub position: u64,
    /// Why it is parked, for people.
    pub reason: String,
    /// When it was, in microseconds at best.
    pub parked_at: Timestamp,
    /// How many events of the key are parked.
    pub events: u64,
}
