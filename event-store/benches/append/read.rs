//! Reading the log from its beginning, and folding what was read.

use std::{collections::HashMap, sync::Arc, time::Instant};

use event_store::{
    EventLog, Position, RecordedEvent, SqliteEventLog, StreamId,
    log::{Append, sqlite::Options},
};
use serde::Deserialize;

use crate::{disk::Folder, workload::Caller};

/// Events in the log that is read.
const EVENTS: usize = 200_000;

/// Events read at a time.
pub(crate) const PAGE: usize = 1_000;

/// Events per second.
pub(crate) struct Rates {
    pub(crate) tail: f64,
    pub(crate) fold: f64,
}

pub(crate) async fn events_per_second(folder: &Folder) -> Rates {
    let log = SqliteEventLog::open(&folder.log(), Options::default())
        .await
        .unwrap();
    fill(&log).await;
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
    let held: usize = fold(&events).values().map(HashMap::len).sum();
    let fold = rate(begun);
    assert!(held > 0);
    log.close().await;
    Rates { tail, fold }
}

async fn fill(log: &SqliteEventLog) {
    let mut callers: Vec<_> = (0..1_000).map(|_| Caller::new()).collect();
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

/// Who held which seat last, by stream.
fn fold(events: &[RecordedEvent]) -> HashMap<Arc<str>, HashMap<(String, String), u64>> {
    let mut streams: HashMap<Arc<str>, HashMap<_, _>> = HashMap::new();
    for event in events {
        let StreamId { aggregate_id, .. } = &event.stream;
        let Event::SeatsHeld { seats } = serde_json::from_str(&event.payload).unwrap();
        let held = streams.entry(Arc::clone(aggregate_id)).or_default();
        held.extend(seats.into_iter().map(|s| ((s.row, s.seat), event.sequence)));
    }
    streams
}
