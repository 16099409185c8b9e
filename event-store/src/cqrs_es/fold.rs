//! Aggregates as folds of stored events, and the only snapshots there are: kept folds.

use cqrs_es::{Aggregate, persist::PersistenceError};

use super::{LogRepository, SNAPSHOT_SCHEMAS, failed, repository::PAGE};
use crate::{
    log::{Position, RecordedEvent, StreamId},
    snapshot::Snapshot,
};

/// An aggregate and how far its stream was folded.
#[derive(Debug, Default)]
pub(super) struct Fold<A> {
    pub(super) aggregate: A,
    pub(super) version: u64,
    pub(super) last: Option<RecordedEvent>,
    /// Up to which version a snapshot holds it.
    pub(super) saved: u64,
}

impl LogRepository {
    pub(super) fn stream<A: Aggregate>(aggregate_id: &str) -> StreamId {
        StreamId::new(A::TYPE, aggregate_id)
    }

    /// The aggregate at its stream's end.
    pub(super) async fn fold<A: Aggregate>(&self, id: &str) -> Result<Fold<A>, PersistenceError> {
        let stream = Self::stream::<A>(id);
        let mut fold = self.restore::<A>(&stream).await?;
        loop {
            let page = self.page(&stream, fold.version).await?;
            let full = page.len() == PAGE;
            for event in page {
                fold.aggregate.apply(self.decode::<A>(&event)?);
                fold.version = event.sequence;
                fold.last = Some(event);
            }
            if !full {
                return Ok(fold);
            }
        }
    }

    /// Keeps a snapshot where the fold has come far enough past the last one. A failure costs time only, so it is logged.
    pub(super) async fn keep<A: Aggregate>(&self, id: &str, fold: &Fold<A>) {
        let Some(every) = self.options().snapshot_every else {
            return;
        };
        if fold.version < fold.saved + every.get() {
            return;
        }
        let stream = Self::stream::<A>(id);
        let saved = match serde_json::to_string(&fold.aggregate) {
            Ok(payload) => {
                let snapshot = Snapshot {
                    stream,
                    schema: self.schema(),
                    version: fold.version,
                    payload,
                };
                let saved = self.log().save_snapshot(snapshot).await;
                saved.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = saved {
            tracing::warn!(aggregate_id = id, error, "the snapshot was not saved");
        }
    }

    fn schema(&self) -> u32 {
        SNAPSHOT_SCHEMAS.saturating_add(self.options().snapshot_schema)
    }

    /// What a snapshot holds; nothing where it is not of this schema, or the log has not its last event.
    async fn restore<A: Aggregate>(&self, stream: &StreamId) -> Result<Fold<A>, PersistenceError> {
        if self.options().snapshot_every.is_none() {
            return Ok(Fold::default());
        }
        let snapshot = self.log().load_snapshot(stream, self.schema()).await;
        let Some(snapshot) = snapshot.map_err(failed)? else {
            return Ok(Fold::default());
        };
        let last = self
            .log()
            .read_stream(stream, snapshot.version.saturating_sub(1), 1)
            .await;
        let last = last.map_err(failed)?.pop();
        match (serde_json::from_str(&snapshot.payload), last) {
            (Ok(aggregate), Some(last)) => Ok(Fold {
                aggregate,
                version: snapshot.version,
                saved: snapshot.version,
                last: Some(last),
            }),
            (Ok(_) | Err(_), _) => Ok(Fold::default()),
        }
    }

    /// The stream's next events.
    pub(super) async fn page(
        &self,
        stream: &StreamId,
        after: u64,
    ) -> Result<Vec<RecordedEvent>, PersistenceError> {
        let page = self.log().read_stream(stream, after, PAGE).await;
        page.map_err(failed)
    }

    /// Positions after `after` up to `end`, as one page.
    pub(super) async fn page_of_all(
        &self,
        after: Position,
        end: Position,
    ) -> Result<Vec<RecordedEvent>, PersistenceError> {
        let left = usize::try_from(end.0.saturating_sub(after.0)).unwrap_or(usize::MAX);
        let limit = left.min(PAGE);
        let page = self.log().read_all(after, limit).await.map_err(failed)?;
        if page.is_empty() && limit > 0 {
            return Err(super::defect(format_args!(
                "the log has nothing after {after}, but ends at {end}"
            )));
        }
        Ok(page)
    }

    fn decode<A: Aggregate>(&self, event: &RecordedEvent) -> Result<A::Event, PersistenceError> {
        let decoded = self.options().upcasters.decode(event);
        decoded.map_err(|error| PersistenceError::DeserializationError(Box::new(error)))
    }
}
