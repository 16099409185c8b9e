//! Follows partitions from cursors on, without a group.

use std::{collections::BTreeMap, fmt, time::Duration};

use async_trait::async_trait;
use futures::FutureExt;
use rdkafka::{
    ClientConfig, ClientContext, Offset, Statistics, TopicPartitionList,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    consumer::{Consumer, ConsumerContext, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    Options,
    client::{self, MAX_RECORD_BYTES},
    place::{Place, Step},
    reader::{Reader, number},
    record::{self, Record},
};
use crate::bus::{Cursor, Delivery, Error, Subscription};

/// Most bytes that wait for a consumer that is slow. The library stops fetching beyond it, give or take one fetch from each broker.
pub(super) const MAX_QUEUED_BYTES: usize = 16 * 1024 * 1024;

/// Most records that are fetched ahead: their bookkeeping counts for nothing in [`MAX_QUEUED_BYTES`].
const MAX_QUEUED_RECORDS: &str = "20000";

/// Most bytes of one fetch; no less than a record may have. They are compressed bytes: what they become is not known before.
const MAX_FETCH_BYTES: usize = MAX_RECORD_BYTES;

/// Most bytes of one partition in it, so that each has its share. A record that is larger comes all the same.
const MAX_PARTITION_FETCH_BYTES: usize = 256 * 1024;

/// How soon fetching goes on once a slow consumer has caught up; the default of 1 s would be seen as lag.
const FETCH_AGAIN_MS: &str = "10";

/// How long a fetch waits at the brokers for something to come. They answer at once when it does.
const FETCH_WAIT_MS: &str = "500";

/// A consumer's place on the topic.
pub(super) struct KafkaSubscription {
    /// Taken when it is dropped.
    consumer: Option<StreamConsumer<Watched>>,
    topic: String,
    places: BTreeMap<u32, Place>,
    /// A record taken from the library that belongs to the next delivery.
    ahead: Option<Record>,
    /// Partitions that ended before their cursors, and when they are given up.
    short: BTreeMap<u32, Instant>,
    patience: Duration,
}

/// Knows how much the library holds for the consumer, where its statistics are asked for.
#[derive(Debug, Default)]
pub(super) struct Watched {
    queued_bytes: watch::Sender<u64>,
}

impl ClientContext for Watched {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        client::log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::met(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let partitions = statistics
            .topics
            .values()
            .flat_map(|t| t.partitions.values());
        // Each tells of the one queue that they share.
        let most = partitions.map(|partition| partition.fetchq_size).max();
        self.queued_bytes.send_replace(most.unwrap_or_default());
    }
}

impl ConsumerContext for Watched {}

/// Follows partitions from `from` on.
///
/// # Errors
/// [`Error`].
pub(super) async fn subscribe(
    options: &Options,
    from: Vec<Cursor>,
) -> Result<KafkaSubscription, Error> {
    subscribe_with(&config(options), options, from).await
}

/// The same, with a client of these settings.
pub(super) async fn subscribe_with(
    config: &ClientConfig,
    options: &Options,
    from: Vec<Cursor>,
) -> Result<KafkaSubscription, Error> {
    check(options, &from)?;
    let asked = options.clone();
    let starts = client::blocking(move || {
        let reader = Reader::open(&asked)?;
        from.into_iter()
            .map(|cursor| start(&reader, cursor))
            .collect::<Result<Vec<_>, _>>()
    })
    .await?;
    let consumer = StreamConsumer::from_config_and_context(config, Watched::default())
        .map_err(client::unavailable)?;
    let mut list = TopicPartitionList::new();
    for start in &starts {
        let (partition, offset) = (number(start.cursor.partition), Offset::Offset(start.offset));
        list.add_partition_offset(&options.topic, partition, offset)
            .map_err(client::unavailable)?;
    }
    consumer.assign(&list).map_err(client::unavailable)?;
    let places = starts.into_iter().map(|start| {
        let place = Place::at(start.cursor, start.guessed);
        (start.cursor.partition, place)
    });
    Ok(KafkaSubscription {
        consumer: Some(consumer),
        topic: options.topic.clone(),
        places: places.collect(),
        ahead: None,
        short: BTreeMap::new(),
        patience: options.patience,
    })
}

fn check(options: &Options, from: &[Cursor]) -> Result<(), Error> {
    let mut partitions: Vec<u32> = from.iter().map(|cursor| cursor.partition).collect();
    partitions.sort_unstable();
    partitions.dedup();
    let unknown = partitions.iter().find(|p| **p >= options.partitions);
    if let Some(partition) = unknown {
        let text = format!("{} has no partition {partition}", options.topic);
        return Err(Error::Diverged(text));
    }
    if partitions.is_empty() || partitions.len() < from.len() {
        let text = format!("{} cursors for {} partitions", from.len(), partitions.len());
        return Err(Error::Diverged(text));
    }
    Ok(())
}

/// Where reading a partition begins.
struct Start {
    cursor: Cursor,
    offset: i64,
    /// It may be too late.
    guessed: bool,
}

/// Where to begin to read: at the last record that the cursor covers, so as to see that it is there. The cursor's offset is a hint,
/// since the topic may have been filled anew; where it is none, the position is looked for.
fn start(reader: &Reader, mut cursor: Cursor) -> Result<Start, Error> {
    let (low, high) = reader.bounds(cursor.partition)?;
    let hint = cursor.offset - 1;
    cursor.offset = cursor.offset.clamp(low, high);
    let at = |offset, guessed| Start {
        cursor,
        offset,
        guessed,
    };
    if cursor.position.0 == 0 {
        return Ok(at(low, false));
    }
    if (low..high).contains(&hint) {
        let last = reader.record(cursor.partition, hint)?.sent.position;
        if last <= cursor.position {
            return Ok(at(hint, last < cursor.position));
        }
    }
    let found = reader.search(cursor.partition, cursor.position)?;
    Ok(at(found, found > low))
}

pub(super) fn config(options: &Options) -> ClientConfig {
    let mut config = client::config(options);
    config
        // Only named: a consumer that is assigned its partitions joins no group. The library wants a name all the same.
        .set("group.id", &options.topic)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("fetch.max.bytes", MAX_FETCH_BYTES.to_string())
        .set(
            "fetch.message.max.bytes",
            MAX_PARTITION_FETCH_BYTES.to_string(),
        )
        .set("fetch.wait.max.ms", FETCH_WAIT_MS)
        .set("fetch.queue.backoff.ms", FETCH_AGAIN_MS)
        .set("queued.min.messages", MAX_QUEUED_RECORDS)
        .set(
            "queued.max.messages.kbytes",
            (MAX_QUEUED_BYTES / 1024).to_string(),
        );
    config
}

#[async_trait]
impl Subscription for KafkaSubscription {
    async fn next(&mut self, limit: usize) -> Result<Delivery, Error> {
        loop {
            if let Some(delivery) = self.gather(limit.max(1))? {
                return Ok(delivery);
            }
            let waits_until = self.short.values().min().copied();
            let Some(consumer) = &self.consumer else {
                return Err(Error::Unavailable("the subscription ended".to_owned()));
            };
            // The only await: whoever drops this future there has not taken anything.
            let received = match waits_until {
                Some(deadline) => timeout_at(deadline, consumer.recv()).await.ok(),
                None => Some(consumer.recv().await),
            };
            match received.map(Taken::of) {
                Some(taken) => self.note(taken?)?,
                None => return Err(self.give_up()),
            }
        }
    }
}

/// What the library handed over.
enum Taken {
    Record(Box<Record>),
    End(u32),
    Nothing,
}

impl Taken {
    fn of(received: Result<BorrowedMessage<'_>, KafkaError>) -> Result<Self, Error> {
        match received {
            Ok(message) => record::decode(&message).map(Box::new).map(Self::Record),
            Err(KafkaError::PartitionEOF(partition)) => {
                Ok(u32::try_from(partition).map_or(Self::Nothing, Self::End))
            }
            Err(KafkaError::MessageConsumption(
                code @ (RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange),
            )) => Err(Error::Unavailable(format!(
                "the topic does not have what was read before: {code}"
            ))),
            Err(error) if client::is_passing(&error) => Ok(Self::Nothing),
            Err(error) => Err(client::unavailable(error)),
        }
    }
}

impl KafkaSubscription {
    /// Everything that is there for one partition, without waiting; `None`: nothing that moves a cursor.
    fn gather(&mut self, limit: usize) -> Result<Option<Delivery>, Error> {
        let mut delivery: Option<Delivery> = None;
        while let Some(record) = self.ready()? {
            if let Some(delivery) = &delivery
                && (delivery.cursor.partition != record.partition || delivery.events.len() >= limit)
            {
                self.ahead = Some(record);
                break;
            }
            let partition = record.partition;
            let Some(place) = self.places.get_mut(&partition) else {
                continue;
            };
            let step = place.take(record)?;
            let cursor = place.cursor;
            let event = match step {
                Step::Deliver(event) => Some(*event),
                Step::Move => None,
                Step::Drop => continue,
                Step::Rewind => {
                    self.rewind(partition)?;
                    continue;
                }
            };
            self.short.remove(&partition);
            let delivery = delivery.get_or_insert_with(Delivery::default);
            delivery.cursor = cursor;
            delivery.events.extend(event);
        }
        Ok(delivery)
    }

    /// The next record that is there already.
    fn ready(&mut self) -> Result<Option<Record>, Error> {
        loop {
            if let Some(record) = self.ahead.take() {
                return Ok(Some(record));
            }
            let received = self.consumer.as_ref().and_then(|c| c.recv().now_or_never());
            match received.map(Taken::of) {
                Some(taken) => self.note(taken?)?,
                None => return Ok(None),
            }
        }
    }

    fn note(&mut self, taken: Taken) -> Result<(), Error> {
        match taken {
            Taken::Record(record) => self.ahead = Some(*record),
            Taken::End(partition) => {
                if let Some(place) = self.places.get(&partition) {
                    if place.at_end()? {
                        self.short.remove(&partition);
                    } else {
                        let deadline = Instant::now() + self.patience;
                        self.short.entry(partition).or_insert(deadline);
                    }
                }
            }
            Taken::Nothing => {}
        }
        Ok(())
    }

    /// What is wrong with the partition that was waited for the longest.
    fn give_up(&self) -> Error {
        let longest = self.short.iter().min_by_key(|(_, deadline)| **deadline);
        longest
            .and_then(|(partition, _)| self.places.get(partition))
            .map_or_else(
                || Error::Unavailable("the partitions went away".to_owned()),
                Place::too_short,
            )
    }

    /// What the library holds for this consumer, in bytes, as it tells next.
    #[cfg(test)]
    pub(super) fn queued_bytes(&self) -> watch::Receiver<u64> {
        let consumer = self.consumer.as_ref().expect("it is not dropped");
        consumer.client().context().queued_bytes.subscribe()
    }

    fn rewind(&self, partition: u32) -> Result<(), Error> {
        let Some(consumer) = &self.consumer else {
            return Ok(());
        };
        // Does not wait for the brokers: what still comes from before is told by its offset.
        consumer
            .seek(
                &self.topic,
                number(partition),
                Offset::Beginning,
                Duration::ZERO,
            )
            .map_err(client::unavailable)
    }
}

impl Drop for KafkaSubscription {
    fn drop(&mut self) {
        if let Some(consumer) = self.consumer.take() {
            client::part_with(consumer);
        }
    }
}

impl fmt::Debug for KafkaSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSubscription")
            .field("topic", &self.topic)
            .field("places", &self.places)
            .finish_non_exhaustive()
    }
}
