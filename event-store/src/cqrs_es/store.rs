//! `EventStore` over the log.

use std::{collections::HashMap, marker::PhantomData, sync::Arc};

use cqrs_es::{
    Aggregate, AggregateContext, AggregateError, DomainEvent, EventEnvelope, EventStore,
    persist::PersistenceError,
};

use super::{
    LogRepository, aggregate_error, read_keys,
    repository::{Draft, PAGE},
};
use crate::{commands, log::Position};

/// A store of one kind of aggregate, for `CqrsFramework`.
#[derive(Debug)]
pub struct LogEventStore<A> {
    repository: LogRepository,
    aggregate: PhantomData<fn() -> A>,
}

impl<A> Clone for LogEventStore<A> {
    fn clone(&self) -> Self {
        Self::new(self.repository.clone())
    }
}

impl<A> LogEventStore<A> {
    /// A store over `repository`, with its upcasters and snapshots.
    pub fn new(repository: LogRepository) -> Self {
        Self {
            repository,
            aggregate: PhantomData,
        }
    }
}

/// A loaded aggregate.
#[derive(Debug)]
pub struct LogContext<A> {
    aggregate_id: String,
    aggregate: A,
    version: u64,
}

impl<A: Aggregate> AggregateContext<A> for LogContext<A> {
    fn aggregate(&mut self) -> &mut A {
        &mut self.aggregate
    }
}

impl<A: Aggregate> EventStore<A> for LogEventStore<A> {
    type AC = LogContext<A>;

    async fn load_events(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let stream = LogRepository::stream::<A>(aggregate_id);
        let mut envelopes = Vec::new();
        loop {
            let after = envelopes.len() as u64;
            let page = self
                .repository
                .page(&stream, after)
                .await
                .map_err(aggregate_error)?;
            for event in &page {
                let envelope = self.repository.envelope(event).map_err(aggregate_error)?;
                envelopes.push(envelope);
            }
            if page.len() < PAGE {
                return Ok(envelopes);
            }
        }
    }

    async fn load_aggregate(
        &self,
        aggregate_id: &str,
    ) -> Result<LogContext<A>, AggregateError<A::Error>> {
        let fold = self
            .repository
            .fold::<A>(aggregate_id)
            .await
            .map_err(aggregate_error)?;
        // Here the aggregate is the fold of stored events alone: once a handler has seen it, it no longer is.
        self.repository.keep(aggregate_id, &fold).await;
        Ok(LogContext {
            aggregate_id: aggregate_id.to_owned(),
            aggregate: fold.aggregate,
            version: fold.version,
        })
    }

    async fn commit(
        &self,
        events: Vec<A::Event>,
        context: LogContext<A>,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let drafts = drafts::<A>(&events, &metadata).map_err(aggregate_error)?;
        let stream = LogRepository::stream::<A>(&context.aggregate_id);
        let stored = self
            .repository
            .append(stream, context.version, drafts)
            .await
            .map_err(aggregate_error)?;
        let envelope = |(ordinal, payload): (usize, A::Event)| {
            let mut metadata = metadata.clone();
            let position = stored.first.0 + ordinal as u64;
            let event_id = commands::event_id(stored.command_id, ordinal);
            read_keys(
                &mut metadata,
                Position(position),
                event_id,
                stored.recorded_at,
            );
            EventEnvelope {
                aggregate_id: context.aggregate_id.clone(),
                sequence: usize::try_from(context.version).unwrap_or(usize::MAX) + ordinal + 1,
                payload,
                metadata,
            }
        };
        Ok(events.into_iter().enumerate().map(envelope).collect())
    }
}

fn drafts<A: Aggregate>(
    events: &[A::Event],
    metadata: &HashMap<String, String>,
) -> Result<Vec<Draft>, PersistenceError> {
    let metadata: Arc<str> = serde_json::to_string(metadata)?.into();
    events
        .iter()
        .map(|event| {
            Ok(Draft {
                event_type: event.event_type(),
                event_version: event.event_version(),
                payload: serde_json::to_string(event)?,
                metadata: Arc::clone(&metadata),
            })
        })
        .collect()
}
