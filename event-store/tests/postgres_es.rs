//! What a stock `postgres_es` reads of a log in Postgres: the same events, in its own terms.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use cqrs_es::{
    Aggregate, AggregateContext, DomainEvent, EventStore,
    event_sink::EventSink,
    persist::{PersistedEventRepository, PersistedEventStore},
};
use event_store::{
    EventLog, PostgresEventLog, StreamId,
    log::{Append, Outcome, conformance::sample::Draft, postgres::Options},
};
use postgres_es::PostgresEventRepository;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tally {
    total: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum TallyEvent {
    Added { points: i64 },
    Cleared,
}

impl DomainEvent for TallyEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Added { .. } => "Added".to_owned(),
            Self::Cleared => "Cleared".to_owned(),
        }
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("never")]
struct Never;

impl Aggregate for Tally {
    const TYPE: &'static str = "tally";
    type Command = ();
    type Event = TallyEvent;
    type Error = Never;
    type Services = ();

    async fn handle(&mut self, (): (), (): &(), _: &EventSink<Self>) -> Result<(), Never> {
        Ok(())
    }

    fn apply(&mut self, event: TallyEvent) {
        match event {
            TallyEvent::Added { points } => self.total += points,
            TallyEvent::Cleared => self.total = 0,
        }
    }
}

fn append(number: u64, id: &str, version: u64, events: &[TallyEvent]) -> Append {
    let stream = StreamId::new(Tally::TYPE, id);
    let draft = Draft::new(number).events(&stream, version, events.len());
    let draft = draft.with(|append| {
        for (new, event) in append.streams[0].events.iter_mut().zip(events) {
            new.event_type = event.event_type();
            new.payload = serde_json::to_string(event).unwrap();
        }
    });
    draft.done()
}

#[tokio::test]
async fn a_stock_repository_reads_the_log() {
    let Some(database) = servers::log_database("postgres-es").await else {
        return;
    };
    let log = PostgresEventLog::open(&database.url, Options::default()).await;
    let log: Arc<dyn EventLog> = Arc::new(log.unwrap());
    let added = |points| TallyEvent::Added { points };
    let first = [added(3), TallyEvent::Cleared, added(20)];
    for append in [
        append(1, "a", 0, &first),
        append(2, "b", 0, &[added(100)]),
        append(3, "a", 3, &[added(5)]),
    ] {
        let outcomes = log.append(vec![append]).await.unwrap();
        assert!(
            matches!(outcomes[0], Outcome::Committed { .. }),
            "{outcomes:?}"
        );
    }
    let pool = PgPool::connect(&database.url).await.unwrap();
    let repository = PostgresEventRepository::new(pool.clone());
    let events = repository.get_events::<Tally>("a").await.unwrap();
    let sequences: Vec<_> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4]);
    let own = log
        .read_stream(&StreamId::new(Tally::TYPE, "a"), 0, 10)
        .await
        .unwrap();
    for (stock, own) in events.iter().zip(&own) {
        assert_eq!(stock.aggregate_id, &*own.stream.aggregate_id);
        assert_eq!(stock.aggregate_type, &*own.stream.aggregate_type);
        assert_eq!(stock.event_type, own.event_type);
        assert_eq!(stock.event_version, own.event_version);
        assert_eq!(stock.payload.to_string(), own.payload);
        assert_eq!(stock.metadata.to_string(), own.metadata);
    }
    let store =
        PersistedEventStore::<_, Tally>::new_event_store(PostgresEventRepository::new(pool));
    let mut context = store.load_aggregate("a").await.unwrap();
    assert_eq!(context.aggregate(), &Tally { total: 25 });
    assert_eq!(context.current_sequence, 4);
    let later = store.load_events("b").await.unwrap();
    assert_eq!(later.len(), 1);
}
