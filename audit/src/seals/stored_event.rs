//! An event as proofs and exports write it: every column that is stored, so that its leaf can be made of it again.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use event_store::{Position, RecordedEvent, StreamId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// An event, column by column, in the order in which a leaf of the tree has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StoredEvent {
    /// Place in the log, from 1.
    pub position: u64,
    /// Number of the log's shard.
    pub shard: u16,
    /// Raised whenever the log's history may have been cut.
    pub epoch: u64,
    /// Kind of aggregate.
    pub aggregate_type: String,
    /// Which one.
    pub aggregate_id: String,
    /// Place in the stream, from 1.
    pub sequence: u64,
    /// Unique in the log.
    pub event_id: Uuid,
    /// The command that brought it about.
    pub command_id: Uuid,
    /// The key by which the bus keeps order.
    pub routing_key: String,
    /// Name of the event.
    pub event_type: String,
    /// Version of its form.
    pub event_version: String,
    /// JSON, byte for byte.
    pub payload: String,
    /// JSON, byte for byte.
    pub metadata: String,
    /// When it was recorded: UTC, with six digits.
    pub recorded_at: String,
}

impl From<&RecordedEvent> for StoredEvent {
    fn from(event: &RecordedEvent) -> Self {
        Self {
            position: event.position.0,
            shard: event.shard,
            epoch: event.epoch,
            aggregate_type: event.stream.aggregate_type.to_string(),
            aggregate_id: event.stream.aggregate_id.to_string(),
            sequence: event.sequence,
            event_id: event.event_id,
            command_id: event.command_id,
            routing_key: event.routing_key.clone(),
            event_type: event.event_type.clone(),
            event_version: event.event_version.clone(),
            payload: event.payload.clone(),
            metadata: event.metadata.clone(),
            recorded_at: event
                .recorded_at
                .to_rfc3339_opts(SecondsFormat::Micros, true),
        }
    }
}

impl TryFrom<StoredEvent> for RecordedEvent {
    type Error = String;

    fn try_from(event: StoredEvent) -> Result<Self, String> {
        let time = DateTime::parse_from_rfc3339(&event.recorded_at);
        let recorded_at: DateTime<Utc> = time
            .map_err(|_| format!("recorded_at {:?} is no time", event.recorded_at))?
            .to_utc();
        Ok(Self {
            position: Position(event.position),
            shard: event.shard,
            epoch: event.epoch,
            stream: StreamId {
                aggregate_type: Arc::from(event.aggregate_type),
                aggregate_id: Arc::from(event.aggregate_id),
            },
            sequence: event.sequence,
            event_id: event.event_id,
            command_id: event.command_id,
            routing_key: event.routing_key,
            event_type: event.event_type,
            event_version: event.event_version,
            payload: event.payload,
            metadata: event.metadata,
            recorded_at,
        })
    }
}
