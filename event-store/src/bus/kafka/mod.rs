//! ADAPTER `kafka:`: the log on one keyed topic, put there by the relay.
//!
//! ```text
//!  log           1a 2b 3a 4c 5b 6a 7c
//!  partition 0   1a(0) 3a(1) 6a(3) w7(6)        ── position(prev_position); w: a watermark, which carries no event
//!  partition 1   2b(0) 4c(2) 5b(4) 7c(5)
//! ```
//!
//! - A record at or before what was seen is dropped, so no duplicate is applied. One whose `prev_position` was not seen tells of a
//!   loss: [`crate::bus::Error::Corrupt`].
//! - A *watermark* says that everything up to its position that belongs to the partition was sent before it.
//! - The truth of a cursor is its position and epoch. Its offset is a hint, checked, and looked up where it does not hold.
//! - No offsets are committed: a consumer's checkpoints are its own. A group only shares the partitions out.
//!
//! See `docs/decisions/0012-kafka-bus.md`.

mod audit;
pub(crate) mod client;
mod dead_letters;
pub mod headers;
mod membership;
pub(crate) mod partition;
mod place;
pub(crate) mod reader;
pub(crate) mod record;
mod subscription;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod topic;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

pub use self::{
    audit::{Audit, audit},
    client::MAX_RECORD_BYTES,
    record::WATERMARK,
};
use super::{Bus, Cursor, Error, Membership, Subscription, Topic};
use crate::log::RecordedEvent;

/// How long a partition may end before a consumer's cursor until the cursor counts as one of another history. A cursor taken from the
/// log itself may be ahead of a relay that is behind, so this is patient.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the bus is, and what the relay makes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Brokers to ask for the others: `HOST:PORT[,HOST:PORT...]`.
    pub brokers: String,
    /// The topic of the log. `TOPIC.dlq` takes its dead letters.
    pub topic: String,
    /// Its partitions; constant for a topic, since another number moves keys.
    pub partitions: u32,
    /// Copies of each partition, for topics that are made.
    pub replication: u16,
    /// `ce_source` of the records: which system they come from.
    pub source: String,
    /// How long a partition may end before a consumer's cursor until that counts as a diverged history.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self::at("localhost:9092", &Topic::default())
    }
}

impl Options {
    /// `topic` on these brokers.
    pub fn at(brokers: &str, topic: &Topic) -> Self {
        Self {
            brokers: brokers.to_owned(),
            topic: topic.name.clone(),
            partitions: topic.partitions,
            replication: topic.replication,
            source: "frontrow".to_owned(),
            patience: PATIENCE,
        }
    }

    /// The topic of the dead letters.
    pub fn dead_letters(&self) -> String {
        format!("{}.dlq", self.topic)
    }

    /// The partition of a routing key.
    pub fn partition_of(&self, routing_key: &str) -> u32 {
        partition::of(routing_key.as_bytes(), self.partitions)
    }
}

/// The bus on Kafka. It holds no connection of its own: each subscription and membership has its own.
#[derive(Debug, Clone)]
pub struct KafkaBus {
    options: Arc<Options>,
    dead_letters: Arc<dead_letters::DeadLetters>,
}

impl KafkaBus {
    /// The bus at `options`. Nothing is asked yet: brokers that are away, and a topic that is not as configured, show when it is used.
    pub fn new(options: Options) -> Self {
        Self {
            options: Arc::new(options),
            dead_letters: Arc::default(),
        }
    }
}

#[async_trait]
impl Bus for KafkaBus {
    fn partitions(&self) -> u32 {
        self.options.partitions
    }

    fn partition_of(&self, routing_key: &str) -> u32 {
        self.options.partition_of(routing_key)
    }

    async fn join(&self, group: &str) -> Result<Box<dyn Membership>, Error> {
        Ok(Box::new(membership::join(&self.options, group).await?))
    }

    async fn subscribe(&self, from: Vec<Cursor>) -> Result<Box<dyn Subscription>, Error> {
        Ok(Box::new(
            subscription::subscribe(&self.options, from).await?,
        ))
    }

    async fn dead_letter(
        &self,
        consumer: &str,
        event: &RecordedEvent,
        reason: &str,
    ) -> Result<(), Error> {
        self.dead_letters
            .send(&self.options, consumer, event, reason)
            .await
    }
}
