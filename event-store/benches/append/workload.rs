//! What the callers append: each append opens a stream, as a payment does, with one event, one command, one claim and a timer.

use std::{
    future::Future,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use event_store::{
    StreamId,
    claims::ClaimChange,
    commands::{CommandRecord, Fingerprint},
    log::{Append, NewEvent, StreamAppend},
    timers::WakeAt,
};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// The size of a usual event: two seats held.
static PAYLOAD: LazyLock<String> = LazyLock::new(|| {
    let seat = r#"{"zone":"block-12","row":"27","seat":"14","category":"standard","points":4200}"#;
    format!(
        r#"{{"SeatsHeld":{{"reservation":"{}","seats":[{seat},{seat}],"expires_at":"2026-11-21T20:00:00.000000Z"}}}}"#,
        Uuid::nil()
    )
});

/// One caller's appends.
pub(crate) struct Caller {
    count: u64,
    metadata: Arc<str>,
}

impl Caller {
    pub(crate) fn new() -> Self {
        let metadata =
            r#"{"actor":"customer","correlation_id":"018f4c8a-1111-7aaa-8bbb-000000000000"}"#;
        Self {
            count: 0,
            metadata: Arc::from(metadata),
        }
    }

    pub(crate) fn next(&mut self) -> Append {
        let command_id = Uuid::new_v5(&Uuid::now_v7(), b"command");
        let stream = StreamId::new("payment", Uuid::now_v7().to_string());
        self.count += 1;
        Append {
            streams: vec![StreamAppend {
                stream: stream.clone(),
                expected_version: 0,
                routing_key: stream.aggregate_id.to_string(),
                events: vec![NewEvent {
                    event_id: Uuid::new_v5(&command_id, b"0"),
                    command_id,
                    event_type: "SeatsHeld".to_owned(),
                    event_version: "1".to_owned(),
                    payload: PAYLOAD.clone(),
                    metadata: Arc::clone(&self.metadata),
                }],
                wake_at: WakeAt::At(time(self.count + 600)),
            }],
            commands: vec![CommandRecord {
                command_id,
                fingerprint: Fingerprint(vec![7; 32]),
                first_event: 0,
                events: 1,
            }],
            claims: vec![ClaimChange::Set {
                namespace: "reservation".to_owned(),
                key: Uuid::now_v7().to_string(),
                stream,
            }],
            recorded_at: time(self.count),
        }
    }
}

fn time(second: u64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(i64::try_from(second).unwrap())
}

/// Lets `callers` append, each waiting for its last append before the next, for `span`; answers how many were stored per second.
pub(crate) async fn run<F>(
    callers: usize,
    span: Duration,
    append: impl Fn(Append) -> F + Clone + Send + 'static,
) -> f64
where
    F: Future<Output = ()> + Send,
{
    let tasks = TaskTracker::new();
    let begun = Instant::now();
    let counts: Vec<_> = (0..callers)
        .map(|_| {
            let append = append.clone();
            tasks.spawn(async move {
                let (mut caller, mut count) = (Caller::new(), 0_u32);
                while begun.elapsed() < span {
                    append(caller.next()).await;
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut total = 0;
    for count in counts {
        total += count.await.unwrap();
    }
    f64::from(total) / begun.elapsed().as_secs_f64()
}
