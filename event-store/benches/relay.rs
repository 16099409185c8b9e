//! What the relay and a consumer carry on this machine: `FRONTROW_TEST_KAFKA=HOST:PORT cargo bench -p event-store --bench relay`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::{path::PathBuf, sync::Arc, time::Instant};

use event_store::{
    EventLog, Position, SqliteEventLog, StreamId, SystemClock,
    bus::{
        Bus, Cursor, KafkaBus, Topic,
        kafka::{self, Options},
    },
    commands,
    leases::InProcessLeases,
    log::{Append, NewEvent, StreamAppend, sqlite},
    relay,
    timers::WakeAt,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// Events in the log.
const EVENTS: u64 = 200_000;

/// Appends of one event in a transaction.
const BATCH: u64 = 2_000;

/// Most events of a delivery.
const LIMIT: usize = 2_000;

/// Subscriptions that are timed.
const SUBSCRIPTIONS: u32 = 10;

/// About what an event of a show has.
const PAYLOAD_BYTES: usize = 300;

#[tokio::main]
async fn main() {
    let Some(brokers) = std::env::var("FRONTROW_TEST_KAFKA").ok() else {
        println!("skipped: FRONTROW_TEST_KAFKA is not set");
        return;
    };
    let topic = Topic {
        name: format!("bench-{}", Uuid::now_v7().simple()),
        replication: 1,
        ..Topic::default()
    };
    let options = Options::at(&brokers, &topic);
    let folder = Folder::new();
    let log: Arc<dyn EventLog> = Arc::new(
        SqliteEventLog::open(&folder.0.join("log.db"), sqlite::Options::default())
            .await
            .unwrap(),
    );
    for first in (0..EVENTS).step_by(usize::try_from(BATCH).unwrap()) {
        let batch = (first..first + BATCH).map(append).collect();
        log.append(batch).await.unwrap();
    }

    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let deps = relay::Deps {
        log: Arc::clone(&log),
        leases: Arc::new(InProcessLeases::default()),
        holder: Uuid::now_v7(),
        clock: Arc::new(SystemClock),
        kafka: options.clone(),
        integration: Vec::new(),
        route: Arc::new(|_| Vec::new()),
        status: relay::Status::default(),
    };
    let bus = KafkaBus::new(options.clone());
    let began = Instant::now();
    tasks.spawn(relay::run(deps, stop.clone()));
    follow(&bus, 1).await;
    rate("log to the brokers' acknowledgement", began);
    let began = Instant::now();
    follow(&bus, bus.partitions()).await;
    rate("brokers to one consumer, every partition", began);
    let began = Instant::now();
    for _ in 0..SUBSCRIPTIONS {
        let cursors = beginning(bus.partitions(), Position(EVENTS / 2));
        bus.subscribe(cursors).await.unwrap();
    }
    let each = began.elapsed() / SUBSCRIPTIONS;
    println!("  a subscription in the middle, every partition, takes {each:?}");
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    let began = Instant::now();
    let audit = kafka::audit(&options, &*log, Position(EVENTS))
        .await
        .unwrap();
    rate("topic compared with the log", began);
    assert!(audit.is_clean(), "{audit:?}");
}

/// Cursors behind a position whose offsets nobody knows.
fn beginning(partitions: u32, position: Position) -> Vec<Cursor> {
    let cursors = (0..partitions).map(|partition| Cursor {
        partition,
        position,
        ..Cursor::default()
    });
    cursors.collect()
}

/// Reads the first `partitions` until they have come to the log's end.
async fn follow(bus: &KafkaBus, partitions: u32) {
    let mut cursors = beginning(partitions, Position(0));
    let mut subscription = loop {
        // The topic is made while this begins.
        if let Ok(subscription) = bus.subscribe(cursors.clone()).await {
            break subscription;
        }
    };
    while cursors.iter().any(|cursor| cursor.position.0 < EVENTS) {
        let cursor = subscription.next(LIMIT).await.unwrap().cursor;
        cursors[cursor.partition as usize] = cursor;
    }
}

#[expect(clippy::cast_precision_loss, reason = "far smaller than 2^52")]
fn rate(what: &str, began: Instant) {
    let rate = EVENTS as f64 / began.elapsed().as_secs_f64();
    println!("  {what:<42} {rate:>9.0} events/s");
}

fn append(number: u64) -> Append {
    let id = number.to_string();
    let command_id = Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes());
    Append {
        streams: vec![StreamAppend {
            stream: StreamId::new("bench", id),
            expected_version: 0,
            routing_key: Uuid::from_u128(u128::from(number % 1_000)).to_string(),
            events: vec![NewEvent {
                event_id: commands::event_id(command_id, 0),
                command_id,
                event_type: "Happened".to_owned(),
                event_version: "1.0".to_owned(),
                payload: format!("\"{}\"", "0123456789".repeat(PAYLOAD_BYTES / 10)),
                metadata: r#"{"actor":"bench","trace":"none"}"#.into(),
            }],
            wake_at: WakeAt::Keep,
        }],
        commands: Vec::new(),
        claims: Vec::new(),
        recorded_at: chrono::DateTime::UNIX_EPOCH,
    }
}

/// A folder that goes with the value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("event-store-relay-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
