//! PORT: the event log. One total order of events over all streams.
//!
//! ```text
//!  position   1        2        3        4        5        6      ── dense: max(position) = count(*), always
//!             ├────────┴────────┤        ├────────┤        │
//!             append A          append B          append C         ── an append is all or nothing
//!  stream     show/1#1 show/1#2 pay/7#1  show/1#3 acc/9#1  ...     ── #n: sequence, dense within its stream
//! ```
//!
//! The contract, which `conformance` checks on every adapter:
//!
//! - **Order.** Positions begin at 1, are dense and in commit order: a reader that has seen `n` will never find a new
//!   event at or before `n`. Sequences begin at 1 and are dense within their stream.
//! - **Atomicity.** An append commits whole or not at all, over all its streams, claims, commands and timers.
//! - **Expected versions are exact.** A stream that stands before *or* beyond the expected version refuses the append.
//! - **Isolation of failures.** In one batch, an append that conflicts fails alone; the others commit.
//! - **Precedence.** A known command outranks a pruned one, that a taken claim, that a version conflict.
//! - **Durability.** `Committed` is answered only once the append would survive the loss of power.
//! - **Visibility.** What was answered as committed is seen by every read that starts afterwards, and `head_changes` tells of it
//!   no earlier than it can be read.
//! - **Bytes.** Payload and metadata come back exactly as they were given; times in microseconds.

mod conflicts;
pub mod conformance;
pub mod postgres;
pub mod sqlite;
mod validate;

use std::{collections::HashMap, fmt, path::Path, slice, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    claims::{Claim, ClaimChange},
    commands::{CommandRecord, KnownCommand},
    snapshot::Snapshot,
    timers::{Due, WakeAt},
};

pub use crate::log::{postgres::PostgresEventLog, sqlite::SqliteEventLog, validate::*};

/// Events that the methods with a body read at a time.
const PAGE: usize = 1_000;

/// Most bytes of one event's payload: an event must fit a bus record with room to spare.
pub const MAX_EVENT_BYTES: usize = 512 * 1024;

/// An event's place in the log, from 1; 0 stands before the first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A stream: one aggregate's events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Kind of aggregate, at most 64 bytes.
    pub aggregate_type: Arc<str>,
    /// Which one, at most 255 bytes.
    pub aggregate_id: Arc<str>,
}

impl StreamId {
    /// The stream of one aggregate.
    pub fn new(aggregate_type: impl Into<Arc<str>>, aggregate_id: impl Into<Arc<str>>) -> Self {
        Self {
            aggregate_type: aggregate_type.into(),
            aggregate_id: aggregate_id.into(),
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.aggregate_type, self.aggregate_id)
    }
}

/// An event to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// `UUIDv5` of the command's id and the event's ordinal in it.
    pub event_id: Uuid,
    /// The command that brought it about.
    pub command_id: Uuid,
    /// Name of the event.
    pub event_type: String,
    /// Version of its form.
    pub event_version: String,
    /// JSON, stored byte for byte; at most [`MAX_EVENT_BYTES`].
    pub payload: String,
    /// A flat JSON object of strings, stored byte for byte.
    pub metadata: Arc<str>,
}

/// What an append adds to one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAppend {
    /// The stream.
    pub stream: StreamId,
    /// The version that the stream must stand at, exactly: 0 for a new one.
    pub expected_version: u64,
    /// The key by which the bus keeps order.
    pub routing_key: String,
    /// The events, in order. None: the stream is only guarded.
    pub events: Vec<NewEvent>,
    /// What happens to the stream's timer.
    pub wake_at: WakeAt,
}

/// One atomic addition to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The streams, each at most once; events are numbered in this order.
    pub streams: Vec<StreamAppend>,
    /// The commands decided; their ids are unique in the log.
    pub commands: Vec<CommandRecord>,
    /// Changes to the claims, in order.
    pub claims: Vec<ClaimChange>,
    /// The one time of the append, in microseconds: the log reads no clock.
    pub recorded_at: DateTime<Utc>,
}

/// How an append ended. Only [`Outcome::Committed`] left a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Stored, durable; its events stand from `first` to `last`.
    Committed {
        /// Position of its first event.
        first: Position,
        /// Position of its last event.
        last: Position,
    },
    /// One of its commands was stored before.
    Known(KnownCommand),
    /// One of its events is in the log, but the record of its command is not: pruned, for its age.
    CommandPruned {
        /// The command.
        command_id: Uuid,
    },
    /// Another stream holds a claim that it sets.
    ClaimTaken {
        /// Kind of claim.
        namespace: String,
        /// Which one.
        key: String,
        /// Who holds it.
        stream: StreamId,
    },
    /// A stream does not stand at the expected version.
    VersionConflict {
        /// The stream.
        stream: StreamId,
        /// Where it was expected to stand.
        expected: u64,
        /// Where it stands.
        actual: u64,
    },
}

/// An event as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Place in the log.
    pub position: Position,
    /// Number of the log's shard; 0 until there are several.
    pub shard: u16,
    /// Raised whenever the log's history may have been cut: after a fail-over or a restore.
    pub epoch: u64,
    /// The stream.
    pub stream: StreamId,
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
    /// JSON, as it was given.
    pub payload: String,
    /// A flat JSON object of strings, as it was given.
    pub metadata: String,
    /// When it was recorded, by the log's clock.
    pub recorded_at: DateTime<Utc>,
}

impl RecordedEvent {
    /// What its metadata says of one thing: `actor`, `correlation_id`, `causation_id`.
    pub fn metadata_field(&self, name: &str) -> Option<String> {
        let mut fields: HashMap<String, String> = serde_json::from_str(&self.metadata).ok()?;
        fields.remove(name)
    }

    /// What it was brought about together with.
    pub fn correlation_id(&self) -> Option<String> {
        self.metadata_field("correlation_id")
    }
}

/// Where the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Position of the last event; 0 for an empty log.
    pub position: Position,
    /// The present epoch.
    pub epoch: u64,
}

/// Where a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamHead {
    /// Number of its events.
    pub version: u64,
    /// Position of its last event.
    pub position: Position,
    /// When its last event was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Its timer.
    pub wake_at: Option<DateTime<Utc>>,
}

/// Which events of a stream are wanted: those that name something, and those of some types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Naming<'a> {
    /// A part of the payload, as it is stored: an id, or a text in its quotes.
    pub text: &'a str,
    /// Types of which every event is wanted, whatever it names.
    pub or_types: &'a [&'a str],
}

impl Naming<'_> {
    /// Whether an event is wanted.
    pub fn takes(&self, event: &RecordedEvent) -> bool {
        event.payload.contains(self.text) || self.or_types.contains(&event.event_type.as_str())
    }
}

/// Why a call to the log failed. What the log *refuses* is an [`Outcome`], not an error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The append may or may not have been stored: ask for its commands before doing anything else.
    #[error("the outcome of the append is unknown: {0}")]
    Unknown(String),
    /// The log can't be reached; nothing was stored.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
    /// The request itself can't be stored: too large, a NUL byte, not JSON. Nothing was stored.
    #[error("the append is invalid: {0}")]
    Invalid(String),
    /// What is stored contradicts the contract.
    #[error("the log is corrupt: {0}")]
    Corrupt(String),
    /// The log's schema or settings don't allow this program to use it.
    #[error("{0}")]
    Refused(String),
}

/// The port. See the module's documentation for the contract.
#[async_trait]
pub trait EventLog: Send + Sync + fmt::Debug {
    /// Stores a batch in one transaction and answers each append in order. The batch's appends must not touch one stream, one
    /// claim or one command id twice: the [`crate::Committer`] sees to it.
    ///
    /// Cancelling the future does not cancel the transaction.
    ///
    /// # Errors
    /// [`Error`]; then it holds for the whole batch.
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Outcome>, Error>;

    /// The events of a stream after version `after`, at most `limit`, in order.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn read_stream(
        &self,
        stream: &StreamId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error>;

    /// The events of a stream after version `after` that [`Naming`] asks for, at most `limit`, in order. The stream is gone through where
    /// it is stored; only what is asked for comes back.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn read_stream_naming(
        &self,
        stream: &StreamId,
        after: u64,
        naming: &Naming<'_>,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        let (mut found, mut after) = (Vec::new(), after);
        while found.len() < limit {
            let page = self.read_stream(stream, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.sequence;
            found.extend(page.into_iter().filter(|event| naming.takes(event)));
        }
        found.truncate(limit);
        Ok(found)
    }

    /// The events after position `after`, up to `until`, whose metadata has this `correlation_id`, at most `limit`, in order. That part of the
    /// log is gone through where it is stored, so the caller keeps it short.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn read_correlated(
        &self,
        correlation_id: &str,
        (after, until): (Position, Position),
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        let (mut found, mut after) = (Vec::new(), after);
        while found.len() < limit && after < until {
            let page = self.read_all(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.position;
            let correlated = |event: &RecordedEvent| {
                event.position <= until && event.correlation_id().as_deref() == Some(correlation_id)
            };
            found.extend(page.into_iter().filter(correlated));
        }
        found.truncate(limit);
        Ok(found)
    }

    /// The events after position `after`, at most `limit`, in order.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn read_all(&self, after: Position, limit: usize) -> Result<Vec<RecordedEvent>, Error>;

    /// Where the log ends.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn head(&self) -> Result<Head, Error>;

    /// Where streams end; `None` for a stream without events. One answer for each of `streams`, in order.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn stream_heads(&self, streams: &[StreamId]) -> Result<Vec<Option<StreamHead>>, Error>;

    /// Which commands are known. One answer for each of `ids`, in order. A known command stays known: its record is as durable as
    /// what was answered as committed.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn known_commands(&self, ids: &[Uuid]) -> Result<Vec<Option<KnownCommand>>, Error>;

    /// Who holds a claim.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn claim(&self, namespace: &str, key: &str) -> Result<Option<StreamId>, Error>;

    /// Streams of a type whose timer is at or before `now`, the longest due first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn due(
        &self,
        aggregate_type: &str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Due>, Error>;

    /// The earliest timer of all streams of a type.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn next_due(&self, aggregate_type: &str) -> Result<Option<DateTime<Utc>>, Error>;

    /// The snapshot of a stream, if there is one of this schema.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn load_snapshot(
        &self,
        stream: &StreamId,
        schema: u32,
    ) -> Result<Option<Snapshot>, Error>;

    /// Keeps a snapshot in place of an older one of the same stream. Not part of any append.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn save_snapshot(&self, snapshot: Snapshot) -> Result<(), Error>;

    /// Forgets the commands whose events were recorded before `before`, so that their ids are [`Outcome::CommandPruned`] from then
    /// on. Commands with an empty fingerprint are kept for ever. Works in small steps between the appends; returns how many it
    /// forgot.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn prune_commands(&self, before: DateTime<Utc>) -> Result<u64, Error>;

    /// Up to which position commands may have been forgotten; 0 before the first pruning.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn pruned_until(&self) -> Result<Position, Error>;

    /// Where streams end: those behind `after`, in the order of their ids, at most `limit`. Each page shows one instant.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn list_stream_heads(
        &self,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Vec<(StreamId, StreamHead)>, Error>;

    /// The claims behind the pair `after`, in the order of their pairs, at most `limit`. Each page shows one instant.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn list_claims(
        &self,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<Claim>, Error>;

    /// The commands behind `after`, in the order of their ids, at most `limit`. Each page shows one instant.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn list_commands(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<KnownCommand>, Error>;

    /// Whether other processes may append to this log: then what a process knows of a stream may be behind, and a refusal has to be
    /// confirmed before it is answered.
    fn is_shared(&self) -> bool {
        false
    }

    /// Whether a stream still stands where a command was decided, and which commands are known: what a refusal needs before it may
    /// be answered on a shared log; the commands as [`EventLog::known_commands`] has them. Both as of one instant, or as good as that:
    /// an adapter asks in one statement; otherwise the ids are read before the head. Ids never become unknown and streams never shrink,
    /// so a head that is found unchanged *after* the ids stood unchanged *while* they were read: at that instant both held.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn confirm(
        &self,
        stream: &StreamId,
        ids: &[Uuid],
    ) -> Result<(Option<StreamHead>, Vec<Option<KnownCommand>>), Error> {
        let known = if ids.is_empty() {
            Vec::new()
        } else {
            self.known_commands(ids).await?
        };
        let heads = self.stream_heads(slice::from_ref(stream)).await?;
        Ok((heads.into_iter().next().flatten(), known))
    }

    /// Lets go of everything held open once what was begun has ended; calls that come later fail. Dropping the log does the same,
    /// without telling when.
    async fn close(&self);

    /// Follows the head: changes after each commit, whoever made it (another process's within a second). A hint, never the truth:
    /// several commits may show as one.
    fn head_changes(&self) -> watch::Receiver<Position>;
}

/// The schemes that [`open`] knows.
const SCHEMES: &str = "sqlite:PATH, postgres://USER@HOST/DATABASE (several servers: one URL each, separated by commas)";

/// Opens the log at `url`, creating it where there is none; the scheme chooses the adapter.
///
/// # Errors
/// [`Error::Refused`] for an unknown scheme and for a log that this program must not use, [`Error::Unavailable`].
pub async fn open(url: &str) -> Result<Arc<dyn EventLog>, Error> {
    match url.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(Arc::new(
            SqliteEventLog::open(Path::new(path), sqlite::Options::default()).await?,
        )),
        Some(("postgres" | "postgresql", _)) => Ok(Arc::new(
            PostgresEventLog::open(url, postgres::Options::default()).await?,
        )),
        _ => Err(Error::Refused(format!(
            "no log adapter for {url:?}; known: {SCHEMES}"
        ))),
    }
}

/// Moves the head on, never back: the poll and the writer may overtake each other.
fn advance(head: &watch::Sender<Position>, to: Position) {
    head.send_if_modified(|at| {
        let moves = *at < to;
        if moves {
            *at = to;
        }
        moves
    });
}
