//! Reading the log from its beginning, and folding what was read.

use std::{collections::HashMap, sync::Arc, time::Instant};

use event_store::{EventLog, Position, RecordedEvent, log::Append};
use serde::Deserialize;

use crate::workload::{Caller, Workload};

/// Events in the log that is read.
const EVENTS: usize = 200_000;

/// Events read at a time.
pub(crate) const PAGE: usize = 1_000;

/// Events per second.
pub(crate) struct Rates {
    pub(crate) tail: f64,
    pub(crate) fold: f64,
}

/// Fills an empty log first. Closes it afterwards.
pub(crate) async fn events_per_second(log: Arc<dyn EventLog>) -> Rates {
    fill(&*log).await;
    let begun = Instant::now();
    let mut events: Vec<RecordedEvent> = Vec::with_capacity(EVENTS);
    while let page = log
        .read_all(Position(events.len() as u64), PAGE)
        .await
        .unwrap()
        && !page.is_empty()
    {
        events.extend(page);
    }
    let tail = rate(begun);
    assert_eq!(events.len(), EVENTS);
    let begun = Instant::now();
    let held: u64 = fold(&events).values().map(|(count, _)| count).sum();
    let fold = rate(begun);
    assert_eq!(held, 2 * EVENTS as u64);
    log.close().await;
    Rates { tail, fold }
}

async fn fill(log: &dyn EventLog) {
    let mut callers: Vec<_> = (0..1_000).map(|_| Caller::new(Workload::ONE)).collect();
    for _ in 0..EVENTS / callers.len() {
        let batch: Vec<Append> = callers.iter_mut().map(Caller::next).collect();
        log.append(batch).await.unwrap();
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn rate(begun: Instant) -> f64 {
    EVENTS as f64 / begun.elapsed().as_secs_f64()
}

#[derive(Deserialize)]
enum Event {
    SeatsHeld { seats: Vec<Seat> },
}

#[derive(Deserialize)]
struct Seat {
    row: String,
    seat: String,
}

/// How often each seat was held, and where last, over all streams.
fn fold(events: &[RecordedEvent]) -> HashMap<(String, String), (u64, Position)> {
    let mut seats: HashMap<_, (u64, Position)> = HashMap::new();
    for event in events {
        let Event::SeatsHeld { seats: held } = serde_json::from_str(&event.payload).unwrap();
        for seat in held {
            let (count, last) = seats.entry((seat.row, seat.seat)).or_default();
            *count += 1;
            *last = event.position;
        }
    }
    seats
}
