//! Appends for checks and tests, told apart by a number.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    claims::ClaimChange,
    commands::{CommandRecord, Fingerprint},
    log::{Append, NewEvent, StreamAppend, StreamId},
    timers::WakeAt,
};

/// The type of [`stream`].
pub const TYPE: &str = "sample";

/// A stream of the sample type.
pub fn stream(id: &str) -> StreamId {
    StreamId::new(TYPE, id)
}

/// A time, so many microseconds after the samples' beginning.
pub fn time(micros: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::microseconds(micros)
}

/// The id of the command with a number.
pub fn command(number: u64) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, &number.to_be_bytes())
}

/// A fingerprint of the command with a number.
pub fn fingerprint(number: u64) -> Fingerprint {
    Fingerprint(number.to_le_bytes().repeat(4))
}

/// An append in the making: one command, whose number makes the append's ids.
#[derive(Debug, Clone)]
pub struct Draft(Append);

impl Draft {
    /// An append of the command `number`, recorded that many microseconds after the beginning.
    pub fn new(number: u64) -> Self {
        Self(Append {
            streams: Vec::new(),
            commands: vec![CommandRecord {
                command_id: command(number),
                fingerprint: fingerprint(number),
                first_event: 0,
                events: 0,
            }],
            claims: Vec::new(),
            recorded_at: time(i64::try_from(number).unwrap_or(0)),
        })
    }

    /// Adds so many events to a stream that stands at `expected_version`.
    #[must_use]
    pub fn events(mut self, stream: &StreamId, expected_version: u64, count: usize) -> Self {
        let command = &mut self.0.commands[0];
        let command_id = command.command_id;
        let events = (command.events..command.events + count).map(|ordinal| NewEvent {
            event_id: Uuid::new_v5(&command_id, &ordinal.to_be_bytes()),
            command_id,
            event_type: "Happened".to_owned(),
            event_version: "1".to_owned(),
            payload: format!(r#"{{"Happened":{{"ordinal":{ordinal}}}}}"#),
            metadata: Arc::from(r#"{"actor":"sample"}"#),
        });
        let events = events.collect();
        command.events += count;
        self.0.streams.push(StreamAppend {
            stream: stream.clone(),
            expected_version,
            routing_key: stream.aggregate_id.to_string(),
            events,
            wake_at: WakeAt::Keep,
        });
        self
    }

    /// Sets the timer of the stream added last.
    #[must_use]
    pub fn wake(mut self, wake_at: WakeAt) -> Self {
        if let Some(part) = self.0.streams.last_mut() {
            part.wake_at = wake_at;
        }
        self
    }

    /// Takes a claim.
    #[must_use]
    pub fn set(mut self, key: &str, stream: &StreamId) -> Self {
        self.0.claims.push(ClaimChange::Set {
            namespace: "pair".to_owned(),
            key: key.to_owned(),
            stream: stream.clone(),
        });
        self
    }

    /// Gives a claim back.
    #[must_use]
    pub fn release(mut self, key: &str, stream: &StreamId) -> Self {
        self.0.claims.push(ClaimChange::Release {
            namespace: "pair".to_owned(),
            key: key.to_owned(),
            stream: stream.clone(),
        });
        self
    }

    /// Changes anything else.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Append)) -> Self {
        change(&mut self.0);
        self
    }

    /// The append.
    pub fn done(self) -> Append {
        self.0
    }
}

/// An append of one event to one stream.
pub fn one(number: u64, stream: &StreamId, expected_version: u64) -> Append {
    Draft::new(number)
        .events(stream, expected_version, 1)
        .done()
}
