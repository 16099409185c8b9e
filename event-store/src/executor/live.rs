//! An aggregate in memory: its durable state, a working copy that runs ahead of it, and how both are loaded.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::{Decider, Error, Shared};
use crate::{
    log::{EventLog, Position, RecordedEvent, StreamHead, StreamId},
    snapshot::Snapshot,
};

/// Events read from the log at a time.
const PAGE: usize = 1_000;

/// An aggregate in memory.
pub(super) struct Live<D: Decider> {
    pub(super) stream: StreamId,
    /// The fold of what the log holds.
    pub(super) durable: D::State,
    /// The same, plus the events of the batch being recorded. Both evolve side by side, so that a large state is cloned
    /// at first use and after a failed append only.
    working: Option<D::State>,
    pub(super) version: u64,
    /// Position of the stream's last event.
    pub(super) position: Position,
    /// When the stream's last event was recorded.
    pub(super) recorded_at: Option<DateTime<Utc>>,
    /// The stream's timer.
    pub(super) wake_at: Option<DateTime<Utc>>,
    /// Epoch of the last event read.
    epoch: Option<u64>,
    /// Events since the last snapshot.
    pub(super) unsaved: u64,
    /// When events of another writer were last met.
    pub(super) rival_seen: Option<Instant>,
    /// Since when appends of our own follow each other without a break.
    pub(super) run_since: Option<Instant>,
    /// When the last of them ended.
    pub(super) run_until: Option<Instant>,
}

impl<D: Decider> Live<D> {
    fn new(stream: StreamId) -> Self {
        Self {
            stream,
            durable: D::State::default(),
            working: None,
            version: 0,
            position: Position(0),
            recorded_at: None,
            wake_at: None,
            epoch: None,
            unsaved: 0,
            rival_seen: None,
            run_since: None,
            run_until: None,
        }
    }

    /// The state to decide on.
    pub(super) fn current(&self) -> &D::State {
        self.working.as_ref().unwrap_or(&self.durable)
    }

    /// Lets the working copy run ahead.
    pub(super) fn anticipate(&mut self, event: &D::Event) {
        let working = self.working.get_or_insert_with(|| self.durable.clone());
        D::evolve(working, event);
    }

    /// Takes the working copy back to the durable state.
    pub(super) fn rewind(&mut self) {
        self.working = None;
    }

    /// The durable state catches up with the working copy: its events were stored up to `last`.
    pub(super) fn commit(
        &mut self,
        events: &[D::Event],
        last: Position,
        recorded_at: DateTime<Utc>,
    ) {
        for event in events {
            D::evolve(&mut self.durable, event);
        }
        let count = events.len() as u64;
        self.version += count;
        self.unsaved += count;
        self.position = last;
        self.recorded_at = Some(recorded_at);
        self.wake_at = D::wake_at(&self.durable);
    }

    /// The time for a batch: never before the stream's last event.
    pub(super) fn not_before(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.recorded_at.map_or(now, |last| now.max(last))
    }

    /// Folds stored events on. A working copy goes along: it must not be ahead.
    fn fold(&mut self, events: &[RecordedEvent]) -> Result<(), Error<D::Error>> {
        for recorded in events {
            if recorded.sequence != self.version + 1 {
                return Err(Error::Broken(format!(
                    "{} goes on with event {} after {}",
                    self.stream, recorded.sequence, self.version
                )));
            }
            let event = D::decode(recorded).map_err(|why| {
                let at = recorded.position;
                Error::Broken(format!("the event at position {at} can't be read: {why}"))
            })?;
            D::evolve(&mut self.durable, &event);
            if let Some(working) = &mut self.working {
                D::evolve(working, &event);
            }
            self.unsaved += 1;
            self.note(recorded);
        }
        self.wake_at = D::wake_at(&self.durable);
        Ok(())
    }

    fn note(&mut self, last: &RecordedEvent) {
        self.version = last.sequence;
        self.position = last.position;
        self.recorded_at = Some(last.recorded_at);
        self.epoch = Some(last.epoch);
    }

    /// Whether the stream ends with the last event in memory. A stream of the same length is not enough: after a fail-over it may
    /// hold another event at that place.
    pub(super) fn stands_at(&self, head: Option<&StreamHead>) -> bool {
        head.map_or(self.version == 0, |head| {
            (head.version, head.position, Some(head.recorded_at))
                == (self.version, self.position, self.recorded_at)
        })
    }

    fn ends_with(&self, event: &RecordedEvent) -> bool {
        (event.sequence, event.position, Some(event.recorded_at))
            == (self.version, self.position, self.recorded_at)
    }

    /// Folds the tail on that others have written; the working copy must not be ahead. `false` where what is in memory may be
    /// history that was cut, so that it has to be loaded again: the tail belongs to another epoch, or, on a shared log, the last
    /// event in memory is not where it was.
    pub(super) async fn catch_up(&mut self, log: &dyn EventLog) -> Result<bool, Error<D::Error>> {
        let overlap = usize::from(log.is_shared() && self.version > 0);
        let page = self.next_page(log, overlap).await?;
        if overlap == 1 && !page.first().is_some_and(|last| self.ends_with(last)) {
            return Ok(false);
        }
        let tail = &page[overlap..];
        let Some(first) = tail.first() else {
            return Ok(true);
        };
        if self.epoch.is_some_and(|epoch| epoch != first.epoch) {
            return Ok(false);
        }
        self.rival_seen = Some(Instant::now());
        self.fold(tail)?;
        if page.len() == PAGE {
            self.fold_tail(log).await?;
        }
        Ok(true)
    }

    /// Folds everything after what was folded.
    async fn fold_tail(&mut self, log: &dyn EventLog) -> Result<(), Error<D::Error>> {
        loop {
            let page = self.next_page(log, 0).await?;
            self.fold(&page)?;
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// Reads what follows, beginning with the last `overlap` events in memory.
    async fn next_page(
        &self,
        log: &dyn EventLog,
        overlap: usize,
    ) -> Result<Vec<RecordedEvent>, Error<D::Error>> {
        log.read_stream(&self.stream, self.version - overlap as u64, PAGE)
            .await
            .map_err(|error| Error::Unavailable(error.to_string()))
    }

    /// Loads an aggregate: a short stream whole, a long one from its snapshot and the tail.
    pub(super) async fn load(
        shared: &Shared<D>,
        id: &Arc<str>,
    ) -> Result<Box<Self>, Error<D::Error>> {
        let stream = StreamId::new(D::TYPE, Arc::clone(id));
        let unavailable = |error: crate::log::Error| Error::Unavailable(error.to_string());
        // A stream shorter than this can't have a snapshot, so none is asked for.
        let limit = usize::try_from(shared.config.snapshot_every)
            .map_or(PAGE, |every| every.clamp(1, PAGE));
        let page = shared
            .log
            .read_stream(&stream, 0, limit)
            .await
            .map_err(unavailable)?;
        let mut live = Box::new(Self::new(stream.clone()));
        if page.len() < limit {
            live.fold(&page)?;
            return Ok(live);
        }
        let snapshot = shared
            .log
            .load_snapshot(&stream, D::SNAPSHOT_SCHEMA)
            .await
            .map_err(unavailable)?;
        let folded = match snapshot {
            Some(snapshot) => live
                .restore(&*shared.log, snapshot)
                .await
                .map_err(unavailable)?,
            None => false,
        };
        if !folded {
            live.fold(&page)?;
        }
        live.fold_tail(&*shared.log).await?;
        Ok(live)
    }

    /// Begins from a snapshot, provided that it can be read and the log holds the event that it ends with.
    async fn restore(
        &mut self,
        log: &dyn EventLog,
        snapshot: Snapshot,
    ) -> Result<bool, crate::log::Error> {
        let Ok(state) = serde_json::from_str(&snapshot.payload) else {
            return Ok(false);
        };
        let Some(before) = snapshot.version.checked_sub(1) else {
            return Ok(false);
        };
        let last = log.read_stream(&self.stream, before, 1).await?;
        let Some(last) = last.first() else {
            return Ok(false);
        };
        self.durable = state;
        self.note(last);
        self.wake_at = D::wake_at(&self.durable);
        Ok(true)
    }
}

/// Keeps a snapshot in the background, once enough events were folded since the last one.
pub(super) fn save_snapshot<D: Decider>(shared: &Arc<Shared<D>>, live: &mut Live<D>) {
    if live.unsaved < shared.config.snapshot_every {
        return;
    }
    let Ok(permit) = Arc::clone(&shared.snapshots).try_acquire_owned() else {
        return;
    };
    live.unsaved = 0;
    let (state, stream, version) = (live.durable.clone(), live.stream.clone(), live.version);
    let log = Arc::clone(&shared.log);
    let serialised = shared
        .tasks
        .spawn_blocking(move || serde_json::to_string(&state));
    shared.tasks.spawn(async move {
        let _permit = permit;
        let Ok(Ok(payload)) = serialised.await else {
            tracing::warn!(%stream, "the snapshot can't be written");
            return;
        };
        let schema = D::SNAPSHOT_SCHEMA;
        let snapshot = Snapshot {
            stream,
            schema,
            version,
            payload,
        };
        if let Err(error) = log.save_snapshot(snapshot).await {
            tracing::warn!(%error, "the snapshot was not saved");
        }
    });
}
