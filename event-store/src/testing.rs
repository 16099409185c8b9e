//! What this crate's tests share: a log in a folder of its own, and a log that can be made to fail.

use std::{
    collections::VecDeque,
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicIsize, AtomicU64, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::{Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    claims::Claim,
    clock::ManualClock,
    commands::KnownCommand,
    committer::Committer,
    log::{
        Append, Error, EventLog, Head, Outcome, Position, RecordedEvent, StreamHead, StreamId,
        sqlite::{Options, SqliteEventLog},
    },
    snapshot::Snapshot,
    timers::Due,
};

/// A folder that goes with the test.
#[derive(Debug)]
pub(crate) struct TempFolder(pub(crate) PathBuf);

impl TempFolder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("event-store-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        // What a test leaves behind does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A log on SQLite behind a wrapper that can be made to fail, and what runs on it.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) log: Arc<FaultyLog>,
    pub(crate) committer: Committer,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: CancellationToken,
    _folder: TempFolder,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let folder = TempFolder::new();
        let path = folder.0.join("log.db");
        let inner = SqliteEventLog::open(&path, Options::default())
            .await
            .unwrap();
        let log = Arc::new(FaultyLog::new(Arc::new(inner)));
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        let port: Arc<dyn EventLog> = log.clone();
        Self {
            committer: Committer::start(port, &tasks, CancellationToken::new()),
            clock: Arc::new(ManualClock::new(DateTime::UNIX_EPOCH)),
            log,
            tasks,
            shutdown,
            _folder: folder,
        }
    }

    pub(crate) fn port(&self) -> Arc<dyn EventLog> {
        self.log.clone()
    }
}

/// What goes wrong with an append.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Stored, but nobody tells.
    UnknownAfterStore,
    /// Not stored, and nobody tells.
    UnknownBeforeStore,
    /// Not stored.
    Unavailable,
    /// Another writer is faster.
    Rival(Box<Append>),
}

/// A log that does as it is told.
pub(crate) struct FaultyLog {
    inner: Mutex<Arc<dyn EventLog>>,
    faults: Mutex<VecDeque<Fault>>,
    /// Appends wait here.
    pub(crate) gate: Semaphore,
    /// Look-ups of commands that fail.
    pub(crate) deaf: AtomicUsize,
    pub(crate) appends: AtomicUsize,
    /// Reads until one fails; below zero none does.
    reads: AtomicIsize,
    /// Position from which on events are of the next epoch.
    new_epoch: AtomicU64,
    /// Streams read from their beginning.
    pub(crate) loads: AtomicUsize,
    /// Whether it says that other processes append to it too.
    pub(crate) shared: AtomicBool,
    /// What others append before the next confirmations.
    confirmed_late: Mutex<VecDeque<Append>>,
    pub(crate) confirms: AtomicUsize,
}

impl FaultyLog {
    fn new(inner: Arc<dyn EventLog>) -> Self {
        Self {
            inner: Mutex::new(inner),
            faults: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            deaf: AtomicUsize::new(0),
            appends: AtomicUsize::new(0),
            reads: AtomicIsize::new(-1),
            new_epoch: AtomicU64::new(u64::MAX),
            loads: AtomicUsize::new(0),
            shared: AtomicBool::new(false),
            confirmed_late: Mutex::default(),
            confirms: AtomicUsize::new(0),
        }
    }

    /// Other processes append to it too.
    pub(crate) fn share(&self) {
        self.shared.store(true, Ordering::SeqCst);
    }

    /// Before the next confirmations, others append these.
    pub(crate) fn forestall(&self, appends: impl IntoIterator<Item = Append>) {
        self.confirmed_late.lock().unwrap().extend(appends);
    }

    /// The log is another one from now on, as after a fail-over.
    pub(crate) fn fail_over(&self, inner: Arc<dyn EventLog>) {
        *self.inner.lock().unwrap() = inner;
    }

    fn inner(&self) -> Arc<dyn EventLog> {
        Arc::clone(&self.inner.lock().unwrap())
    }

    /// The next appends end so.
    pub(crate) fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// Nothing planned goes wrong any more.
    pub(crate) fn heal(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// Holds appends back until [`FaultyLog::open_gate`].
    pub(crate) fn close_gate(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn open_gate(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    /// After so many more reads, one fails.
    pub(crate) fn break_reads_after(&self, reads: isize) {
        self.reads.store(reads, Ordering::SeqCst);
    }

    /// From this position on, events are read as of the next epoch.
    pub(crate) fn raise_epoch_at(&self, position: Position) {
        self.new_epoch.store(position.0, Ordering::SeqCst);
    }

    fn aged(&self, mut events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
        let from = self.new_epoch.load(Ordering::SeqCst);
        let new = events.iter_mut().filter(|event| event.position.0 >= from);
        new.for_each(|event| event.epoch += 1);
        events
    }

    fn read(&self) -> Result<(), Error> {
        match self.reads.fetch_sub(1, Ordering::SeqCst) {
            0 => Err(Error::Unavailable("told to".to_owned())),
            _ => Ok(()),
        }
    }

    pub(crate) fn count(counter: &AtomicUsize) -> usize {
        counter.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for FaultyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyLog").finish_non_exhaustive()
    }
}

#[async_trait]
impl EventLog for FaultyLog {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Outcome>, Error> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        let _pass = self.gate.acquire().await.unwrap();
        let fault = self.faults.lock().unwrap().pop_front();
        match fault {
            None => self.inner().append(batch).await,
            Some(Fault::UnknownBeforeStore) => Err(Error::Unknown("told to".to_owned())),
            Some(Fault::UnknownAfterStore) => {
                self.inner().append(batch).await?;
                Err(Error::Unknown("told to".to_owned()))
            }
            Some(Fault::Unavailable) => Err(Error::Unavailable("told to".to_owned())),
            Some(Fault::Rival(append)) => {
                self.inner().append(vec![*append]).await?;
                self.inner().append(batch).await
            }
        }
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        self.read()?;
        if after == 0 {
            self.loads.fetch_add(1, Ordering::SeqCst);
        }
        let events = self.inner().read_stream(stream, after, limit).await?;
        Ok(self.aged(events))
    }

    async fn read_all(&self, after: Position, limit: usize) -> Result<Vec<RecordedEvent>, Error> {
        self.read()?;
        Ok(self.aged(self.inner().read_all(after, limit).await?))
    }

    async fn head(&self) -> Result<Head, Error> {
        self.inner().head().await
    }

    async fn stream_heads(&self, streams: &[StreamId]) -> Result<Vec<Option<StreamHead>>, Error> {
        self.inner().stream_heads(streams).await
    }

    async fn known_commands(&self, ids: &[Uuid]) -> Result<Vec<Option<KnownCommand>>, Error> {
        let one_less = |left: usize| left.checked_sub(1);
        let deaf = self
            .deaf
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        if deaf.is_ok() {
            return Err(Error::Unavailable("told to".to_owned()));
        }
        self.inner().known_commands(ids).await
    }

    async fn claim(&self, namespace: &str, key: &str) -> Result<Option<StreamId>, Error> {
        self.inner().claim(namespace, key).await
    }

    async fn due(
        &self,
        aggregate_type: &str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Due>, Error> {
        self.inner().due(aggregate_type, now, limit).await
    }

    async fn next_due(&self, aggregate_type: &str) -> Result<Option<DateTime<Utc>>, Error> {
        self.inner().next_due(aggregate_type).await
    }

    async fn load_snapshot(
        &self,
        stream: &StreamId,
        schema: u32,
    ) -> Result<Option<Snapshot>, Error> {
        self.inner().load_snapshot(stream, schema).await
    }

    async fn save_snapshot(&self, snapshot: Snapshot) -> Result<(), Error> {
        self.inner().save_snapshot(snapshot).await
    }

    async fn prune_commands(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        self.inner().prune_commands(before).await
    }

    async fn pruned_until(&self) -> Result<Position, Error> {
        self.inner().pruned_until().await
    }

    async fn list_stream_heads(
        &self,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Vec<(StreamId, StreamHead)>, Error> {
        self.inner().list_stream_heads(after, limit).await
    }

    async fn list_claims(
        &self,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<Claim>, Error> {
        self.inner().list_claims(after, limit).await
    }

    async fn list_commands(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<KnownCommand>, Error> {
        self.inner().list_commands(after, limit).await
    }

    fn is_shared(&self) -> bool {
        self.shared.load(Ordering::SeqCst)
    }

    async fn confirm(
        &self,
        stream: &StreamId,
        ids: &[Uuid],
    ) -> Result<(Option<StreamHead>, Vec<Option<KnownCommand>>), Error> {
        self.confirms.fetch_add(1, Ordering::SeqCst);
        let late = self.confirmed_late.lock().unwrap().pop_front();
        if let Some(append) = late {
            self.inner().append(vec![append]).await?;
        }
        self.inner().confirm(stream, ids).await
    }

    async fn close(&self) {
        self.inner().close().await;
    }

    fn head_changes(&self) -> watch::Receiver<Position> {
        self.inner().head_changes()
    }
}
