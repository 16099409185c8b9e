//! Upcasters: stored events in their present form.
//!
//! Events stay as they were written, for ever; what reads them applies cqrs-es's [`EventUpcaster`]s to their JSON, one after
//! another: each sees what the one before it made. Stored bytes that no upcaster concerns are decoded straight away.

use std::fmt;

use cqrs_es::persist::{EventUpcaster, SerializedEvent};
use serde::de::DeserializeOwned;

use crate::log::RecordedEvent;

/// A chain of upcasters, the oldest form's first.
#[derive(Default)]
pub struct Upcasters(Vec<Box<dyn EventUpcaster>>);

/// Why a stored event can't be brought into its present form.
#[derive(Debug, thiserror::Error)]
#[error("the {event_type} {event_version} at position {position} can't be read: {source}")]
pub struct Error {
    /// Name of the event.
    pub event_type: String,
    /// Version of its form.
    pub event_version: String,
    /// Its place in the log.
    pub position: u64,
    /// What serde says.
    pub source: serde_json::Error,
}

impl Upcasters {
    /// A chain in the order in which it applies.
    pub fn new(chain: Vec<Box<dyn EventUpcaster>>) -> Self {
        Self(chain)
    }

    /// The event as a Rust value.
    ///
    /// # Errors
    /// [`Error`]: the JSON has none of the event's forms.
    pub fn decode<E: DeserializeOwned>(&self, event: &RecordedEvent) -> Result<E, Error> {
        let decoded = if self.concern(event) {
            serialized(event).and_then(|event| serde_json::from_value(self.apply(event).payload))
        } else {
            serde_json::from_str(&event.payload)
        };
        decoded.map_err(|source| error(event, source))
    }

    /// The event as JSON, with the name, version and payload of its present form.
    ///
    /// # Errors
    /// [`Error`]: what is stored is not JSON.
    pub fn upcast(&self, event: &RecordedEvent) -> Result<SerializedEvent, Error> {
        serialized(event)
            .map(|event| self.apply(event))
            .map_err(|source| error(event, source))
    }

    fn concern(&self, event: &RecordedEvent) -> bool {
        self.0
            .iter()
            .any(|upcaster| upcaster.can_upcast(&event.event_type, &event.event_version))
    }

    fn apply(&self, event: SerializedEvent) -> SerializedEvent {
        self.0.iter().fold(event, |event, upcaster| {
            if upcaster.can_upcast(&event.event_type, &event.event_version) {
                upcaster.upcast(event)
            } else {
                event
            }
        })
    }
}

impl fmt::Debug for Upcasters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Upcasters").field(&self.0.len()).finish()
    }
}

/// A stored event in cqrs-es's own shape, as it was written.
///
/// # Errors
/// Payload or metadata are not JSON.
pub fn serialized(event: &RecordedEvent) -> Result<SerializedEvent, serde_json::Error> {
    Ok(SerializedEvent {
        aggregate_id: event.stream.aggregate_id.as_ref().to_owned(),
        sequence: usize::try_from(event.sequence).unwrap_or(usize::MAX),
        aggregate_type: event.stream.aggregate_type.as_ref().to_owned(),
        event_type: event.event_type.clone(),
        event_version: event.event_version.clone(),
        payload: serde_json::from_str(&event.payload)?,
        metadata: serde_json::from_str(&event.metadata)?,
    })
}

fn error(event: &RecordedEvent, source: serde_json::Error) -> Error {
    Error {
        event_type: event.event_type.clone(),
        event_version: event.event_version.clone(),
        position: event.position.0,
        source,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use cqrs_es::persist::SemanticVersionEventUpcaster;
    use serde::Deserialize;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::log::{Position, StreamId};

    #[derive(Debug, PartialEq, Deserialize)]
    enum Event {
        Renamed { name: String, by: String },
    }

    fn recorded(event_version: &str, payload: &str) -> RecordedEvent {
        RecordedEvent {
            position: Position(7),
            shard: 0,
            epoch: 1,
            stream: StreamId::new("thing", "1"),
            sequence: 3,
            event_id: Uuid::nil(),
            command_id: Uuid::nil(),
            routing_key: "1".to_owned(),
            event_type: "Renamed".to_owned(),
            event_version: event_version.to_owned(),
            payload: payload.to_owned(),
            metadata: "{}".to_owned(),
            recorded_at: DateTime::UNIX_EPOCH,
        }
    }

    fn chain() -> Upcasters {
        let wrap = |name: Value| json!({ "name": name });
        let sign = |mut body: Value| {
            body["by"] = json!("unknown");
            json!({ "Renamed": body })
        };
        Upcasters::new(vec![
            Box::new(SemanticVersionEventUpcaster::new(
                "Renamed",
                "1.1",
                Box::new(wrap),
            )),
            Box::new(SemanticVersionEventUpcaster::new(
                "Renamed",
                "2.0",
                Box::new(sign),
            )),
        ])
    }

    #[test]
    fn each_form_is_read_as_the_present_one() {
        let present = Event::Renamed {
            name: "a".to_owned(),
            by: "unknown".to_owned(),
        };
        let forms = [
            ("1.0", r#""a""#),
            ("1.1", r#"{"name":"a"}"#),
            ("2.0", r#"{"Renamed":{"name":"a","by":"unknown"}}"#),
        ];
        for (version, payload) in forms {
            let event = recorded(version, payload);
            assert_eq!(
                chain().decode::<Event>(&event).unwrap(),
                present,
                "{version}"
            );
            let upcast = chain().upcast(&event).unwrap();
            assert_eq!(upcast.event_version.get(..1), Some("2"), "{version}");
            assert_eq!(upcast.payload["Renamed"]["name"], "a", "{version}");
        }
    }

    #[test]
    fn an_unreadable_event_is_named() {
        let error = chain().decode::<Event>(&recorded("2.0", "[]")).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("the Renamed 2.0 at position 7"), "{text}");
    }
}
