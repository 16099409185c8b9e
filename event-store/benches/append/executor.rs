//! Commands through the executor: one hot aggregate, and many.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use event_store::{
    Committer, EventLog, Executor, RecordedEvent, StreamId, SystemClock,
    claims::ClaimChange,
    commands::Fingerprint,
    executor::{Config, Decider, Encoded, Metadata, Request},
};
use serde::{Deserialize, Serialize};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// A show as far as the executor has to do with it: an event as large as a hold's, a claim, a timer.
struct Show;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Held {
    holds: u64,
    next_expiry: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SeatsHeld {
    reservation: Uuid,
    seats: [Seat; 2],
    expires_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Seat {
    zone: String,
    row: u64,
    number: u64,
    category: String,
    points: u64,
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("sold out")]
struct SoldOut;

impl Decider for Show {
    const TYPE: &'static str = "show";
    const SNAPSHOT_SCHEMA: u32 = 1;
    type State = Held;
    type Command = Uuid;
    type Event = SeatsHeld;
    type Error = SoldOut;

    fn decide(
        state: &Held,
        reservation: &Uuid,
        now: DateTime<Utc>,
    ) -> Result<Vec<SeatsHeld>, SoldOut> {
        let seat = |number| Seat {
            zone: "block-12".to_owned(),
            row: state.holds,
            number,
            category: "standard".to_owned(),
            points: 4_200,
        };
        Ok(vec![SeatsHeld {
            reservation: *reservation,
            seats: [seat(14), seat(15)],
            expires_at: now,
        }])
    }

    fn evolve(state: &mut Held, event: &SeatsHeld) {
        state.holds += 1;
        state.next_expiry = Some(event.expires_at);
    }

    fn wake_at(state: &Held) -> Option<DateTime<Utc>> {
        state.next_expiry
    }

    fn claims(stream: &StreamId, event: &SeatsHeld) -> Vec<ClaimChange> {
        vec![ClaimChange::Set {
            namespace: "reservation".to_owned(),
            key: event.reservation.to_string(),
            stream: stream.clone(),
        }]
    }

    fn encode(event: &SeatsHeld) -> Encoded {
        Encoded::json("SeatsHeld", "1.0", event)
    }

    fn decode(event: &RecordedEvent) -> Result<SeatsHeld, String> {
        serde_json::from_str(&event.payload).map_err(|error| error.to_string())
    }
}

/// Lets `callers` send commands to `aggregates` in turn, each waiting for its answer before the next, for `span`; how many were
/// answered per second. Closes the log afterwards.
pub(crate) async fn commands_per_second(
    log: Arc<dyn EventLog>,
    callers: usize,
    aggregates: usize,
    span: Duration,
) -> f64 {
    let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
    let committer = Committer::start(Arc::clone(&log), &tasks, shutdown.clone());
    let executor = Executor::<Show>::new(
        Arc::clone(&log),
        committer,
        Arc::new(SystemClock),
        Config::default(),
        tasks.clone(),
        shutdown.clone(),
    );
    let begun = std::time::Instant::now();
    let calling = TaskTracker::new();
    let counts: Vec<_> = (0..callers)
        .map(|caller| {
            let executor = executor.clone();
            calling.spawn(async move {
                let mut count = 0_u32;
                // A prime step spreads the callers over all aggregates.
                let mut aggregate = caller * 7_919;
                while begun.elapsed() < span {
                    aggregate += 7_919;
                    let id = format!("show-{}", aggregate % aggregates);
                    executor.execute(&id, request()).await.unwrap();
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
    let rate = f64::from(total) / begun.elapsed().as_secs_f64();
    shutdown.cancel();
    tasks.close();
    tasks.wait().await;
    log.close().await;
    rate
}

fn request() -> Request<Uuid> {
    let reservation = Uuid::now_v7();
    let metadata = [
        ("actor", "customer"),
        ("correlation_id", "018f4c8a-1111-7aaa-8bbb-000000000000"),
    ];
    Request {
        fingerprint: Fingerprint(vec![7; 32]),
        metadata: Metadata(
            metadata
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        ),
        ..Request::new(Uuid::new_v5(&reservation, b"command"), reservation)
    }
}
