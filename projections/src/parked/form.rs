//! A recorded event as JSON: how it waits in the read model.

use chrono::{DateTime, Utc};
use event_store::{Position, RecordedEvent, StreamId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Error;

/// The columns of the log, by their names.
#[derive(Serialize, Deserialize)]
struct Form {
    position: u64,
    shard: u16,
    epoch: u64,
    aggregate_type: String,
    aggregate_id: String,
    sequence: u64,
    event_id: Uuid,
    command_id: Uuid,
    routing_key: String,
    event_type: String,
    event_version: String,
    payload: String,
    metadata: String,
    recorded_at: DateTime<Utc>,
}

/// An event as JSON.
pub(crate) fn encode(event: &RecordedEvent) -> Result<String, Error> {
    let form = Form {
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
        recorded_at: event.recorded_at,
    };
    serde_json::to_string(&form).map_err(|error| corrupt(&error))
}

/// The event that JSON describes.
pub(super) fn decode(json: &str) -> Result<RecordedEvent, Error> {
    let form: Form = serde_json::from_str(json).map_err(|error| corrupt(&error))?;
    Ok(RecordedEvent {
        position: Position(form.position),
        shard: form.shard,
        epoch: form.epoch,
        stream: StreamId::new(form.aggregate_type, form.aggregate_id),
        sequence: form.sequence,
        event_id: form.event_id,
        command_id: form.command_id,
        routing_key: form.routing_key,
        event_type: form.event_type,
        event_version: form.event_version,
        payload: form.payload,
        metadata: form.metadata,
        recorded_at: form.recorded_at,
    })
}

fn corrupt(error: &serde_json::Error) -> Error {
    read_model::Error::Corrupt(format!("a parked event: {error}")).into()
}
