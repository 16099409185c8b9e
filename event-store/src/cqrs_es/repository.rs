//! `PersistedEventRepository` over the log.

use std::{num::NonZeroU64, sync::Arc};

use cqrs_es::{
    Aggregate, EventEnvelope, Query,
    persist::{
        PersistedEventRepository, PersistenceError, ReplayFeed, ReplayStream, SerializedEvent,
        SerializedSnapshot,
    },
};
use serde_json::Value;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::{committed, defect, failed, metadata_of};
use crate::{
    clock::Clock,
    commands,
    committer::Committer,
    log::{Append, EventLog, NewEvent, Position, RecordedEvent, StreamAppend, StreamId},
    timers::WakeAt,
    upcast::{self, Upcasters},
};

/// Events read from the log at a time.
pub(super) const PAGE: usize = 1_000;

/// Events that may wait for the reader of a replay.
const REPLAY_QUEUE: usize = 256;

/// How the bridge reads.
#[derive(Debug, Default)]
pub struct Options {
    /// Applied to the events that this side folds: for snapshots, [`super::LogEventStore`] and [`LogRepository::replay`]. What takes
    /// its own upcasters, such as `PersistedEventStore`, gets the events as they are stored.
    pub upcasters: Upcasters,
    /// A snapshot is kept once so many events were folded since the last one. `None`: never.
    pub snapshot_every: Option<NonZeroU64>,
    /// Raise it when an aggregate's serialised form changes; older snapshots are then ignored.
    pub snapshot_schema: u32,
}

/// A repository of any kind of aggregate. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LogRepository {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    log: Arc<dyn EventLog>,
    committer: Committer,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    options: Options,
}

impl LogRepository {
    /// A repository over `log` that appends through `committer`; replays are fed by tasks on `tasks`.
    pub fn new(
        log: Arc<dyn EventLog>,
        committer: Committer,
        clock: Arc<dyn Clock>,
        tasks: TaskTracker,
        options: Options,
    ) -> Self {
        let inner = Inner {
            log,
            committer,
            clock,
            tasks,
            options,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Feeds a query with every event of `A`'s type in the log's order, up to where the log ends now, and says where that is.
    ///
    /// # Errors
    /// The log can't be read, or an event can't: the query has then seen the events before it.
    pub async fn replay<A: Aggregate>(
        &self,
        query: &impl Query<A>,
    ) -> Result<Position, PersistenceError> {
        let end = self.log().head().await.map_err(failed)?.position;
        let mut after = Position(0);
        while after < end {
            for event in self.page_of_all(after, end).await? {
                after = event.position;
                if &*event.stream.aggregate_type == A::TYPE {
                    let envelope = self.envelope::<A>(&event)?;
                    query
                        .dispatch(&event.stream.aggregate_id, &[envelope])
                        .await;
                }
            }
        }
        Ok(end)
    }

    pub(super) fn log(&self) -> &dyn EventLog {
        &*self.inner.log
    }

    pub(super) fn options(&self) -> &Options {
        &self.inner.options
    }

    /// A stored event as cqrs-es hands it to queries.
    pub(super) fn envelope<A: Aggregate>(
        &self,
        event: &RecordedEvent,
    ) -> Result<EventEnvelope<A>, PersistenceError> {
        let payload = self.options().upcasters.decode(event);
        Ok(EventEnvelope {
            aggregate_id: event.stream.aggregate_id.as_ref().to_owned(),
            sequence: usize::try_from(event.sequence).unwrap_or(usize::MAX),
            payload: payload
                .map_err(|error| PersistenceError::DeserializationError(Box::new(error)))?,
            metadata: metadata_of(event)?,
        })
    }

    /// Appends events to one stream that must stand at `expected_version`. Where the first one stands, and when it was recorded.
    pub(super) async fn append(
        &self,
        stream: StreamId,
        expected_version: u64,
        events: Vec<Draft>,
    ) -> Result<Stored, PersistenceError> {
        let heads = self.log().stream_heads(std::slice::from_ref(&stream)).await;
        let head = heads.map_err(failed)?.into_iter().flatten().next();
        let now = self.inner.clock.now();
        let recorded_at = head.map_or(now, |head| now.max(head.recorded_at));
        // cqrs-es knows no command ids: one is drawn, which makes no repeat recognisable.
        let command_id = Uuid::now_v7();
        let append = Append {
            streams: vec![StreamAppend {
                routing_key: stream.aggregate_id.as_ref().to_owned(),
                stream,
                expected_version,
                events: events
                    .into_iter()
                    .enumerate()
                    .map(|(ordinal, draft)| draft.into_event(command_id, ordinal))
                    .collect(),
                wake_at: WakeAt::Keep,
            }],
            commands: Vec::new(),
            claims: Vec::new(),
            recorded_at,
        };
        let first = committed(self.inner.committer.append(append).await)?;
        Ok(Stored {
            first,
            command_id,
            recorded_at,
        })
    }
}

/// An event on its way to the log.
pub(super) struct Draft {
    pub(super) event_type: String,
    pub(super) event_version: String,
    pub(super) payload: String,
    pub(super) metadata: Arc<str>,
}

impl Draft {
    fn into_event(self, command_id: Uuid, ordinal: usize) -> NewEvent {
        NewEvent {
            event_id: commands::event_id(command_id, ordinal),
            command_id,
            event_type: self.event_type,
            event_version: self.event_version,
            payload: self.payload,
            metadata: self.metadata,
        }
    }
}

/// Where events were stored.
pub(super) struct Stored {
    pub(super) first: Position,
    pub(super) command_id: Uuid,
    pub(super) recorded_at: chrono::DateTime<chrono::Utc>,
}

impl PersistedEventRepository for LogRepository {
    async fn get_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.get_last_events::<A>(aggregate_id, 0).await
    }

    async fn get_last_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
        last_sequence: usize,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        let stream = Self::stream::<A>(aggregate_id);
        let mut after = last_sequence as u64;
        let mut events = Vec::new();
        loop {
            let page = self.page(&stream, after).await?;
            for event in &page {
                after = event.sequence;
                events.push(serialized(event)?);
            }
            if page.len() < PAGE {
                return Ok(events);
            }
        }
    }

    /// The fold of the whole stream, whichever part of it a stored snapshot covers: right for stores that apply the events after
    /// it, and for those that take it for the truth.
    async fn get_snapshot<A: Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<Option<SerializedSnapshot>, PersistenceError> {
        let fold = self.fold::<A>(aggregate_id).await?;
        if fold.version == 0 {
            return Ok(None);
        }
        self.keep(aggregate_id, &fold).await;
        let version = usize::try_from(fold.version).unwrap_or(usize::MAX);
        Ok(Some(SerializedSnapshot {
            aggregate_id: aggregate_id.to_owned(),
            aggregate: serde_json::to_value(&fold.aggregate)?,
            current_sequence: version,
            current_snapshot: version,
        }))
    }

    /// `_snapshot` is not used: it has this commit's events applied twice.
    async fn persist<A: Aggregate>(
        &self,
        events: &[SerializedEvent],
        _snapshot: Option<(String, Value, usize)>,
    ) -> Result<(), PersistenceError> {
        let Some(first) = events.first() else {
            return Ok(());
        };
        let expected = first.sequence.checked_sub(1);
        let in_order = events
            .iter()
            .zip(first.sequence..)
            .all(|(event, sequence)| {
                event.sequence == sequence && event.aggregate_id == first.aggregate_id
            });
        let (Some(expected), true) = (expected, in_order) else {
            return Err(defect(format_args!(
                "the events are not one stream's, in order"
            )));
        };
        let drafts = events.iter().map(|event| Draft {
            event_type: event.event_type.clone(),
            event_version: event.event_version.clone(),
            payload: event.payload.to_string(),
            metadata: event.metadata.to_string().into(),
        });
        let stream = Self::stream::<A>(&first.aggregate_id);
        self.append(stream, expected as u64, drafts.collect())
            .await?;
        Ok(())
    }

    async fn stream_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<ReplayStream, PersistenceError> {
        let stream = Self::stream::<A>(aggregate_id);
        let mut page = self.page(&stream, 0).await?;
        let (mut feed, replay) = ReplayStream::new(REPLAY_QUEUE);
        let repository = self.clone();
        self.inner.tasks.spawn(async move {
            loop {
                let last = page.last().map(|event| event.sequence);
                for event in &page {
                    if !push(&mut feed, serialized(event)).await {
                        return;
                    }
                }
                let Some(last) = last else { return };
                match repository.page(&stream, last).await {
                    Ok(next) => page = next,
                    Err(error) => {
                        push(&mut feed, Err(error)).await;
                        return;
                    }
                }
            }
        });
        Ok(replay)
    }

    async fn stream_all_events<A: Aggregate>(&self) -> Result<ReplayStream, PersistenceError> {
        let end = self.log().head().await.map_err(failed)?.position;
        let mut page = self.page_of_all(Position(0), end).await?;
        let (mut feed, replay) = ReplayStream::new(REPLAY_QUEUE);
        let repository = self.clone();
        self.inner.tasks.spawn(async move {
            let mut after = Position(0);
            while !page.is_empty() {
                for event in &page {
                    after = event.position;
                    let wanted = &*event.stream.aggregate_type == A::TYPE;
                    if wanted && !push(&mut feed, serialized(event)).await {
                        return;
                    }
                }
                match repository.page_of_all(after, end).await {
                    Ok(next) => page = next,
                    Err(error) => {
                        push(&mut feed, Err(error)).await;
                        return;
                    }
                }
            }
        });
        Ok(replay)
    }
}

/// `false`: nothing more is to be pushed.
async fn push(feed: &mut ReplayFeed, event: Result<SerializedEvent, PersistenceError>) -> bool {
    let go_on = event.is_ok();
    // Whoever replays may stop at any time.
    feed.push(event).await.is_ok() && go_on
}

fn serialized(event: &RecordedEvent) -> Result<SerializedEvent, PersistenceError> {
    let metadata = serde_json::to_value(metadata_of(event)?)?;
    Ok(SerializedEvent {
        metadata,
        ..upcast::serialized(event)?
    })
}
