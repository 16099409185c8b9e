//! A batch as rows of each table; and which of its appends can't be stored.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::{
    claims::ClaimChange,
    commands::KnownCommand,
    log::{
        Append, Error, Outcome, Position, StreamAppend, StreamId,
        sqlite::{
            read::Holders,
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

/// A row of the claims' statements: the pair and the stream.
type ClaimRow<'a> = (&'a str, &'a str, &'a str, &'a str);

fn claim_rows<'a>(
    appends: &[&'a Append],
    holders: Option<&'a Holders>,
) -> (Vec<ClaimRow<'a>>, Vec<ClaimRow<'a>>) {
    let row = |(namespace, key): (&'a str, &'a str), stream: &'a StreamId| {
        let (kind, id) = (&*stream.aggregate_type, &*stream.aggregate_id);
        (namespace, key, kind, id)
    };
    let changes = appends.iter().flat_map(|append| &append.claims);
    let (mut releases, mut sets) = (Vec::new(), Vec::new());
    let Some(holders) = holders else {
        for change in changes {
            match change {
                ClaimChange::Set { stream, .. } => sets.push(row(change.pair(), stream)),
                ClaimChange::Release { stream, .. } => releases.push(row(change.pair(), stream)),
            }
        }
        return (releases, sets);
    };
    let mut net: HashMap<(&str, &str), [Option<&StreamId>; 2]> = HashMap::new();
    for change in changes {
        let (namespace, key) = change.pair();
        let held = || holders.get(&(namespace.to_owned(), key.to_owned()));
        let [_, now] = net
            .entry((namespace, key))
            .or_insert_with(|| [held(), held()]);
        *now = apply(*now, change);
    }
    for (pair, [before, after]) in net {
        if before == after {
            continue;
        }
        releases.extend(before.map(|stream| row(pair, stream)));
        sets.extend(after.map(|stream| row(pair, stream)));
    }
    (releases, sets)
}

/// Who holds a pair after a change that is not refused.
fn apply<'a>(holder: Option<&'a StreamId>, change: &'a ClaimChange) -> Option<&'a StreamId> {
    match change {
        ClaimChange::Set { stream, .. } => Some(stream),
        ClaimChange::Release { stream, .. } if holder == Some(stream) => None,
        ClaimChange::Release { .. } => holder,
    }
}

/// Whether an append changes one pair more than once, so that only its net effect can be written as rows.
pub(super) fn repeats_a_claim(append: &Append) -> bool {
    let mut seen = HashSet::new();
    append.claims.iter().any(|c| !seen.insert(c.pair()))
}

/// What the log holds of what a batch touches, read under the write lock.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) commands: HashMap<Uuid, KnownCommand>,
    /// Events by id: their command and position.
    pub(super) events: HashMap<Uuid, (Uuid, Position)>,
    pub(super) holders: Holders,
    pub(super) versions: HashMap<StreamId, u64>,
}

impl Found {
    /// Why an append can't be stored, in the port's precedence.
    pub(super) fn conflict(&self, append: &Append) -> Option<Outcome> {
        self.known(append)
            .or_else(|| self.pruned(append))
            .or_else(|| self.taken(append))
            .or_else(|| self.misplaced(append))
    }

    fn known(&self, append: &Append) -> Option<Outcome> {
        let mut commands = append.commands.iter();
        let known = commands.find_map(|c| self.commands.get(&c.command_id))?;
        Some(Outcome::Known(known.clone()))
    }

    fn pruned(&self, append: &Append) -> Option<Outcome> {
        let mut events = append.streams.iter().flat_map(|s| &s.events);
        let (command_id, _) = events.find_map(|e| self.events.get(&e.event_id))?;
        Some(Outcome::CommandPruned {
            command_id: *command_id,
        })
    }

    fn taken(&self, append: &Append) -> Option<Outcome> {
        let mut now: HashMap<(&str, &str), Option<&StreamId>> = HashMap::new();
        for change in &append.claims {
            let (namespace, key) = change.pair();
            let holder = now
                .entry((namespace, key))
                .or_insert_with(|| self.holders.get(&(namespace.to_owned(), key.to_owned())));
            match (change, *holder) {
                (ClaimChange::Set { stream, .. }, Some(other)) if other != stream => {
                    return Some(Outcome::ClaimTaken {
                        namespace: namespace.to_owned(),
                        key: key.to_owned(),
                        stream: other.clone(),
                    });
                }
                _ => *holder = apply(*holder, change),
            }
        }
        None
    }

    fn misplaced(&self, append: &Append) -> Option<Outcome> {
        append.streams.iter().find_map(|part| {
            let actual = self.versions.get(&part.stream).copied().unwrap_or(0);
            (actual != part.expected_version).then(|| Outcome::VersionConflict {
                stream: part.stream.clone(),
                expected: part.expected_version,
                actual,
            })
        })
    }
}

/// Refuses a batch whose appends touch the same thing: the batch would conflict with itself.
pub(super) fn check_disjoint(appends: &[Append]) -> Result<(), Error> {
    let twice = |what: String| Err(Error::Invalid(format!("the batch touches {what} twice")));
    let (mut streams, mut pairs) = (HashSet::new(), HashMap::new());
    let (mut commands, mut events) = (HashSet::new(), HashSet::new());
    for (i, append) in appends.iter().enumerate() {
        for part in &append.streams {
            if !streams.insert(&part.stream) {
                return twice(part.stream.to_string());
            }
            for event in &part.events {
                if !events.insert(event.event_id) {
                    return twice(format!("event {}", event.event_id));
                }
            }
        }
        for command in &append.commands {
            if !commands.insert(command.command_id) {
                return twice(format!("command {}", command.command_id));
            }
        }
        for (namespace, key) in append.claims.iter().map(ClaimChange::pair) {
            if *pairs.entry((namespace, key)).or_insert(i) != i {
                return twice(format!("claim {namespace}/{key}"));
            }
        }
    }
    Ok(())
}

/// The outcomes of appends that were stored together from `first` on.
pub(super) fn committed<'a>(
    appends: impl IntoIterator<Item = &'a Append>,
    first: Position,
) -> Vec<Outcome> {
    let mut next = first.0;
    let range = |append: &Append| {
        let events: usize = append.streams.iter().map(|s| s.events.len()).sum();
        let first = Position(next);
        next += events as u64;
        Outcome::Committed {
            first,
            last: Position(next - 1),
        }
    };
    appends.into_iter().map(range).collect()
}
