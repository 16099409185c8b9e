//! What can be stored at all: checked before anything is queued, so that an append that can't be stored fails alone.

use std::{collections::HashSet, fmt};

use chrono::{DateTime, Datelike, Utc};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::{
    claims::ClaimChange,
    commands::MAX_FINGERPRINT_BYTES,
    log::{Append, Error, MAX_EVENT_BYTES, NewEvent, StreamAppend, StreamId},
    timers::WakeAt,
};

/// Most bytes of an aggregate's type and of a claim's namespace.
pub const MAX_TYPE_BYTES: usize = 64;

/// Most bytes of an aggregate's id, a claim's key, a routing key, an event's type and its version: what an index entry bears.
pub const MAX_KEY_BYTES: usize = 255;

/// Most bytes of one event's metadata: it holds ids and a trace context, never data.
pub const MAX_METADATA_BYTES: usize = 16 * 1024;

/// Deepest nesting of a payload: what `serde_json` reads back, and what a database's own parser bears.
pub const MAX_JSON_DEPTH: usize = 127;

/// Most bytes of one append's payloads and metadata. A seating plan of 50,000 seats takes about a tenth.
pub const MAX_APPEND_BYTES: usize = 64 * 1024 * 1024;

impl Append {
    /// Whether the append can be stored: sizes, no NUL byte, JSON where JSON is promised, indices that fit.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming what can't be stored.
    pub fn validate(&self) -> Result<(), Error> {
        let mut events = 0;
        let mut bytes = 0;
        let mut metadata: Option<&str> = None;
        for (i, stream) in self.streams.iter().enumerate() {
            check_stream(stream)?;
            if self.streams[..i].iter().any(|s| s.stream == stream.stream) {
                return invalid(format_args!("{} stands in it twice", stream.stream));
            }
            for event in &stream.events {
                check_event(event)?;
                // A batch's events mostly share their metadata: parse it once.
                if metadata.is_none_or(|m| !std::ptr::eq(m, &raw const *event.metadata)) {
                    check_metadata(&event.metadata)?;
                    metadata = Some(&event.metadata);
                }
                bytes += event.payload.len() + event.metadata.len();
            }
            events += stream.events.len();
        }
        if events == 0 {
            return invalid(format_args!("it has no events"));
        }
        if bytes > MAX_APPEND_BYTES {
            return invalid(format_args!(
                "{bytes} bytes of events, at most {MAX_APPEND_BYTES} fit"
            ));
        }
        self.check_event_ids(events)?;
        self.check_commands(events)?;
        self.claims.iter().try_for_each(check_claim)?;
        check_time("recorded_at", self.recorded_at)
    }

    fn check_event_ids(&self, events: usize) -> Result<(), Error> {
        if events == 1 {
            return Ok(());
        }
        let mut seen = HashSet::with_capacity(events);
        let mut ids = self
            .streams
            .iter()
            .flat_map(|s| &s.events)
            .map(|e| e.event_id);
        match ids.find(|id| !seen.insert(*id)) {
            Some(id) => invalid(format_args!("two events are called {id}")),
            None => Ok(()),
        }
    }

    fn check_commands(&self, events: usize) -> Result<(), Error> {
        for (i, command) in self.commands.iter().enumerate() {
            let id = command.command_id;
            if self.commands[..i].iter().any(|c| c.command_id == id) {
                return invalid(format_args!("command {id} stands in it twice"));
            }
            if command.fingerprint.0.len() > MAX_FINGERPRINT_BYTES {
                return invalid(format_args!(
                    "the fingerprint of command {id} exceeds {MAX_FINGERPRINT_BYTES} bytes"
                ));
            }
            let end = command.first_event.saturating_add(command.events);
            if command.events == 0 || end > events {
                return invalid(format_args!(
                    "command {id} points at events that are not in it"
                ));
            }
        }
        Ok(())
    }
}

fn check_stream(append: &StreamAppend) -> Result<(), Error> {
    check_stream_id(&append.stream)?;
    check_text("routing_key", &append.routing_key, 0, MAX_KEY_BYTES)?;
    match append.wake_at {
        WakeAt::At(time) => {
            if append.expected_version == 0 && append.events.is_empty() {
                return invalid(format_args!(
                    "{} has no events, so it can't have a timer",
                    append.stream
                ));
            }
            check_time("wake_at", time)
        }
        WakeAt::Keep | WakeAt::Never => Ok(()),
    }
}

fn check_stream_id(stream: &StreamId) -> Result<(), Error> {
    check_text("aggregate_type", &stream.aggregate_type, 1, MAX_TYPE_BYTES)?;
    check_text("aggregate_id", &stream.aggregate_id, 1, MAX_KEY_BYTES)
}

fn check_event(event: &NewEvent) -> Result<(), Error> {
    check_text("event_type", &event.event_type, 1, MAX_KEY_BYTES)?;
    check_text("event_version", &event.event_version, 1, MAX_KEY_BYTES)?;
    if event.payload.len() > MAX_EVENT_BYTES {
        return invalid(format_args!(
            "event {} has {} bytes, at most {MAX_EVENT_BYTES} fit",
            event.event_id,
            event.payload.len()
        ));
    }
    if let Err(error) = serde_json::from_str::<IgnoredAny>(&event.payload) {
        return invalid(format_args!(
            "the payload of event {} is not JSON: {error}",
            event.event_id
        ));
    }
    if depth(&event.payload) > MAX_JSON_DEPTH {
        return invalid(format_args!(
            "the payload of event {} nests deeper than {MAX_JSON_DEPTH}",
            event.event_id
        ));
    }
    Ok(())
}

/// How deep lists and objects of a JSON text nest.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn check_metadata(metadata: &str) -> Result<(), Error> {
    if metadata.len() > MAX_METADATA_BYTES {
        return invalid(format_args!(
            "metadata of {} bytes, at most {MAX_METADATA_BYTES} fit",
            metadata.len()
        ));
    }
    let mut json = serde_json::Deserializer::from_str(metadata);
    let parsed = json.deserialize_map(FlatObject).and_then(|()| json.end());
    match parsed {
        Ok(()) => Ok(()),
        Err(error) => invalid(format_args!(
            "the metadata is not a flat JSON object of strings: {error}"
        )),
    }
}

fn check_claim(claim: &ClaimChange) -> Result<(), Error> {
    let (ClaimChange::Set { stream, .. } | ClaimChange::Release { stream, .. }) = claim;
    let (namespace, key) = claim.pair();
    check_text("namespace", namespace, 1, MAX_TYPE_BYTES)?;
    check_text("key", key, 1, MAX_KEY_BYTES)?;
    check_stream_id(stream)
}

fn check_text(name: &str, text: &str, least: usize, most: usize) -> Result<(), Error> {
    if text.len() < least || text.len() > most {
        return invalid(format_args!(
            "{name} has {} bytes, {least} to {most} fit",
            text.len()
        ));
    }
    if text.as_bytes().contains(&0) {
        return invalid(format_args!("{name} contains a NUL byte"));
    }
    Ok(())
}

/// Times are stored as text that sorts: four digits of a year.
fn check_time(name: &str, time: DateTime<Utc>) -> Result<(), Error> {
    if (0..=9999).contains(&time.year()) {
        Ok(())
    } else {
        invalid(format_args!("{name} lies outside the years 0 to 9999"))
    }
}

fn invalid<T>(why: fmt::Arguments<'_>) -> Result<T, Error> {
    Err(Error::Invalid(why.to_string()))
}

/// Accepts a JSON object whose values are strings, and keeps nothing of it.
struct FlatObject;

impl<'de> Visitor<'de> for FlatObject {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<AnyString, AnyString>()?.is_some() {}
        Ok(())
    }
}

/// Accepts a JSON string, and keeps nothing of it.
struct AnyString;

impl<'de> serde::Deserialize<'de> for AnyString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Self)
    }
}

impl Visitor<'_> for AnyString {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}
