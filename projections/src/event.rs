//! An event as projections see it.

use domain::{stored::DomainEvent, time::Timestamp};
use event_store::RecordedEvent;
use uuid::Uuid;

use crate::Error;

/// An event, decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Place in the log.
    pub position: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Id of its aggregate.
    pub id: Uuid,
    /// What happened.
    pub event: DomainEvent,
}

impl Event {
    /// Reads one stored event.
    ///
    /// # Errors
    /// [`Error::Undecodable`], [`Error::NotAnId`].
    pub fn decode(stored: &RecordedEvent) -> Result<Self, Error> {
        let position = stored.position.0;
        let event = DomainEvent::decode(
            &stored.stream.aggregate_type,
            &stored.event_type,
            &stored.event_version,
            &stored.payload,
        )
        .map_err(|source| Error::Undecodable { position, source })?;
        let id = Uuid::parse_str(&stored.stream.aggregate_id).map_err(|_| Error::NotAnId {
            position,
            aggregate_id: stored.stream.aggregate_id.to_string(),
        })?;
        Ok(Self {
            position,
            recorded_at: stored.recorded_at,
            id,
            event,
        })
    }

    /// That a row which this event changes is not there.
    pub(crate) fn missing(&self, table: &'static str, key: impl std::fmt::Display) -> Error {
        Error::MissingRow {
            position: self.position,
            table,
            key: key.to_string(),
        }
    }
}
