//! STUB. The executor: commands for one aggregate, decided in batches on cached state.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    claims::ClaimChange,
    clock::Clock,
    commands::Fingerprint,
    committer::Committer,
    log::{EventLog, Position, RecordedEvent, StreamId},
};

/// What the executor needs to know of an aggregate: `decide` and `evolve` as functions, and how events are stored.
pub trait Decider: Send + Sync + 'static {
    /// The stream's `aggregate_type`.
    const TYPE: &'static str;
    /// Number of the state's serialised form.
    const SNAPSHOT_SCHEMA: u32;
    /// What is folded.
    type State: Default + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What can be asked.
    type Command: Debug + Clone + Send + Sync + 'static;
    /// What can have happened.
    type Event: Clone + Debug + Send + Sync + 'static;
    /// Why something is refused.
    type Error: std::error::Error + Clone + Send + Sync + 'static;

    /// The events that `command` brings about, or why not. No events: nothing to do.
    ///
    /// # Errors
    /// The aggregate's refusals.
    fn decide(
        state: &Self::State,
        command: &Self::Command,
        now: DateTime<Utc>,
    ) -> Result<Vec<Self::Event>, Self::Error>;

    /// Applies one event.
    fn evolve(state: &mut Self::State, event: &Self::Event);

    /// Events that time alone made due; recorded before a batch's commands are decided.
    fn due(_state: &Self::State, _now: DateTime<Utc>) -> Vec<Self::Event> {
        Vec::new()
    }

    /// The stream's timer after the append.
    fn wake_at(_state: &Self::State) -> Option<DateTime<Utc>> {
        None
    }

    /// The claims that an event sets or releases.
    fn claims(_stream: &StreamId, _event: &Self::Event) -> Vec<ClaimChange> {
        Vec::new()
    }

    /// The key by which the bus keeps order; asked of the state after the append.
    fn routing_key(id: &str, _state: &Self::State) -> String {
        id.to_owned()
    }

    /// An event as it is stored.
    fn encode(event: &Self::Event) -> Encoded;

    /// An event as it was stored, upcast to its present form.
    ///
    /// # Errors
    /// A text that says why the event can't be read.
    fn decode(event: &RecordedEvent) -> Result<Self::Event, String>;
}

/// An event's stored form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Name.
    pub event_type: String,
    /// Version of its form.
    pub event_version: String,
    /// JSON.
    pub payload: String,
}

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
            idle: Duration::from_secs(300),
            deadline: Duration::from_secs(5),
            snapshot_every: 2_000,
        }
    }
}

/// Runs the commands of one kind of aggregate. Cheap to clone.
pub struct Executor<D: Decider> {
    _decider: std::marker::PhantomData<fn() -> D>,
}

impl<D: Decider> Clone for Executor<D> {
    fn clone(&self) -> Self {
        Self {
            _decider: std::marker::PhantomData,
        }
    }
}

impl<D: Decider> Debug for Executor<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor")
            .field("aggregate_type", &D::TYPE)
            .finish_non_exhaustive()
    }
}

impl<D: Decider> Executor<D> {
    /// An executor over `log` that appends through `committer`. Its mailboxes run on `tasks` and end after `shutdown`, once what they
    /// accepted is answered.
    pub fn new(
        _log: Arc<dyn EventLog>,
        _committer: Committer,
        _clock: Arc<dyn Clock>,
        _config: Config,
        _tasks: TaskTracker,
        _shutdown: CancellationToken,
    ) -> Self {
        todo!()
    }

    /// Carries out a command on the aggregate `id`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn execute(
        &self,
        _id: &str,
        _request: Request<D::Command>,
    ) -> Result<Answer<D::Event>, Error<D::Error>> {
        todo!()
    }

    /// Looks at the aggregate's durable state: `look` gets the state, the stream's version and the time of the look.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Overloaded`], [`Error::Broken`].
    pub async fn read<R: Send + 'static>(
        &self,
        _id: &str,
        _look: impl FnOnce(&D::State, u64, DateTime<Utc>) -> R + Send + 'static,
    ) -> Result<R, Error<D::Error>> {
        todo!()
    }
}
