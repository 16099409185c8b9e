//! A batch as rows of each table.

use crate::{
    log::{
        Append, StreamAppend,
        conflicts::{Holders, claim_rows},
        sqlite::{
            statements::{Cell, Tables},
            time_text, to_json,
        },
    },
    timers::WakeAt,
};

/// The stored timer of a stream that keeps the one it has; see `upsert_stream_heads.sql`.
const KEEP: &str = "keep";

/// A batch's rows, ready to be bound.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    /// Number of its events.
    pub(super) events: u64,
    /// Streams that get no events, and their versions; JSON.
    pub(super) guards: String,
    pub(super) tables: Tables<'a>,
}

impl<'a> Rows<'a> {
    /// Rows of `appends`. With `holders` the claims are their net effect on what is held now; without, each pair changes once at
    /// most ([`repeats_a_claim`]).
    pub(super) fn of(appends: &[&'a Append], holders: Option<&'a Holders>) -> Self {
        let parts = appends.iter().flat_map(|a| &a.streams);
        let events = parts.map(|s| s.events.len() as u64).sum();
        let mut tables = Tables::default();
        let (mut guards, mut timers) = (Vec::new(), Vec::new());
        // How far before the log's new end the next event stands.
        let mut back: u64 = events;
        for append in appends {
            let recorded_at = time_text(append.recorded_at);
            for command in &append.commands {
                let first = back - command.first_event as u64;
                tables.commands.push([
                    command.command_id.to_string().into(),
                    Cell::Bytes(&command.fingerprint.0),
                    first.into(),
                    (first + 1 - command.events as u64).into(),
                ]);
            }
            for part in &append.streams {
                let (kind, id) = (&*part.stream.aggregate_type, &*part.stream.aggregate_id);
                if part.events.is_empty() {
                    guards.push((kind, id, part.expected_version));
                    if part.wake_at != WakeAt::Keep {
                        timers.push((kind, id, stored_timer(part)));
                    }
                    continue;
                }
                push_events(&mut tables, part, &recorded_at, &mut back);
                tables.heads.push([
                    kind.into(),
                    id.into(),
                    part.expected_version.into(),
                    (part.expected_version + part.events.len() as u64).into(),
                    (back + 1).into(),
                    recorded_at.clone().into(),
                    stored_timer(part).into(),
                ]);
            }
        }
        let (releases, sets) = claim_rows(appends, holders);
        for (namespace, key, kind, id) in sets {
            tables
                .sets
                .push([namespace.into(), key.into(), kind.into(), id.into()]);
        }
        tables.releases = to_json(&releases);
        tables.timers = to_json(&timers);
        Self {
            events,
            guards: to_json(&guards),
            tables,
        }
    }
}

fn push_events<'a>(
    tables: &mut Tables<'a>,
    part: &'a StreamAppend,
    recorded_at: &str,
    back: &mut u64,
) {
    for (event, sequence) in part.events.iter().zip(part.expected_version + 1..) {
        tables.events.push([
            (&*part.stream.aggregate_type).into(),
            (&*part.stream.aggregate_id).into(),
            sequence.into(),
            (&*event.event_type).into(),
            (&*event.event_version).into(),
            (&*event.payload).into(),
            (&*event.metadata).into(),
            (*back).into(),
            event.event_id.to_string().into(),
            event.command_id.to_string().into(),
            (&*part.routing_key).into(),
            recorded_at.to_owned().into(),
        ]);
        *back -= 1;
    }
}

/// A stream's timer as it is stored, or [`KEEP`].
fn stored_timer(part: &StreamAppend) -> Option<String> {
    match part.wake_at {
        WakeAt::At(time) => Some(time_text(time)),
        WakeAt::Keep if part.expected_version > 0 => Some(KEEP.to_owned()),
        WakeAt::Keep | WakeAt::Never => None,
    }
}
