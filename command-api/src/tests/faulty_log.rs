//! A log that fails when it is told to.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use event_store::{
    EventLog, Position, RecordedEvent, StreamId,
    claims::Claim,
    commands::KnownCommand,
    log::{Append, Error, Head, Outcome, StreamHead},
    snapshot::Snapshot,
    timers::Due,
};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// How an append fails.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// Nothing is stored, and the log says so.
    Unavailable,
    /// Nothing is stored; the log does not know.
    UnknownLost,
    /// It is stored; the log does not know.
    UnknownStored,
}

/// Appends with an event of this name fail so often.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults(Option<(&'static str, Fault, Arc<AtomicUsize>)>, Arc<Notify>);

impl Faults {
    pub(super) fn new(event: &'static str, fault: Fault, times: usize) -> Self {
        let left = Arc::new(AtomicUsize::new(times));
        Self(Some((event, fault, left)), Arc::default())
    }

    /// Waits for the next fault.
    pub(super) async fn struck(&self) {
        self.1.notified().await;
    }

    /// No more faults.
    pub(super) fn heal(&self) {
        if let Some((_, _, left)) = &self.0 {
            left.store(0, Ordering::SeqCst);
        }
    }

    /// Whether all faults have happened.
    pub(super) fn spent(&self) -> bool {
        let left = self
            .0
            .as_ref()
            .map_or(0, |(_, _, left)| left.load(Ordering::SeqCst));
        left == 0
    }

    fn strike(&self, batch: &[Append]) -> Option<Fault> {
        let (name, fault, left) = self.0.as_ref()?;
        let streams = batch.iter().flat_map(|append| &append.streams);
        let mut events = streams.flat_map(|stream| &stream.events);
        events.find(|event| event.event_type == *name)?;
        let one_less = |left: usize| left.checked_sub(1);
        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .ok()?;
        self.1.notify_waiters();
        Some(*fault)
    }
}

/// The log with its faults.
#[derive(Debug)]
pub(super) struct FaultyLog {
    log: Arc<dyn EventLog>,
    faults: Faults,
}

impl FaultyLog {
    pub(super) fn new(log: Arc<dyn EventLog>, faults: Faults) -> Self {
        Self { log, faults }
    }
}

#[async_trait]
impl EventLog for FaultyLog {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Outcome>, Error> {
        let told = || "as told".to_owned();
        match self.faults.strike(&batch) {
            None => self.log.append(batch).await,
            Some(Fault::Unavailable) => Err(Error::Unavailable(told())),
            Some(Fault::UnknownLost) => Err(Error::Unknown(told())),
            Some(Fault::UnknownStored) => {
                self.log.append(batch).await?;
                Err(Error::Unknown(told()))
            }
        }
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        self.log.read_stream(stream, after, limit).await
    }

    async fn read_all(&self, after: Position, limit: usize) -> Result<Vec<RecordedEvent>, Error> {
        self.log.read_all(after, limit).await
    }

    async fn head(&self) -> Result<Head, Error> {
        self.log.head().await
    }

    async fn stream_heads(&self, streams: &[StreamId]) -> Result<Vec<Option<StreamHead>>, Error> {
        self.log.stream_heads(streams).await
    }

    async fn known_commands(&self, ids: &[Uuid]) -> Result<Vec<Option<KnownCommand>>, Error> {
        self.log.known_commands(ids).await
    }

    async fn claim(&self, namespace: &str, key: &str) -> Result<Option<StreamId>, Error> {
        self.log.claim(namespace, key).await
    }

    async fn due(
        &self,
        aggregate_type: &str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Due>, Error> {
        self.log.due(aggregate_type, now, limit).await
    }

    async fn next_due(&self, aggregate_type: &str) -> Result<Option<DateTime<Utc>>, Error> {
        self.log.next_due(aggregate_type).await
    }

    async fn load_snapshot(
        &self,
        stream: &StreamId,
        schema: u32,
    ) -> Result<Option<Snapshot>, Error> {
        self.log.load_snapshot(stream, schema).await
    }

    async fn save_snapshot(&self, snapshot: Snapshot) -> Result<(), Error> {
        self.log.save_snapshot(snapshot).await
    }

    async fn prune_commands(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        self.log.prune_commands(before).await
    }

    async fn pruned_until(&self) -> Result<Position, Error> {
        self.log.pruned_until().await
    }

    async fn list_stream_heads(
        &self,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Vec<(StreamId, StreamHead)>, Error> {
        self.log.list_stream_heads(after, limit).await
    }

    async fn list_claims(
        &self,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<Claim>, Error> {
        self.log.list_claims(after, limit).await
    }

    async fn list_commands(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<KnownCommand>, Error> {
        self.log.list_commands(after, limit).await
    }

    fn is_shared(&self) -> bool {
        self.log.is_shared()
    }

    async fn confirm(
        &self,
        stream: &StreamId,
        ids: &[Uuid],
    ) -> Result<(Option<StreamHead>, Vec<Option<KnownCommand>>), Error> {
        self.log.confirm(stream, ids).await
    }

    async fn close(&self) {
        self.log.close().await;
    }

    fn head_changes(&self) -> watch::Receiver<Position> {
        self.log.head_changes()
    }
}
