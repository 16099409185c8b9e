//! How fast the worker projects a rush: `cargo bench -p projections`.
//!
//! One show of 15,000 seats is sold out, a seat a purchase: five events each, from hold to completed payment. The events
//! are in memory, the read model is a file: what is timed is decoding, folding and writing, from the first event to the
//! last row. The second figure is the same backlog cut into batches of 100, as when the worker keeps up with a log that
//! grows in small steps.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports to a terminal"
)]

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use cqrs_es::DomainEvent;
use domain::{
    ids::{CustomerId, PaymentId, ReservationId, ShowId},
    payment, point_account,
    seating::{Point, Row, Seat, ZonePart},
    show::{
        self,
        event::{HeldSeat, Places},
    },
    time::Timestamp,
};
use event_store::{
    Position, RecordedEvent, StreamId,
    bus::{Alone, Bus, Cursor, Delivery, Error, Membership, Subscription},
};
use projections::{Deps, Progress, run};
use read_model::{Access, ProjectionId};
use serde::Serialize;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

const SEATS: u64 = 15_000;
const PRICE: i64 = 50;
const ROW: usize = 100;

fn id<T: From<Uuid>>(n: u64) -> T {
    T::from(Uuid::from_u64_pair(0x0190_0000_0000_7000, (1 << 63) | n))
}

#[derive(Default)]
struct Log(Vec<RecordedEvent>);

impl Log {
    fn record<E: DomainEvent + Serialize>(&mut self, kind: &str, stream: Uuid, event: &E) {
        let position = self.0.len() as u64 + 1;
        self.0.push(RecordedEvent {
            position: Position(position),
            shard: 0,
            epoch: 1,
            stream: StreamId::new(kind, stream.to_string()),
            sequence: 1,
            event_id: id(position),
            command_id: id(position),
            routing_key: String::new(),
            event_type: event.event_type(),
            event_version: event.event_version(),
            payload: serde_json::to_string(event).unwrap(),
            metadata: "{}".to_owned(),
            recorded_at: Timestamp::default(),
        });
    }
}

fn guid(n: u64) -> String {
    format!("seat-{n:06}")
}

fn schedule(log: &mut Log, show: ShowId) {
    let organizer_id = id(1);
    let scheduled = show::Event::ShowScheduled {
        organizer_id,
        concert_id: id(1),
        venue_id: id(1),
        starts_at: Timestamp::default(),
        on_sale_at: Timestamp::default(),
        off_sale_at: None,
        prices: BTreeMap::from([("Seats".to_owned(), PRICE)]),
        categories: vec!["Seats".to_owned()],
        focus: Point::default(),
        seats: u32::try_from(SEATS).unwrap(),
        standing_capacity: 0,
        hold_seconds: 300,
        max_seats_per_customer: 4,
        no_stranded_seats: false,
    };
    log.record("show", show.0, &scheduled);
    let seats: Vec<_> = (0..SEATS)
        .map(|n| Seat(guid(n), n.to_string(), 0, 100, 100))
        .collect();
    for (part, seats) in (0..).zip(seats.chunks(2_000)) {
        let row = |seats: &[Seat]| Row {
            row: "A".to_owned(),
            seats: seats.to_vec(),
        };
        let zone = ZonePart {
            zone: "Hall".to_owned(),
            zone_index: 0,
            part,
            rows: seats.chunks(ROW).map(row).collect(),
            continued: false,
        };
        log.record(
            "show",
            show.0,
            &show::Event::SeatsListed { organizer_id, zone },
        );
    }
}

/// One purchase: hold, request, debit, confirmation, completion.
fn buy(log: &mut Log, show_id: ShowId, n: u64) {
    let (organizer_id, customer_id) = (id(1), id::<CustomerId>(1_000_000 + n));
    let (reservation_id, payment_id) = (id::<ReservationId>(n), id::<PaymentId>(2_000_000 + n));
    let held = show::Event::SeatsHeld {
        organizer_id,
        reservation_id,
        customer_id,
        seats: vec![HeldSeat {
            seat_guid: guid(n),
            zone: "Hall".to_owned(),
            row: "A".to_owned(),
            number: n.to_string(),
            category: "Seats".to_owned(),
            price: PRICE,
        }],
        standing: None,
        amount: PRICE,
        expires_at: Timestamp::default(),
    };
    log.record("show", show_id.0, &held);
    let requested = payment::Event::PaymentRequested {
        reservation_id,
        show_id,
        customer_id,
        organizer_id,
        amount: PRICE,
        method: "points".to_owned(),
        resume_at: Timestamp::default(),
    };
    log.record("payment", payment_id.0, &requested);
    let debited = point_account::Event::PointsDebited {
        customer_id,
        payment_id,
        amount: PRICE,
        balance_after: 0,
    };
    log.record("point_account", customer_id.0, &debited);
    let confirmed = show::Event::ReservationConfirmed {
        organizer_id,
        reservation_id,
        customer_id,
        payment_id,
        amount: PRICE,
        retaken: false,
        places: Places {
            seats: vec![guid(n)],
            standing: None,
        },
    };
    log.record("show", show_id.0, &confirmed);
    let completed = payment::Event::PaymentCompleted {
        reservation_id,
        show_id,
        customer_id,
        amount: PRICE,
        balance: 0,
    };
    log.record("payment", payment_id.0, &completed);
}

/// The log as a bus that hands over at most `largest` events at a time.
#[derive(Debug, Clone)]
struct Backlog {
    events: Arc<Vec<RecordedEvent>>,
    largest: usize,
    next: usize,
}

#[async_trait]
impl Bus for Backlog {
    fn partitions(&self) -> u32 {
        1
    }

    fn partition_of(&self, _routing_key: &str) -> u32 {
        0
    }

    async fn join(&self, _group: &str) -> Result<Box<dyn Membership>, Error> {
        Ok(Box::new(Alone::with(1)))
    }

    async fn subscribe(&self, from: Vec<Cursor>) -> Result<Box<dyn Subscription>, Error> {
        let next = from.first().map_or(0, |cursor| cursor.position.0);
        Ok(Box::new(Self {
            next: usize::try_from(next).unwrap(),
            ..self.clone()
        }))
    }
}

#[async_trait]
impl Subscription for Backlog {
    async fn next(&mut self, limit: usize) -> Result<Delivery, Error> {
        let end = (self.next + limit.min(self.largest)).min(self.events.len());
        if end == self.next {
            std::future::pending::<()>().await;
        }
        let events = self.events[self.next..end].to_vec();
        self.next = end;
        let position = Position(end as u64);
        let cursor = Cursor {
            epoch: 1,
            position,
            ..Cursor::default()
        };
        Ok(Delivery { events, cursor })
    }
}

async fn project(events: &Arc<Vec<RecordedEvent>>, largest: usize) -> Duration {
    let folder = std::env::temp_dir().join(format!("projections-bench-{}", Uuid::now_v7()));
    std::fs::create_dir(&folder).unwrap();
    let url = format!("sqlite:{}", folder.join("read-model.db").display());
    let deps = Deps {
        bus: Arc::new(Backlog {
            events: events.clone(),
            largest,
            next: 0,
        }),
        read_model: read_model::open(&url, Access::ReadWrite).await.unwrap(),
        progress: Progress::default(),
    };
    let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
    let began = Instant::now();
    let worker = tasks.spawn(run(deps.clone(), shutdown.clone()));
    for id in ProjectionId::ALL {
        deps.progress.wait_for(id, events.len() as u64).await;
    }
    let took = began.elapsed();
    shutdown.cancel();
    worker.await.unwrap().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    took
}

#[tokio::main]
async fn main() {
    let mut log = Log::default();
    let show = id(1);
    schedule(&mut log, show);
    for n in 0..SEATS {
        buy(&mut log, show, n);
    }
    let events = Arc::new(log.0);
    println!(
        "{} events: a show of {SEATS} seats, sold out one by one",
        events.len()
    );
    for largest in [projections::runner::MAX_BATCH, 100] {
        let took = project(&events, largest).await;
        let count = u32::try_from(events.len()).unwrap();
        let rate = f64::from(count) / took.as_secs_f64();
        println!("batches of {largest:>5}: {rate:>9.0} events/s, {took:.2?} in all");
    }
}
