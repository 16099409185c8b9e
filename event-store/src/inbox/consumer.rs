//! A member of the inbox's group.

use std::{
    collections::{BTreeMap, VecDeque},
    pin::pin,
    time::Duration,
};

use futures::FutureExt;
use rdkafka::{
    Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{CommitMode, Consumer as _, StreamConsumer},
    error::{KafkaError, KafkaResult},
    message::BorrowedMessage,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{Deps, Record};
use crate::bus::{
    Error,
    kafka::client::{self, ANSWER, Context, MAX_RECORD_BYTES, blocking, part_with},
};

/// How long a member may be silent before its partitions are given to others; the least that brokers take by default.
const SESSION_MS: &str = "6000";

/// How often a member tells that it lives.
const HEARTBEAT_MS: &str = "2000";

/// What waits here for its turn: records, and bytes of them. Each broker may bring one fetch more.
const QUEUED_RECORDS: &str = "1000";
const QUEUED_KBYTES: &str = "8192";

/// How long a batch may take before its partitions are paused, so that the group goes on hearing from this member.
const SHORT: Duration = Duration::from_secs(1);

pub(super) struct Consumer {
    /// Taken when it is dropped.
    inner: Option<StreamConsumer<Context>>,
    topic: String,
    /// Read while a batch was being handled.
    held: VecDeque<Record>,
    /// Behind what is done, by partition.
    done: BTreeMap<i32, i64>,
}

impl Consumer {
    pub(super) fn open(deps: &Deps) -> Result<Self, Error> {
        let mut config = client::config(&deps.kafka);
        config
            .set("group.id", &deps.group)
            .set("session.timeout.ms", SESSION_MS)
            .set("heartbeat.interval.ms", HEARTBEAT_MS)
            // Only partitions that move are taken away, and they are given on only once they were let go of.
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.auto.commit", "false")
            // A group that is new has everything before it.
            .set("auto.offset.reset", "earliest")
            .set("fetch.message.max.bytes", MAX_RECORD_BYTES.to_string())
            .set("queued.min.messages", QUEUED_RECORDS)
            .set("queued.max.messages.kbytes", QUEUED_KBYTES);
        let inner = StreamConsumer::from_config_and_context(&config, Context);
        let inner = inner.map_err(client::unavailable)?;
        let subscribed = inner.subscribe(&[&deps.topic]);
        subscribed.map_err(client::unavailable)?;
        Ok(Self {
            inner: Some(inner),
            topic: deps.topic.clone(),
            held: VecDeque::new(),
            done: BTreeMap::new(),
        })
    }

    fn inner(&self) -> Result<&StreamConsumer<Context>, Error> {
        let closed = || Error::Unavailable("the consumer is closed".to_owned());
        self.inner.as_ref().ok_or_else(closed)
    }

    /// Waits for the next records, at most `limit`; `None` at the `shutdown`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) async fn next(
        &mut self,
        limit: usize,
        shutdown: &CancellationToken,
    ) -> Result<Option<Vec<Record>>, Error> {
        let count = self.held.len().min(limit);
        let mut batch: Vec<_> = self.held.drain(..count).collect();
        let inner = self.inner()?;
        while batch.is_empty() {
            let received = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(None),
                received = inner.recv() => received,
            };
            batch.extend(read(received)?);
        }
        // What is there already comes along.
        while batch.len() < limit
            && let Some(received) = inner.recv().now_or_never()
        {
            batch.extend(read(received)?);
        }
        Ok(Some(batch))
    }

    /// Does the `work` on a batch. Where that takes longer, nothing more is read meanwhile, but the group hears from this member.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Error> {
        let mut work = pin!(work);
        if let Ok(done) = timeout(SHORT, &mut work).await {
            return Ok(done);
        }
        info!(topic = self.topic, "the inbox is paused");
        let mut held = Vec::new();
        let inner = self.inner()?;
        let done = loop {
            // Partitions that came since are paused too.
            each_assigned(inner, |mine| inner.pause(mine))?;
            tokio::select! {
                done = &mut work => break done,
                received = inner.recv() => held.extend(read(received)?),
            }
        };
        each_assigned(inner, |mine| inner.resume(mine))?;
        info!(topic = self.topic, "the inbox goes on");
        self.held.extend(held);
        Ok(done)
    }

    /// Moves the group's offsets behind the records of a batch that is done.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) fn commit(&mut self, batch: &[Record]) -> Result<(), Error> {
        for record in batch {
            self.done.insert(record.partition, record.offset + 1);
        }
        let inner = self.inner()?;
        let list = committable(inner, &self.topic, &self.done)?;
        // One that is lost is made up for by the next, or the records come again.
        let committed = if list.count() == 0 {
            Ok(())
        } else {
            inner.commit(&list, CommitMode::Async)
        };
        self.done.clear();
        for element in list.elements() {
            if let Offset::Offset(next) = element.offset() {
                self.done.insert(element.partition(), next);
            }
        }
        committed.map_err(client::unavailable)
    }

    /// Leaves the group once the brokers know what was done.
    pub(super) async fn leave(mut self) {
        let Some(inner) = self.inner.take() else {
            return;
        };
        let list = committable(&inner, &self.topic, &self.done);
        let committing = blocking(move || {
            let list = list?;
            let committed = if list.count() == 0 {
                Ok(())
            } else {
                inner.commit(&list, CommitMode::Sync)
            };
            drop(inner);
            committed.map_err(client::unavailable)
        });
        match timeout(ANSWER, committing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "some records will come again"),
            Err(_) => warn!("the brokers did not answer: some records will come again"),
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            part_with(inner);
        }
    }
}

/// A record; none, where the library goes on by itself.
fn read(received: KafkaResult<BorrowedMessage<'_>>) -> Result<Option<Record>, Error> {
    match received {
        Ok(message) => Ok(Some(Record::of(&message))),
        Err(error) if client::is_passing(&error) => {
            debug!(%error, "the inbox goes on");
            Ok(None)
        }
        Err(error) => Err(client::unavailable(error)),
    }
}

fn each_assigned(
    inner: &StreamConsumer<Context>,
    act: impl FnOnce(&TopicPartitionList) -> Result<(), KafkaError>,
) -> Result<(), Error> {
    let mine = inner.assignment().map_err(client::unavailable)?;
    act(&mine).map_err(client::unavailable)
}

/// What is done of the partitions that this member has: whoever has another one now may have done more of it.
fn committable(
    inner: &StreamConsumer<Context>,
    topic: &str,
    done: &BTreeMap<i32, i64>,
) -> Result<TopicPartitionList, Error> {
    let mine = inner.assignment().map_err(client::unavailable)?;
    let mut list = TopicPartitionList::new();
    for (partition, next) in done {
        if mine.find_partition(topic, *partition).is_some() {
            list.add_partition_offset(topic, *partition, Offset::Offset(*next))
                .map_err(client::unavailable)?;
        }
    }
    Ok(list)
}
