//! How fast the worker projects a rush: `cargo bench -p projections`.
//!
//! Some shows are sold out, a seat a purchase: five events each, from hold to completed payment. Timed is everything from the first event
//! to the last row, all projections together: reading, decoding, folding and writing.
//!
//! First from a log on Postgres into a read model on another with a replica, which is what the goal is about; needs the servers of
//! `servers run`. Then without the reading, from events in memory, into a file and into Postgres: small deliveries are as when the
//! worker keeps up with a log that grows in small steps.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports to a terminal"
)]

use std::{
    collections::{BTreeMap, HashMap},
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
    Position, RecordedEvent, StreamId, SystemClock,
    bus::{Alone, Bus, Cursor, Delivery, Error, LogTailBus, Membership, Subscription},
    log::{
        PostgresEventLog,
        postgres::{Options, PostgresImport},
    },
};
use projections::{Deps, Progress, run};
use read_model::{Access, ProjectionId};
use serde::Serialize;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

const SHOWS: u64 = 4;
const SEATS: u64 = 5_000;
const PRICE: i64 = 50;
const ROW: usize = 100;

/// Events a second from the log into Postgres.
const GOAL: f64 = 40_000.0;
/// How often that is measured.
const ROUNDS: usize = 3;
/// Events of one step of filling the log.
const PAGE: usize = 5_000;

fn id<T: From<Uuid>>(n: u64) -> T {
    T::from(Uuid::from_u64_pair(0x0190_0000_0000_7000, (1 << 63) | n))
}

#[derive(Default)]
struct Log {
    events: Vec<RecordedEvent>,
    sequences: HashMap<StreamId, u64>,
}

impl Log {
    fn record<E: DomainEvent + Serialize>(
        &mut self,
        kind: &str,
        stream: Uuid,
        key: Uuid,
        event: &E,
    ) {
        let position = self.events.len() as u64 + 1;
        let stream = StreamId::new(kind, stream.to_string());
        let sequence = self.sequences.entry(stream.clone()).or_default();
        *sequence += 1;
        self.events.push(RecordedEvent {
            position: Position(position),
            shard: 0,
            epoch: 1,
            stream,
            sequence: *sequence,
            event_id: id(position),
            command_id: id(position),
            routing_key: key.to_string(),
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
        waiting_room: None,
    };
    log.record("show", show.0, show.0, &scheduled);
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
            show.0,
            &show::Event::SeatsListed { organizer_id, zone },
        );
    }
}

/// One purchase: hold, request, debit, confirmation, completion.
fn buy(log: &mut Log, show_id: ShowId, show: u64, n: u64) {
    let buyer = show * SEATS + n;
    let (organizer_id, customer_id) = (id(1), id::<CustomerId>(1_000_000 + buyer));
    let (reservation_id, payment_id) = (
        id::<ReservationId>(buyer),
        id::<PaymentId>(2_000_000 + buyer),
    );
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
        pass: None,
    };
    log.record("show", show_id.0, show_id.0, &held);
    let requested = payment::Event::PaymentRequested {
        reservation_id,
        show_id,
        customer_id,
        organizer_id,
        amount: PRICE,
        method: "points".to_owned(),
        resume_at: Timestamp::default(),
    };
    log.record("payment", payment_id.0, show_id.0, &requested);
    let debited = point_account::Event::PointsDebited {
        customer_id,
        payment_id,
        amount: PRICE,
        balance_after: 0,
    };
    log.record("point_account", customer_id.0, customer_id.0, &debited);
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
    log.record("show", show_id.0, show_id.0, &confirmed);
    let completed = payment::Event::PaymentCompleted {
        reservation_id,
        show_id,
        customer_id,
        amount: PRICE,
        balance: 0,
    };
    log.record("payment", payment_id.0, show_id.0, &completed);
}

/// The log as a bus of several partitions that hands over at most `largest` events at a time.
#[derive(Debug, Clone)]
struct Backlog {
    partitions: Arc<Vec<Vec<RecordedEvent>>>,
    head: u64,
    largest: usize,
    /// The next event of each partition.
    next: Vec<usize>,
}

impl Backlog {
    fn new(events: &[RecordedEvent], partitions: u32, largest: usize) -> Self {
        let mut parts = vec![Vec::new(); partitions as usize];
        for event in events {
            parts[partition_of(&event.routing_key, partitions) as usize].push(event.clone());
        }
        Self {
            head: events.len() as u64,
            largest,
            next: vec![0; parts.len()],
            partitions: Arc::new(parts),
        }
    }
}

fn partition_of(key: &str, partitions: u32) -> u32 {
    key.bytes()
        .fold(7_u32, |hash, byte| hash.wrapping_mul(31) ^ u32::from(byte))
        % partitions
}

#[async_trait]
impl Bus for Backlog {
    fn partitions(&self) -> u32 {
        u32::try_from(self.partitions.len()).unwrap()
    }

    fn partition_of(&self, routing_key: &str) -> u32 {
        partition_of(routing_key, self.partitions())
    }

    async fn join(&self, _group: &str) -> Result<Box<dyn Membership>, Error> {
        Ok(Box::new(Alone::with(self.partitions())))
    }

    async fn subscribe(&self, _: Vec<Cursor>) -> Result<Box<dyn Subscription>, Error> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Subscription for Backlog {
    /// Of the partition that is furthest behind; all of them end at the head.
    async fn next(&mut self, limit: usize) -> Result<Delivery, Error> {
        let behind = |n: &usize| {
            let events = &self.partitions[*n];
            events
                .get(self.next[*n])
                .map_or(u64::MAX, |event| event.position.0)
        };
        let partition = (0..self.partitions.len()).min_by_key(behind).unwrap();
        let (events, next) = (&self.partitions[partition], self.next[partition]);
        if next > events.len() {
            std::future::pending::<()>().await;
        }
        let end = (next + limit.min(self.largest)).min(events.len());
        let batch = events[next..end].to_vec();
        // Behind the last one: the watermark has been told.
        self.next[partition] = if end == events.len() { end + 1 } else { end };
        let position = if end == events.len() {
            self.head
        } else {
            batch.last().unwrap().position.0
        };
        let cursor = Cursor {
            partition: u32::try_from(partition).unwrap(),
            epoch: 1,
            position: Position(position),
            offset: i64::try_from(end).unwrap(),
        };
        Ok(Delivery {
            events: batch,
            cursor,
        })
    }
}

/// Fills an empty log with the events, at their positions.
async fn fill(url: &str, events: &[RecordedEvent]) {
    let import = PostgresImport::open(url).await.unwrap();
    import.begin().await.unwrap();
    for page in events.chunks(PAGE) {
        import.events(page).await.unwrap();
    }
    import.finish(Position(0)).await.unwrap();
    import.close().await;
}

async fn project(url: &str, bus: Arc<dyn Bus>, events: usize) -> Duration {
    let deps = Deps {
        bus,
        read_model: read_model::open(url, Access::ReadWrite).await.unwrap(),
        progress: Progress::default(),
        group: None,
        log: None,
        clock: Arc::new(SystemClock),
    };
    let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
    let began = Instant::now();
    let worker = tasks.spawn(run(deps.clone(), shutdown.clone()));
    for id in ProjectionId::ALL {
        deps.progress.wait_for(id, events as u64).await;
    }
    let took = began.elapsed();
    shutdown.cancel();
    worker.await.unwrap().unwrap();
    took
}

fn report(what: &str, events: usize, took: Duration) -> f64 {
    let count = u32::try_from(events).unwrap();
    let rate = f64::from(count) / took.as_secs_f64();
    println!("{what:<55} {rate:>9.0} events/s, {took:.2?} in all");
    rate
}

/// What the goal is about.
async fn from_the_log(events: &[RecordedEvent]) {
    let what = "projections from the log into Postgres";
    let Some(log) = servers::log_database(what).await else {
        return;
    };
    fill(&log.url, events).await;
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let Some(database) = servers::read_model_database(what).await else {
            return;
        };
        let log = PostgresEventLog::open(&log.url, Options::default()).await;
        let bus = LogTailBus::new(Arc::new(log.unwrap()));
        let took = project(&database.url, Arc::new(bus), events.len()).await;
        rates.push(report("log on Postgres -> Postgres", events.len(), took));
    }
    rates.sort_by(f64::total_cmp);
    let median = rates[ROUNDS / 2];
    let verdict = if median >= GOAL { "reached" } else { "MISSED" };
    println!("median {median:.0} events/s, goal {GOAL:.0}: {verdict}");
}

#[tokio::main]
async fn main() {
    let mut log = Log::default();
    for show in 1..=SHOWS {
        schedule(&mut log, id(show));
    }
    for n in 0..SEATS {
        for show in 1..=SHOWS {
            buy(&mut log, id(show), show, n);
        }
    }
    let events = log.events;
    println!(
        "{} events: {SHOWS} shows of {SEATS} seats, sold out one by one",
        events.len()
    );
    from_the_log(&events).await;
    for (partitions, largest) in [(1, 4_000), (1, 100), (12, 1_000), (12, 20)] {
        let what = |store: &str| {
            format!("{partitions:>2} partitions in memory, {largest:>5} a delivery -> {store}")
        };
        let bus = || Arc::new(Backlog::new(&events, partitions, largest));
        let folder = std::env::temp_dir().join(format!("projections-bench-{}", Uuid::now_v7()));
        std::fs::create_dir(&folder).unwrap();
        let url = format!("sqlite:{}", folder.join("read-model.db").display());
        let took = project(&url, bus(), events.len()).await;
        report(&what("SQLite"), events.len(), took);
        std::fs::remove_dir_all(&folder).unwrap();
        if let Some(database) = servers::read_model_database("projections into Postgres").await {
            let took = project(&database.url, bus(), events.len()).await;
            report(&what("Postgres"), events.len(), took);
        }
    }
}
