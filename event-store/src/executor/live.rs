//! An aggregate in memory: its durable state, a working copy that runs ahead of it, and how both are loaded.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::{Decider, Error, Shared};
use crate::{
    log::{EventLog, Position, RecordedEvent, StreamId},
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

    /// Folds stored events on.
    fn fold(&mut self, events: &[RecordedEvent]) -> Result<(), Error<D::Error>> {
        self.working = None;
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

    /// Folds the tail on that others have written. `false` where it belongs to another epoch: what was read before may be
    /// history that was cut, so load again.
    pub(super) async fn catch_up(&mut self, log: &dyn EventLog) -> Result<bool, Error<D::Error>> {
        let page = self.next_page(log).await?;
        let Some(first) = page.first() else {
            self.rewind();
            return Ok(true);
        };
        if self.epoch.is_some_and(|epoch| epoch != first.epoch) {
            return Ok(false);
        }
        self.rival_seen = Some(Instant::now());
        self.fold(&page)?;
        if page.len() == PAGE {
            self.fold_tail(log).await?;
        }
        Ok(true)
    }

    /// Folds everything after what was folded.
    async fn fold_tail(&mut self, log: &dyn EventLog) -> Result<(), Error<D::Error>> {
        loop {
            let page = self.next_page(log).await?;
            self.fold(&page)?;
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    async fn next_page(&self, log: &dyn EventLog) -> Result<Vec<RecordedEvent>, Error<D::Error>> {
        log.read_stream(&self.stream, self.version, PAGE)
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
