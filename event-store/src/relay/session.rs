//! One producer's life: read, claim, produce, and tell the partitions how far that came.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Deps, Error,
    producer::{Batch, Outgoing, Producer},
    tails::{Tails, unread},
};
use crate::{
    bus::kafka::record::{self, Sent},
    leases::Lease,
    log::{Position, RecordedEvent},
    metrics,
};

/// Most events of a batch: one claim and one read of the log each.
const PAGE: usize = 1_000;

/// Least time between two pages, unless a page is full: each costs a replicated write and a request, whether it holds one event or a
/// thousand.
const PAGE_EVERY: Duration = Duration::from_millis(10);

/// How often the log is read although nobody told of a commit.
const POLL: Duration = Duration::from_secs(1);

/// Least time between two watermarks of a partition. Each goes to every partition and each of their consumers, which store how far they
/// are; whoever reads their own write may have to wait for one.
const WATERMARK_EVERY: Duration = Duration::from_millis(50);

/// How long what was sent may take once the relay is to stop; what takes longer is sent again by the next leader.
const FAREWELL: Duration = Duration::from_secs(2);

/// A place in the log, and what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Mark {
    position: Position,
    epoch: u64,
    event_id: Uuid,
}

impl Mark {
    fn of(event: &RecordedEvent) -> Self {
        Self {
            position: event.position,
            epoch: event.epoch,
            event_id: event.event_id,
        }
    }
}

/// A batch on its way.
#[derive(Debug)]
struct Sending {
    batch: Arc<Batch>,
    last: Mark,
    /// When its first event was recorded.
    since: DateTime<Utc>,
    /// When it was begun to be sent.
    begun: Instant,
}

/// See the module's documentation.
pub(super) struct Session<'a> {
    deps: &'a Deps,
    lease: &'a Lease,
    producer: Producer,
    /// The position last sent to each partition.
    sent: Vec<Position>,
    /// Events up to here have had their second records.
    routed: Position,
    read: Mark,
    sending: VecDeque<Sending>,
    acknowledged: Mark,
    /// The last watermark.
    marked: Position,
    next_watermark: Instant,
    next_page: Instant,
    /// Counts watermarks, which nobody waits for.
    watermarks: Arc<Batch>,
}

impl<'a> Session<'a> {
    /// A session that goes on from the topic's tails.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) fn start(deps: &'a Deps, lease: &'a Lease, tails: Tails) -> Result<Self, Error> {
        let start = Mark {
            position: tails.start(),
            ..Mark::default()
        };
        Ok(Self {
            deps,
            lease,
            producer: Producer::open(&deps.kafka)?,
            routed: tails.acknowledged,
            sent: tails.sent,
            read: start,
            sending: VecDeque::new(),
            acknowledged: start,
            marked: start.position,
            next_watermark: Instant::now(),
            next_page: Instant::now(),
            watermarks: Batch::open(),
        })
    }

    /// Relays until `stop`, and finishes what was sent.
    ///
    /// # Errors
    /// [`Error`].
    pub(super) async fn run(&mut self, stop: &CancellationToken) -> Result<(), Error> {
        let mut commits = self.deps.log.head_changes();
        let mut next_poll = Instant::now();
        while !stop.is_cancelled() {
            self.advance()?;
            let head = *commits.borrow_and_update();
            let after = self.read.position;
            let now = Instant::now();
            let is_due = (head > after && now >= self.next_page) || now >= next_poll;
            let page = if is_due && self.producer.has_room() {
                next_poll = now + POLL;
                self.deps.log.read_all(after, PAGE).await.map_err(unread)?
            } else {
                Vec::new()
            };
            if page.len() < PAGE && is_due {
                self.next_page = now + PAGE_EVERY;
            }
            self.measure(head);
            if page.is_empty() {
                let is_paced = head > after && self.producer.has_room();
                self.wait(&mut commits, is_paced, stop).await;
            } else {
                self.relay(page).await?;
            }
        }
        // Whatever is not acknowledged by then comes again from the next leader.
        let _ = timeout(FAREWELL, self.finish()).await;
        Ok(())
    }

    /// Waits for something to do; where a page `is_paced`, no longer than that takes.
    async fn wait(
        &self,
        commits: &mut watch::Receiver<Position>,
        is_paced: bool,
        stop: &CancellationToken,
    ) {
        let is_due = self.acknowledged.position > self.marked;
        tokio::select! {
            () = self.producer.news() => {}
            () = changed(commits) => {}
            () = sleep_until(self.next_watermark), if is_due => {}
            () = sleep_until(self.next_page), if is_paced => {}
            () = sleep(POLL) => {}
            () = stop.cancelled() => {}
        }
    }

    async fn finish(&mut self) -> Result<(), Error> {
        while !self.sending.is_empty() || self.acknowledged.position > self.marked {
            self.next_watermark = Instant::now();
            self.advance()?;
            if !self.sending.is_empty() {
                self.producer.news().await;
            }
        }
        self.producer.flush().await;
        Ok(())
    }

    /// Takes note of what the brokers acknowledged, and tells the partitions.
    fn advance(&mut self) -> Result<(), Error> {
        self.producer.check()?;
        while let Some(first) = self.sending.front() {
            if !first.batch.is_done() {
                break;
            }
            self.acknowledged = first.last;
            self.sending.pop_front();
        }
        let oldest = self.sending.front().map(|sending| sending.begun);
        self.deps.status.waits_since(oldest);
        let now = Instant::now();
        if self.acknowledged.position > self.marked && now >= self.next_watermark {
            self.watermark()?;
            self.next_watermark = now + WATERMARK_EVERY;
        }
        Ok(())
    }

    /// Tells each partition that has not come so far by itself.
    fn watermark(&mut self) -> Result<(), Error> {
        let mark = self.acknowledged;
        for (partition, prev) in (0..).zip(&mut self.sent) {
            if *prev >= mark.position {
                continue;
            }
            let sent = Sent {
                position: mark.position,
                epoch: mark.epoch,
                prev_position: *prev,
                acknowledged: mark.position,
            };
            let record = Outgoing {
                topic: &self.deps.kafka.topic,
                partition: Some(partition),
                content: None,
                headers: record::watermark_headers(&self.deps.kafka.source, mark.event_id, sent),
            };
            self.producer.send(record, &self.watermarks)?;
            *prev = mark.position;
        }
        self.marked = mark.position;
        Ok(())
    }

    /// Sends a page of the log.
    async fn relay(&mut self, page: Vec<RecordedEvent>) -> Result<(), Error> {
        let (Some(first), Some(last)) = (page.first(), page.last()) else {
            return Ok(());
        };
        self.check_history(first).await?;
        let sending = Sending {
            batch: Batch::open(),
            last: Mark::of(last),
            since: first.recorded_at,
            begun: Instant::now(),
        };
        if self.sending.is_empty() {
            self.deps.status.waits_since(Some(sending.begun));
        }
        if page.iter().any(|event| self.is_new(event)) {
            self.claim(sending.last.position).await?;
        }
        for event in &page {
            self.check_follows(event)?;
            self.send(event, &sending.batch)?;
            self.read = Mark::of(event);
            while !self.producer.has_room() {
                self.producer.check()?;
                self.producer.news().await;
            }
        }
        sending.batch.close();
        self.sending.push_back(sending);
        Ok(())
    }

    fn is_new(&self, event: &RecordedEvent) -> bool {
        event.position > self.routed || event.position > self.sent[self.partition_of(event)]
    }

    fn partition_of(&self, event: &RecordedEvent) -> usize {
        self.deps.kafka.partition_of(&event.routing_key) as usize
    }

    /// The acknowledgement of this write proves that the batch would survive a fail-over of the log, and that the term is not over.
    async fn claim(&self, up_to: Position) -> Result<(), Error> {
        match self.deps.leases.claim(self.lease, up_to).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Lost(self.lease.term)),
            Err(error) => Err(Error::Unavailable(error.to_string())),
        }
    }

    /// A new epoch goes on from what was relayed, or else another history took its place.
    async fn check_history(&self, next: &RecordedEvent) -> Result<(), Error> {
        let read = self.read;
        if next.epoch == read.epoch || read.event_id.is_nil() {
            return Ok(());
        }
        let Some(before) = read.position.0.checked_sub(1) else {
            return Ok(());
        };
        let found = self.deps.log.read_all(Position(before), 1).await;
        let found = found.map_err(unread)?;
        if found.first().map(Mark::of) == Some(read) {
            return Ok(());
        }
        Err(Error::Diverged(format!(
            "position {} was relayed in epoch {}, but epoch {} has another event there",
            read.position, read.epoch, next.epoch
        )))
    }

    fn check_follows(&self, event: &RecordedEvent) -> Result<(), Error> {
        if event.position.0 == self.read.position.0 + 1 && event.epoch >= self.read.epoch {
            return Ok(());
        }
        Err(Error::Refused(format!(
            "the log is corrupt: position {} of epoch {} after {} of epoch {}",
            event.position, event.epoch, self.read.position, self.read.epoch
        )))
    }

    fn send(&mut self, event: &RecordedEvent, batch: &Arc<Batch>) -> Result<(), Error> {
        let (options, partition) = (&self.deps.kafka, self.partition_of(event));
        let content = Some((event.routing_key.as_str(), event.payload.as_str()));
        let prev = self.sent[partition];
        let sent = Sent {
            position: event.position,
            epoch: event.epoch,
            prev_position: prev,
            acknowledged: self.acknowledged.position,
        };
        let headers = || record::event_headers(&options.source, event, sent);
        if event.position > self.routed {
            for topic in (self.deps.route)(event) {
                let record = Outgoing {
                    topic,
                    partition: None,
                    content,
                    headers: headers(),
                };
                self.producer.send(record, batch)?;
            }
        }
        if event.position > prev {
            let record = Outgoing {
                topic: &options.topic,
                partition: u32::try_from(partition).ok(),
                content,
                headers: headers(),
            };
            self.producer.send(record, batch)?;
            self.sent[partition] = event.position;
        }
        Ok(())
    }

    /// How far the topic is behind the log.
    fn measure(&self, head: Position) {
        let behind = head.0.saturating_sub(self.acknowledged.position.0);
        let since = self.sending.front().map(|sending| sending.since);
        let age = since.map(|since| self.deps.clock.now() - since);
        metrics::relay_lag(behind, age.unwrap_or_default());
    }
}

/// The next commit; never, where the log tells no more of them.
async fn changed(commits: &mut watch::Receiver<Position>) {
    if commits.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
