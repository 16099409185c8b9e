//! Whether the topic equals the log, as a plain consumer sees it: after dropping the positions already seen in each partition.

use std::{fmt, sync::Arc, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{Consumer, StreamConsumer, stream_consumer::StreamPartitionQueue},
    error::KafkaError,
};
use tokio::time::timeout;

use super::{
    Options,
    client::{self, Context, blocking},
    reader::number,
    record::{self, Record},
    subscription, topic,
};
use crate::{
    bus::Error,
    log::{EventLog, Position, RecordedEvent},
};

/// Events read from the log at a time.
const PAGE: usize = 1_000;

/// Differences that are told one by one.
const MAX_TOLD: usize = 100;

/// How long the brokers may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audit {
    /// What was compared: the log from its beginning to here.
    pub up_to: Position,
    /// Events that are in both, equal.
    pub events: u64,
    /// Records of the topic that a consumer drops, since it has seen their position.
    pub duplicates: u64,
    /// Watermarks.
    pub watermarks: u64,
    /// How many events differ, are missing from the topic, or are in the topic alone.
    pub differing: u64,
    /// The first of these, a sentence each, at most 100.
    pub differences: Vec<String>,
}

impl Audit {
    /// Whether the topic equals the log.
    pub fn is_clean(&self) -> bool {
        self.differing == 0
    }

    fn differs(&mut self, what: impl fmt::Display) {
        self.differing += 1;
        if self.differences.len() < MAX_TOLD {
            self.differences.push(what.to_string());
        }
    }
}

/// Compares the topic with the log up to `up_to`: each event of the log is in the partition of its key, once, in order, as the log has
/// it, and the topic has no other. Holds one fetch of each partition and one page of the log in memory.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Refused`]; [`Error::Corrupt`] for a record that no relay wrote. Differences are no error.
pub async fn audit(options: &Options, log: &dyn EventLog, up_to: Position) -> Result<Audit, Error> {
    let mut lanes = open(options).await?;
    let mut audit = Audit {
        up_to,
        ..Audit::default()
    };
    let mut at = Position(0);
    while at < up_to {
        let page = log.read_all(at, PAGE).await;
        let page = page.map_err(|error| Error::Unavailable(error.to_string()))?;
        let Some(last) = page.last() else {
            audit.differs(format_args!(
                "the log ends at position {at}, before {up_to}"
            ));
            break;
        };
        at = last.position;
        for event in page.into_iter().filter(|event| event.position <= up_to) {
            let partition = options.partition_of(&event.routing_key);
            if let Some(lane) = lanes.get_mut(partition as usize) {
                lane.expect(&event, &mut audit).await?;
            }
        }
    }
    for lane in &mut lanes {
        lane.expect_no_more(&mut audit).await?;
    }
    Ok(audit)
}

/// One partition, read from its beginning.
struct Lane {
    partition: u32,
    queue: StreamPartitionQueue<Context>,
    consumer: Arc<StreamConsumer<Context>>,
    /// The furthest that a consumer has come.
    seen: Position,
    epoch: u64,
    ahead: Option<Record>,
    ended: bool,
}

async fn open(options: &Options) -> Result<Vec<Lane>, Error> {
    let asked = options.clone();
    blocking(move || topic::check(&topic::client(&asked)?, &asked)).await?;
    let consumer = StreamConsumer::from_config_and_context(&subscription::config(options), Context)
        .map_err(client::unavailable)?;
    let consumer = Arc::new(consumer);
    let mut list = TopicPartitionList::new();
    for partition in 0..options.partitions {
        list.add_partition_offset(&options.topic, number(partition), Offset::Beginning)
            .map_err(client::unavailable)?;
    }
    consumer.assign(&list).map_err(client::unavailable)?;
    let lanes = (0..options.partitions).map(|partition| {
        let queue = consumer.split_partition_queue(&options.topic, number(partition));
        let queue = queue.ok_or_else(|| {
            Error::Unavailable(format!("partition {partition} could not be read alone"))
        })?;
        Ok(Lane {
            partition,
            queue,
            consumer: Arc::clone(&consumer),
            seen: Position(0),
            epoch: 0,
            ahead: None,
            ended: false,
        })
    });
    lanes.collect()
}

impl Lane {
    /// The next record is this event.
    async fn expect(&mut self, event: &RecordedEvent, audit: &mut Audit) -> Result<(), Error> {
        let partition = self.partition;
        while let Some(record) = self.next(audit).await? {
            let position = record.sent.position;
            if position > event.position || (record.event.is_none() && position == event.position) {
                self.ahead = Some(record);
                break;
            }
            self.seen = position;
            match record.event {
                None => {}
                Some(found) if found == *event => {
                    audit.events += 1;
                    return Ok(());
                }
                Some(_) if position == event.position => {
                    audit.differs(format_args!(
                        "position {position} is another in partition {partition} than in the log"
                    ));
                    return Ok(());
                }
                Some(_) => audit.differs(format_args!(
                    "position {position} is in partition {partition}, but not there in the log"
                )),
            }
        }
        audit.differs(format_args!(
            "position {} is missing from partition {partition}",
            event.position
        ));
        Ok(())
    }

    /// No event up to where the comparison goes is left.
    async fn expect_no_more(&mut self, audit: &mut Audit) -> Result<(), Error> {
        let partition = self.partition;
        while let Some(record) = self.next(audit).await? {
            let position = record.sent.position;
            if position > audit.up_to {
                break;
            }
            self.seen = position;
            if record.event.is_some() {
                audit.differs(format_args!(
                    "position {position} is in partition {partition}, but not there in the log"
                ));
            }
        }
        Ok(())
    }

    /// The next record that a consumer does not drop; `None` at the partition's end.
    async fn next(&mut self, audit: &mut Audit) -> Result<Option<Record>, Error> {
        if let Some(record) = self.ahead.take() {
            return Ok(Some(record));
        }
        while !self.ended {
            let Some(record) = self.read().await? else {
                break;
            };
            if record.event.is_none() {
                audit.watermarks += 1;
            }
            if record.sent.position <= self.seen || record.sent.epoch < self.epoch {
                audit.duplicates += u64::from(record.event.is_some());
                continue;
            }
            self.epoch = record.sent.epoch;
            if record.sent.prev_position > self.seen {
                audit.differs(format_args!(
                    "position {} of partition {} comes after {}, but only {} came before it",
                    record.sent.position, self.partition, record.sent.prev_position, self.seen
                ));
            }
            return Ok(Some(record));
        }
        Ok(None)
    }

    async fn read(&mut self) -> Result<Option<Record>, Error> {
        loop {
            let received = timeout(SILENCE, async {
                tokio::select! {
                    received = self.queue.recv() => received,
                    // Has nothing but errors: each partition has its own queue.
                    received = self.consumer.recv() => received,
                }
            })
            .await;
            match received {
                Ok(Ok(message)) => return record::decode(&message).map(Some),
                Ok(Err(KafkaError::PartitionEOF(_))) => {
                    self.ended = true;
                    return Ok(None);
                }
                Ok(Err(error)) if client::is_passing(&error) => {}
                Ok(Err(error)) => return Err(client::unavailable(error)),
                Err(_) => {
                    return Err(Error::Unavailable(format!(
                        "partition {} was silent for {SILENCE:?}",
                        self.partition
                    )));
                }
            }
        }
    }
}
