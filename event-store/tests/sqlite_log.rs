//! The SQLite adapter of the event log.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{path::PathBuf, sync::Arc};

use chrono::{DateTime, Utc};
use event_store::{
    Committer, EventLog, SqliteEventLog, StreamId,
    commands::{CommandRecord, Fingerprint},
    log::{Append, NewEvent, Outcome, Position, StreamAppend, sqlite::Options},
    timers::WakeAt,
};
use futures::future::join_all;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// A path for a new log, in a folder of its own.
fn new_path() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(Uuid::now_v7().to_string());
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("log.db")
}

fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_790_000_000_000_000 + micros).unwrap()
}

fn append(stream: &StreamId, expected_version: u64) -> Append {
    let command_id = Uuid::now_v7();
    Append {
        streams: vec![StreamAppend {
            stream: stream.clone(),
            expected_version,
            routing_key: stream.aggregate_id.to_string(),
            events: vec![NewEvent {
                event_id: Uuid::new_v5(&command_id, b"0"),
                command_id,
                event_type: "Opened".to_owned(),
                event_version: "1".to_owned(),
                payload: r#"{"Opened":{ "by":"\u00e9\"ö😀" }}"#.to_owned(),
                metadata: Arc::from(r#"{"actor":"x"}"#),
            }],
            wake_at: WakeAt::At(time(5)),
        }],
        commands: vec![CommandRecord {
            command_id,
            fingerprint: Fingerprint(vec![0, 255, 7]),
            first_event: 0,
            events: 1,
        }],
        claims: Vec::new(),
        recorded_at: time(1),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_share_batches() {
    let log: Arc<dyn EventLog> = Arc::new(
        SqliteEventLog::open(&new_path(), Options::default())
            .await
            .unwrap(),
    );
    let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
    let committer = Committer::start(Arc::clone(&log), &tasks, shutdown.clone());
    let appends = (0..500).map(|i| {
        let committer = committer.clone();
        async move {
            let stream = StreamId::new("t", format!("{}", i % 400));
            committer.append(append(&stream, 0)).await.unwrap()
        }
    });
    let outcomes = join_all(appends).await;
    let stored = |o: &&Outcome| matches!(o, Outcome::Committed { .. });
    assert_eq!(outcomes.iter().filter(stored).count(), 400);
    assert_eq!(log.head().await.unwrap().position, Position(400));
    let events = log.read_all(Position(0), 1000).await.unwrap();
    let positions: Vec<_> = events.iter().map(|e| e.position.0).collect();
    assert_eq!(positions, (1..=400).collect::<Vec<_>>());
    assert_eq!(events[0].payload, r#"{"Opened":{ "by":"\u00e9\"ö😀" }}"#);
    assert_eq!(log.due("t", time(5), 1000).await.unwrap().len(), 400);
    shutdown.cancel();
    tasks.close();
    tasks.wait().await;
    log.close().await;
}
