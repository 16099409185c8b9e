//! Positions and sequences.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use event_store::{RecordedEvent, StreamId, log::StreamHead};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    facts::KINDS,
    report::{Check, Findings},
};

/// A stream, small: most ids are UUIDs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Key {
    Usual(u8, Uuid),
    Other(String, String),
}

impl Key {
    fn of(stream: &StreamId) -> Self {
        let kind = KINDS
            .iter()
            .position(|kind| *kind == &*stream.aggregate_type);
        match (
            kind.and_then(|kind| u8::try_from(kind).ok()),
            Uuid::try_parse(&stream.aggregate_id),
        ) {
            (Some(kind), Ok(id)) if is_usual(id, &stream.aggregate_id) => Self::Usual(kind, id),
            _ => Self::Other(
                stream.aggregate_type.to_string(),
                stream.aggregate_id.to_string(),
            ),
        }
    }
}

/// Whether the id is written as this program writes it.
fn is_usual(id: Uuid, text: &str) -> bool {
    let mut usual = Uuid::encode_buffer();
    *id.hyphenated().encode_lower(&mut usual) == *text
}

/// Where a stream was seen to end.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct End {
    version: u64,
    position: u64,
    recorded_at: DateTime<Utc>,
}

/// Where each stream was seen to end.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Streams {
    #[serde(with = "super::resume::pairs")]
    ends: HashMap<Key, End>,
    position: u64,
    epoch: u64,
}

impl Streams {
    /// The last position seen.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// How many streams there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Counts a position whose event can't be read.
    pub(super) fn skip(&mut self, position: u64) {
        self.position = position;
    }

    /// Takes account of one event.
    pub(super) fn apply(&mut self, event: &RecordedEvent, findings: &mut Findings) {
        let position = event.position.0;
        findings.checked(Check::Positions, 1);
        if position != self.position + 1 {
            findings.add(
                Check::Positions,
                event.position,
                format!("follows position {}", self.position),
            );
        }
        if event.epoch < self.epoch {
            findings.add(
                Check::Positions,
                event.position,
                format!("epoch {} follows epoch {}", event.epoch, self.epoch),
            );
        }
        self.position = position;
        self.epoch = self.epoch.max(event.epoch);

        let end = End {
            version: event.sequence,
            position,
            recorded_at: event.recorded_at,
        };
        let before = self.ends.insert(Key::of(&event.stream), end);
        findings.checked(Check::Sequences, 1);
        let version = before.map_or(0, |before| before.version);
        if event.sequence != version + 1 {
            let detail = format!(
                "sequence {} of {} follows {version}",
                event.sequence, event.stream
            );
            findings.add(Check::Sequences, event.position, detail);
        }
        if before.is_some_and(|before| before.recorded_at > event.recorded_at) {
            findings.add(
                Check::Sequences,
                event.position,
                format!("recorded before the event before it in {}", event.stream),
            );
        }
    }

    /// What is wrong with a stream's head, if anything.
    pub(super) fn check_head(&self, stream: &StreamId, head: &StreamHead) -> Option<String> {
        let Some(end) = self.ends.get(&Key::of(stream)) else {
            return Some("the head of a stream without events".to_owned());
        };
        let told = (head.version, head.position.0, head.recorded_at);
        let seen = (end.version, end.position, end.recorded_at);
        (told != seen).then(|| {
            format!("its head says (version, position, time) {told:?}, its events {seen:?}")
        })
    }
}
