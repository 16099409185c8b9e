//! PORT: the event bus. The log as consumers follow it: in order per key, nothing missing, nothing twice.
//!
//! ```text
//!  log            1a 2b 3a 4c 5b 6a 7c
//!  partition 0    1a    3a       6a      ── up_to 7: everything up to 7 that belongs here was delivered
//!  partition 1       2b    4c 5b    7c
//! ```
//!
//! The contract, which `conformance` checks on every adapter:
//!
//! - Each partition delivers the log, filtered by routing key, in the log's order; one key is always in one partition.
//! - `up_to` never falls and covers positions that belong to other partitions too, so a consumer knows how far it has come.
//! - A subscription begins right after its cursor and delivers each event once; a delivery with no events only moves `up_to`.
//! - A cursor beyond the log's end, or of a newer epoch, is an error: history diverged.

pub mod conformance;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod log_tail;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use tokio::sync::watch;

#[cfg(feature = "kafka")]
pub use self::kafka::KafkaBus;
pub use self::log_tail::LogTailBus;
use crate::log::{EventLog, Position, RecordedEvent};

/// How far a consumer has come in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// The partition, from 0.
    pub partition: u32,
    /// Epoch of the last event seen.
    pub epoch: u64,
    /// Everything up to here was seen.
    pub position: Position,
    /// The transport's own place: the offset of the next record to read (Kafka); 0 where it has none, and at the beginning.
    pub offset: i64,
}

/// What a subscription hands over at a time, all of one partition.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    /// The events, in order.
    pub events: Vec<RecordedEvent>,
    /// Where the consumer stands once it has taken them.
    pub cursor: Cursor,
}

/// Why the bus failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The transport can't be reached; try again.
    #[error("the bus is unavailable: {0}")]
    Unavailable(String),
    /// The consumer has seen what the bus does not have: the log's history was cut.
    #[error("history diverged: {0}")]
    Diverged(String),
    /// What the bus delivered contradicts the contract.
    #[error("the bus lost or repeated events: {0}")]
    Corrupt(String),
    /// The bus is not as this program is configured.
    #[error("{0}")]
    Refused(String),
}

/// A bus that can't be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No adapter has this scheme.
    #[error("no bus is known for {url:?}; known are: log:, kafka:HOST:PORT[,HOST:PORT...]")]
    UnknownScheme {
        /// What was asked for.
        url: String,
    },
    /// The adapter was left out when the program was built.
    #[error("the bus at {url:?} needs the feature `kafka`, which this program was built without")]
    LeftOut {
        /// What was asked for.
        url: String,
    },
    /// The bus is the log itself, but the process has none.
    #[error("the bus {url:?} is the log itself, which this process does not open")]
    NoLog {
        /// What was asked for.
        url: String,
    },
}

/// What the types of records begin with.
const TYPE_PREFIX: &str = "frontrow";

/// The type of an event as records name it, in `ce_type`.
pub fn type_of(aggregate_type: &str, event_type: &str) -> String {
    format!("{TYPE_PREFIX}.{aggregate_type}.{event_type}")
}

/// The topic of the log, where the bus has topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its partitions; constant for a topic, since another number moves keys.
    pub partitions: u32,
    /// Copies of each partition, where the topic is made.
    pub replication: u16,
}

impl Default for Topic {
    fn default() -> Self {
        Self {
            name: "frontrow.log.v1".to_owned(),
            partitions: 12,
            replication: 3,
        }
    }
}

/// The bus that a URL names: `log:`, the tail of `log` itself, or `kafka:HOST:PORT[,HOST:PORT...]`, the `topic` on these brokers.
///
/// # Errors
/// [`OpenError`].
pub fn open(
    url: &str,
    log: Option<Arc<dyn EventLog>>,
    topic: &Topic,
) -> Result<Arc<dyn Bus>, OpenError> {
    match url.split_once(':') {
        Some(("log", "")) => match log {
            Some(log) => Ok(Arc::new(LogTailBus::new(log))),
            None => Err(OpenError::NoLog {
                url: url.to_owned(),
            }),
        },
        Some(("kafka", brokers)) if !brokers.is_empty() => open_kafka(url, brokers, topic),
        _ => Err(OpenError::UnknownScheme {
            url: url.to_owned(),
        }),
    }
}

#[cfg(feature = "kafka")]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the other form of this function fails"
)]
fn open_kafka(_url: &str, brokers: &str, topic: &Topic) -> Result<Arc<dyn Bus>, OpenError> {
    let options = kafka::Options::at(brokers, topic);
    Ok(Arc::new(KafkaBus::new(options)))
}

#[cfg(not(feature = "kafka"))]
fn open_kafka(url: &str, _brokers: &str, _topic: &Topic) -> Result<Arc<dyn Bus>, OpenError> {
    Err(OpenError::LeftOut {
        url: url.to_owned(),
    })
}

/// The port. See the module's documentation for the contract.
#[async_trait]
pub trait Bus: Send + Sync + fmt::Debug {
    /// Number of partitions; constant.
    fn partitions(&self) -> u32;

    /// The partition of a routing key; constant.
    fn partition_of(&self, routing_key: &str) -> u32;

    /// Joins the workers of `group`, who share the partitions out among them: each partition is one member's at a time, save for
    /// moments in which a member that was cut off has not noticed. Writes fence that off, by the checkpoints they compare.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn join(&self, group: &str) -> Result<Box<dyn Membership>, Error>;

    /// Follows some partitions from their cursors on.
    ///
    /// # Errors
    /// [`Error`].
    async fn subscribe(&self, from: Vec<Cursor>) -> Result<Box<dyn Subscription>, Error>;

    /// Tells whoever watches the bus that `consumer` could not take an event, and why. Where the bus has no place for that, nothing
    /// happens: what was parked is in the consumer's own store.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn dead_letter(
        &self,
        _consumer: &str,
        _event: &RecordedEvent,
        _reason: &str,
    ) -> Result<(), Error> {
        Ok(())
    }
}

/// A worker's part in a group. Dropping it leaves the group.
pub trait Membership: Send + Sync + fmt::Debug {
    /// The partitions that are this member's, ascending, as that changes; none before the first assignment.
    fn assigned(&self) -> watch::Receiver<Vec<u32>>;
}

/// The part of a member that has no others beside it: every partition.
#[derive(Debug)]
pub struct Alone(watch::Sender<Vec<u32>>);

impl Alone {
    /// With partitions 0 to `partitions`, exclusive.
    pub fn with(partitions: u32) -> Self {
        Self(watch::Sender::new((0..partitions).collect()))
    }
}

impl Membership for Alone {
    fn assigned(&self) -> watch::Receiver<Vec<u32>> {
        self.0.subscribe()
    }
}

/// A consumer's place on the bus.
#[async_trait]
pub trait Subscription: Send + fmt::Debug {
    /// Waits for the next delivery of at most `limit` events. Cancel-safe: a delivery is either handed over or not taken.
    ///
    /// # Errors
    /// [`Error`]; after one, subscribe again.
    async fn next(&mut self, limit: usize) -> Result<Delivery, Error>;
}
