//! A batch as the arrays that `append_events` takes.

use chrono::{DateTime, Utc};
use sqlx::{Postgres, postgres::PgArguments, query::Query};
use uuid::Uuid;

use crate::{
    claims::ClaimChange,
    log::{
        Append, StreamAppend,
        conflicts::{ClaimRow, Holders, claim_rows},
    },
    timers::WakeAt,
};

/// The call of `append_events` in the making.
type Call<'a> = Query<'a, Postgres, PgArguments>;

type Texts<'a> = Vec<&'a str>;
type Numbers = Vec<i64>;
type Times = Vec<DateTime<Utc>>;
type Timers = Vec<Option<DateTime<Utc>>>;

/// A batch's rows, one array for each column.
#[derive(Debug, Default)]
pub(super) struct Arguments<'a> {
    /// Number of its events.
    pub(super) events: i64,
    stored: Events<'a>,
    new: Heads<'a>,
    moved: Heads<'a>,
    guarded: Heads<'a>,
    commands: Commands<'a>,
    releases: Claims<'a>,
    sets: Claims<'a>,
    holders: Claims<'a>,
}

#[derive(Debug, Default)]
struct Events<'a> {
    kind: Texts<'a>,
    id: Texts<'a>,
    sequence: Numbers,
    name: Texts<'a>,
    version: Texts<'a>,
    payload: Texts<'a>,
    metadata: Texts<'a>,
    event: Vec<Uuid>,
    command: Vec<Uuid>,
    key: Texts<'a>,
    recorded_at: Times,
}

#[derive(Debug, Default)]
struct Heads<'a> {
    kind: Texts<'a>,
    id: Texts<'a>,
    expected: Numbers,
    version: Numbers,
    last: Numbers,
    recorded_at: Times,
    wake: Timers,
    keep: Vec<bool>,
}

#[derive(Debug, Default)]
struct Commands<'a> {
    id: Vec<Uuid>,
    fingerprint: Vec<&'a [u8]>,
    first: Numbers,
    last: Numbers,
}

#[derive(Debug, Default)]
struct Claims<'a> {
    namespace: Texts<'a>,
    key: Texts<'a>,
    kind: Vec<Option<&'a str>>,
    id: Vec<Option<&'a str>>,
}

impl<'a> Arguments<'a> {
    /// Rows of `appends`; for `holders` see [`claim_rows`]. Where they are given, they must hold still.
    pub(super) fn of(appends: &[&'a Append], holders: Option<&'a Holders>) -> Self {
        let mut rows = Self::default();
        let parts = appends.iter().flat_map(|a| &a.streams);
        rows.stored
            .reserve(parts.clone().map(|s| s.events.len()).sum());
        for append in appends {
            for command in &append.commands {
                let first = rows.events + to_i64(command.first_event) + 1;
                rows.commands.id.push(command.command_id);
                rows.commands.fingerprint.push(&command.fingerprint.0);
                rows.commands.first.push(first);
                rows.commands.last.push(first + to_i64(command.events) - 1);
            }
            for part in &append.streams {
                rows.events += to_i64(part.events.len());
                rows.stored.push(part, append.recorded_at);
                let heads = match (part.events.is_empty(), part.expected_version) {
                    (true, _) => &mut rows.guarded,
                    (false, 0) => &mut rows.new,
                    (false, _) => &mut rows.moved,
                };
                heads.push(part, rows.events, append.recorded_at);
            }
        }
        let (releases, sets) = claim_rows(appends, holders);
        rows.releases.extend(releases);
        rows.sets.extend(sets);
        if let Some(holders) = holders {
            rows.holders.expect(appends, holders);
        }
        rows
    }

    /// The call of `append_events`.
    pub(super) fn bind(self, sql: &'a str, needs_standby: bool) -> Call<'a> {
        let call = self.stored.bind(sqlx::query(sql).bind(needs_standby));
        let call = self.new.bind_new(call);
        let call = self.moved.bind_moved(call);
        let call = self.guarded.bind_guarded(call);
        let call = self.commands.bind(call);
        self.holders.bind(self.sets.bind(self.releases.bind(call)))
    }
}

impl<'a> Events<'a> {
    fn reserve(&mut self, events: usize) {
        for texts in [
            &mut self.kind,
            &mut self.id,
            &mut self.name,
            &mut self.version,
            &mut self.payload,
            &mut self.metadata,
            &mut self.key,
        ] {
            texts.reserve(events);
        }
        self.sequence.reserve(events);
        self.event.reserve(events);
        self.command.reserve(events);
        self.recorded_at.reserve(events);
    }

    fn push(&mut self, part: &'a StreamAppend, recorded_at: DateTime<Utc>) {
        for (event, sequence) in part.events.iter().zip(part.expected_version + 1..) {
            self.kind.push(&part.stream.aggregate_type);
            self.id.push(&part.stream.aggregate_id);
            self.sequence.push(to_i64(sequence));
            self.name.push(&event.event_type);
            self.version.push(&event.event_version);
            self.payload.push(&event.payload);
            self.metadata.push(&event.metadata);
            self.event.push(event.event_id);
            self.command.push(event.command_id);
            self.key.push(&part.routing_key);
            self.recorded_at.push(recorded_at);
        }
    }

    fn bind(self, call: Call<'a>) -> Call<'a> {
        call.bind(self.kind)
            .bind(self.id)
            .bind(self.sequence)
            .bind(self.name)
            .bind(self.version)
            .bind(self.payload)
            .bind(self.metadata)
            .bind(self.event)
            .bind(self.command)
            .bind(self.key)
            .bind(self.recorded_at)
    }
}

impl<'a> Heads<'a> {
    /// `last`: which of the batch's events is the stream's last one.
    fn push(&mut self, part: &'a StreamAppend, last: i64, recorded_at: DateTime<Utc>) {
        self.kind.push(&part.stream.aggregate_type);
        self.id.push(&part.stream.aggregate_id);
        self.expected.push(to_i64(part.expected_version));
        self.version
            .push(to_i64(part.expected_version) + to_i64(part.events.len()));
        self.last.push(last);
        self.recorded_at.push(recorded_at);
        self.wake.push(match part.wake_at {
            WakeAt::At(time) => Some(time),
            WakeAt::Keep | WakeAt::Never => None,
        });
        self.keep.push(part.wake_at == WakeAt::Keep);
    }

    fn bind_new(self, call: Call<'a>) -> Call<'a> {
        call.bind(self.kind)
            .bind(self.id)
            .bind(self.version)
            .bind(self.last)
            .bind(self.recorded_at)
            .bind(self.wake)
    }

    fn bind_moved(self, call: Call<'a>) -> Call<'a> {
        call.bind(self.kind)
            .bind(self.id)
            .bind(self.expected)
            .bind(self.version)
            .bind(self.last)
            .bind(self.recorded_at)
            .bind(self.wake)
            .bind(self.keep)
    }

    fn bind_guarded(self, call: Call<'a>) -> Call<'a> {
        call.bind(self.kind)
            .bind(self.id)
            .bind(self.expected)
            .bind(self.wake)
            .bind(self.keep)
    }
}

impl<'a> Commands<'a> {
    fn bind(self, call: Call<'a>) -> Call<'a> {
        call.bind(self.id)
            .bind(self.fingerprint)
            .bind(self.first)
            .bind(self.last)
    }
}

impl<'a> Claims<'a> {
    fn extend(&mut self, rows: Vec<ClaimRow<'a>>) {
        for (namespace, key, kind, id) in rows {
            self.push((namespace, key), Some((kind, id)));
        }
    }

    /// The net effect of changes was reckoned from the holders of their pairs: they must be the same still.
    fn expect(&mut self, appends: &[&'a Append], holders: &'a Holders) {
        let changes = appends.iter().flat_map(|append| &append.claims);
        for (namespace, key) in changes.map(ClaimChange::pair) {
            let holder = holders.get(&(namespace.to_owned(), key.to_owned()));
            let holder = holder.map(|s| (&*s.aggregate_type, &*s.aggregate_id));
            self.push((namespace, key), holder);
        }
    }

    fn push(&mut self, (namespace, key): (&'a str, &'a str), stream: Option<(&'a str, &'a str)>) {
        self.namespace.push(namespace);
        self.key.push(key);
        self.kind.push(stream.map(|(kind, _)| kind));
        self.id.push(stream.map(|(_, id)| id));
    }

    fn bind(self, call: Call<'a>) -> Call<'a> {
        call.bind(self.namespace)
            .bind(self.key)
            .bind(self.kind)
            .bind(self.id)
    }
}

/// Postgres's integers are signed; positions, sequences and counts never come near the end of either.
pub(super) fn to_i64(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
