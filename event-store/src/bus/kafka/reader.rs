//! Reads single records of the topic: where it ends, and where a position is. Blocks.

use std::time::Instant;

use rdkafka::{
    Offset, TopicPartitionList,
    admin::AdminClient,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use super::{
    Options,
    client::{self, ANSWER, Context, MAX_RECORD_BYTES},
    record::{self, Record},
    topic,
};
use crate::{bus::Error, log::Position};

/// Most bytes that a look at one record fetches; a larger record comes whole all the same.
const LOOK_BYTES: &str = "65536";

/// A consumer that jumps about.
pub(crate) struct Reader {
    consumer: BaseConsumer<Context>,
    topic: String,
}

impl Reader {
    /// A reader of a topic that is as configured.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Unavailable`].
    pub(crate) fn open(options: &Options) -> Result<Self, Error> {
        let admin: AdminClient<Context> = topic::client(options)?;
        topic::check(&admin, options)?;
        let mut config = client::config(options);
        config
            .set("group.id", &options.topic)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("fetch.max.bytes", MAX_RECORD_BYTES.to_string())
            .set("fetch.message.max.bytes", LOOK_BYTES)
            .set("fetch.wait.max.ms", "100");
        let consumer =
            BaseConsumer::from_config_and_context(&config, Context).map_err(client::unavailable)?;
        let topic = options.topic.clone();
        Ok(Self { consumer, topic })
    }

    /// The offset of the partition's first record, and that of the next to be written.
    pub(crate) fn bounds(&self, partition: u32) -> Result<(i64, i64), Error> {
        self.consumer
            .fetch_watermarks(&self.topic, number(partition), ANSWER)
            .map_err(client::unavailable)
    }

    /// The first record at or behind an offset, which must be before the partition's end.
    pub(crate) fn record(&self, partition: u32, offset: i64) -> Result<Record, Error> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, number(partition), Offset::Offset(offset))
            .map_err(client::unavailable)?;
        self.consumer.assign(&list).map_err(client::unavailable)?;
        let until = Instant::now() + ANSWER;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            match self.consumer.poll(left) {
                Some(Ok(message)) if message_is(&message, partition, offset) => {
                    return record::decode(&message);
                }
                Some(Err(error)) if !client::is_passing(&error) => return Err(failed(error)),
                Some(_) | None => {}
            }
        }
        Err(Error::Unavailable(format!(
            "the record at offset {offset} of partition {partition} of {} did not come within {ANSWER:?}",
            self.topic
        )))
    }

    /// The last record of a partition; `None`: it is empty.
    pub(crate) fn last(&self, partition: u32) -> Result<Option<Record>, Error> {
        let (low, high) = self.bounds(partition)?;
        if low >= high {
            return Ok(None);
        }
        self.record(partition, high - 1).map(Some)
    }

    /// The offset of a record not behind `position`, as late as the records' order allows to find.
    pub(crate) fn search(&self, partition: u32, position: Position) -> Result<i64, Error> {
        let (mut low, mut high) = self.bounds(partition)?;
        // The record at `low` is not behind the position, that at `high` is, or there is none. Duplicates can make this wrong;
        // the follower notices and begins at the beginning.
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.record(partition, middle)?.sent.position <= position {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

fn message_is(message: &impl rdkafka::Message, partition: u32, offset: i64) -> bool {
    message.partition() == number(partition) && message.offset() >= offset
}

/// A partition's number as the library has it.
pub(super) fn number(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

fn failed(error: KafkaError) -> Error {
    client::unavailable(error)
}
