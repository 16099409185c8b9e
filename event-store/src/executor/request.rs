//! What goes into the executor and what comes out.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::Decider;
use crate::{
    claims::ClaimChange,
    commands::Fingerprint,
    log::{Position, StreamId},
};

/// Who acts, why, and in which trace; stored with each event as a flat JSON object of strings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata(pub BTreeMap<String, String>);

/// A command on its way to its aggregate.
#[derive(Debug, Clone)]
pub struct Request<C> {
    /// What makes a repeat recognisable.
    pub command_id: Uuid,
    /// Digest of the command's content: the same id with another one is [`Error::KeyReused`].
    pub fingerprint: Fingerprint,
    /// The command.
    pub command: C,
    /// `actor`, `correlation_id`, `causation_id`, `traceparent`.
    pub metadata: Metadata,
    /// Claims that the events themselves must not tell of.
    pub claims: Vec<ClaimChange>,
    /// When to give up retrying; [`Config::deadline`] from now where absent.
    pub deadline: Option<Instant>,
}

impl<C> Request<C> {
    /// A command without fingerprint, metadata, claims or a deadline of its own.
    pub fn new(command_id: Uuid, command: C) -> Self {
        Self {
            command_id,
            fingerprint: Fingerprint::default(),
            command,
            metadata: Metadata::default(),
            claims: Vec::new(),
            deadline: None,
        }
    }
}

/// One event of an answer.
#[derive(Debug, Clone)]
pub struct Decided<E> {
    /// The event.
    pub event: E,
    /// Its place in the log.
    pub position: Position,
    /// Its place in the stream.
    pub sequence: u64,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
}

/// How a command was carried out. Without events it changed nothing and left no trace.
#[derive(Debug, Clone)]
pub struct Answer<E> {
    /// The stream that holds the events: for a repeat, the one of the first time.
    pub stream: StreamId,
    /// The command's events.
    pub events: Vec<Decided<E>>,
    /// Where they end; without events, where the stream ends.
    pub position: Position,
    /// Whether the command had been carried out before.
    pub repeated: bool,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error<X: std::error::Error> {
    /// The aggregate refuses.
    #[error("{error}")]
    Refused {
        /// Why.
        #[source]
        error: X,
        /// Where the stream stood.
        position: Position,
    },
    /// Another stream holds a claim that the command needs.
    #[error("{namespace} {key} is taken by {stream}")]
    ClaimTaken {
        /// Kind of claim.
        namespace: String,
        /// Which one.
        key: String,
        /// Who holds it.
        stream: StreamId,
    },
    /// The command's id was used for something else.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The command's id is too old for its answer to be repeated.
    #[error("the idempotency key has expired")]
    KeyExpired,
    /// The aggregate's mailbox or the committer's queue is full; nothing was done.
    #[error("too many commands are waiting")]
    Overloaded,
    /// Others kept winning until the deadline; nothing was done.
    #[error("the deadline passed before the command could be recorded")]
    Busy,
    /// The command may or may not have been recorded: repeat it with its id.
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
    /// The log can't be reached; nothing was done.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
    /// A stored event or the command can't be handled: a defect.
    #[error("{0}")]
    Broken(String),
}

/// What becomes of a request.
pub(super) type Outcome<D> = Result<Answer<<D as Decider>::Event>, Error<<D as Decider>::Error>>;

/// Bounds of an executor.
#[derive(Debug, Clone)]
pub struct Config {
    /// Commands that may wait for one aggregate.
    pub mailbox: usize,
    /// Commands decided in one batch.
    pub batch: usize,
    /// Aggregates kept in memory.
    pub live_aggregates: usize,
    /// An aggregate unused for so long is evicted.
    pub idle: Duration,
    /// How long a command may take where it brings no deadline.
    pub deadline: Duration,
    /// Events folded since the last snapshot after which a new one is kept.
    pub snapshot_every: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mailbox: 4_096,
            batch: 512,
            live_aggregates: 100_000,
            idle: Duration::from_mins(5),
            deadline: Duration::from_secs(5),
            snapshot_every: 2_000,
        }
    }
}
