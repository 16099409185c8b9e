//! A plain cqrs-es application: an aggregate, a query, a view.

use std::{
    collections::HashMap,
    num::NonZeroU64,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use cqrs_es::{
    Aggregate, CqrsFramework, DomainEvent, EventEnvelope, Query, View,
    event_sink::EventSink,
    persist::{PersistedEventStore, PersistenceError, ViewContext, ViewRepository},
};
use serde::{Deserialize, Serialize};

use crate::{
    cqrs_es::{LogEventStore, LogRepository, Options, POSITION},
    testing::Rig,
};

/// A counter: what it counts twice shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Counter {
    pub(super) count: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Command {
    Count(u64),
    Wait,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Event {
    Counted { by: u64 },
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("nothing to count")]
pub(super) struct Nothing;

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        "Counted".to_owned()
    }

    fn event_version(&self) -> String {
        "2.0".to_owned()
    }
}

impl Aggregate for Counter {
    const TYPE: &'static str = "counter";
    type Command = Command;
    type Event = Event;
    type Error = Nothing;
    type Services = ();

    async fn handle(
        &mut self,
        command: Command,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Nothing> {
        match command {
            Command::Count(0) => Err(Nothing),
            Command::Count(times) => {
                for _ in 0..times {
                    sink.write(Event::Counted { by: 1 }, self).await;
                }
                Ok(())
            }
            Command::Wait => {
                tokio::task::yield_now().await;
                Ok(())
            }
        }
    }

    fn apply(&mut self, event: Event) {
        let Event::Counted { by } = event;
        self.count += by;
    }
}

impl Rig {
    pub(super) fn repository(&self, options: Options) -> LogRepository {
        LogRepository::new(
            self.port(),
            self.committer.clone(),
            self.clock.clone(),
            self.tasks.clone(),
            options,
        )
    }

    pub(super) fn framework(
        &self,
        queries: Vec<Box<dyn Query<Counter>>>,
    ) -> CqrsFramework<Counter, LogEventStore<Counter>> {
        let store = LogEventStore::new(self.repository(snapshots(3)));
        CqrsFramework::new(store, queries, ())
    }
}

pub(super) fn snapshots(every: u64) -> Options {
    Options {
        snapshot_every: NonZeroU64::new(every),
        ..Options::default()
    }
}

pub(super) type Store = PersistedEventStore<LogRepository, Counter>;

/// Remembers all envelopes.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorder(pub(super) Arc<Mutex<Vec<EventEnvelope<Counter>>>>);

impl Recorder {
    pub(super) fn seen(&self) -> Vec<(String, usize)> {
        let seen = self.0.lock().unwrap();
        seen.iter()
            .map(|e| (e.aggregate_id.clone(), e.sequence))
            .collect()
    }
}

#[async_trait]
impl Query<Counter> for Recorder {
    async fn dispatch(&self, _aggregate_id: &str, events: &[EventEnvelope<Counter>]) {
        self.0.lock().unwrap().extend(events.iter().cloned());
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Total {
    pub(super) count: u64,
    pub(super) last_position: String,
}

impl View<Counter> for Total {
    fn update(&mut self, event: &EventEnvelope<Counter>) {
        let Event::Counted { by } = event.payload;
        self.count += by;
        self.last_position = event.metadata[POSITION].clone();
    }
}

/// Views in memory, with cqrs-es's optimistic lock.
#[derive(Debug, Default)]
pub(super) struct Totals(Mutex<HashMap<String, (Total, i64)>>);

impl ViewRepository<Total, Counter> for Totals {
    async fn load(&self, view_id: &str) -> Result<Option<Total>, PersistenceError> {
        Ok(self
            .0
            .lock()
            .unwrap()
            .get(view_id)
            .map(|(view, _)| view.clone()))
    }

    async fn load_with_context(
        &self,
        view_id: &str,
    ) -> Result<Option<(Total, ViewContext)>, PersistenceError> {
        let views = self.0.lock().unwrap();
        let view = views.get(view_id).cloned();
        Ok(view.map(|(view, version)| (view, ViewContext::new(view_id.to_owned(), version))))
    }

    async fn update_view(&self, view: Total, context: ViewContext) -> Result<(), PersistenceError> {
        let mut views = self.0.lock().unwrap();
        let (stored, version) = views.entry(context.view_instance_id).or_default();
        if *version != context.version {
            return Err(PersistenceError::OptimisticLockError);
        }
        (*stored, *version) = (view, context.version + 1);
        Ok(())
    }
}
