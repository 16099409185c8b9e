//! How many events a second the checks go through: a log of purchases, some holds given back, no read model.
//!
//! `cargo bench -p audit` prints one line for each of three runs. The events are made by hand, so that the log is as large as wanted
//! within seconds; that it is found clean is part of the run.

use std::{path::PathBuf, sync::Arc, time::Instant};

use audit::verify::{Deps, Options};
use chrono::{DateTime, TimeDelta, Utc};
use event_store::{
    EventLog, StreamId,
    claims::ClaimChange,
    commands::{CommandRecord, Fingerprint},
    log::{Append, NewEvent, SqliteEventLog, StreamAppend, sqlite::Options as LogOptions},
    timers::WakeAt,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Shows, each with as many seats; a sold-out hall each.
const SHOWS: u64 = 100;
const SEATS: u64 = 1_000;

fn start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// Makes appends, and sends them in batches.
struct Writer {
    log: Arc<dyn EventLog>,
    batch: Vec<Append>,
    events: u64,
}

impl Writer {
    fn append(
        &mut self,
        kind: &str,
        id: Uuid,
        version: &mut u64,
        wake_at: WakeAt,
        claim: Option<(&str, Uuid)>,
        events: &[Value],
    ) {
        let stream = StreamId::new(kind, id.to_string());
        let command_id = Uuid::now_v7();
        let metadata: Arc<str> =
            r#"{"actor":"bench","correlation_id":"0af7651916cd43dd8448eb211c80319c"}"#.into();
        let stored = events.iter().map(|event| NewEvent {
            event_id: Uuid::now_v7(),
            command_id,
            event_type: event
                .as_object()
                .and_then(|tagged| tagged.keys().next())
                .expect("events are tagged")
                .clone(),
            event_version: "1".to_owned(),
            payload: event.to_string(),
            metadata: metadata.clone(),
        });
        let append = StreamAppend {
            stream: stream.clone(),
            expected_version: *version,
            routing_key: id.to_string(),
            events: stored.collect(),
            wake_at,
        };
        *version += events.len() as u64;
        self.events += events.len() as u64;
        let claims = claim.map(|(namespace, key)| ClaimChange::Set {
            namespace: namespace.to_owned(),
            key: key.to_string(),
            stream,
        });
        self.batch.push(Append {
            streams: vec![append],
            commands: vec![CommandRecord {
                command_id,
                fingerprint: Fingerprint(vec![7; 32]),
                first_event: 0,
                events: events.len(),
            }],
            claims: claims.into_iter().collect(),
            recorded_at: start(),
        });
    }

    async fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            self.log
                .append(batch)
                .await
                .expect("the log takes the batch");
        }
    }
}

/// A show that sells.
struct Show {
    id: Uuid,
    organizer: Uuid,
    version: u64,
}

impl Show {
    async fn schedule(writer: &mut Writer) -> Self {
        let (id, organizer) = (Uuid::now_v7(), Uuid::now_v7());
        let mut show = Self {
            id,
            organizer,
            version: 0,
        };
        let seat =
            |number: u64| json!([format!("S-{number}"), number.to_string(), 0, number * 20, 0]);
        let seats: Vec<_> = (0..SEATS).map(seat).collect();
        let scheduled = json!({"ShowScheduled": {"organizer_id": organizer, "concert_id": organizer, "venue_id": organizer,
            "starts_at": start(), "on_sale_at": start(), "prices": {"Stalls": 100}, "categories": ["Stalls"],
            "focus": {"x": 0, "y": 0}, "seats": SEATS, "standing_capacity": 0, "hold_seconds": 300,
            "max_seats_per_customer": 4, "no_stranded_seats": false}});
        let listed = json!({"SeatsListed": {"organizer_id": organizer, "zone": "A", "zone_index": 0, "part": 0,
            "rows": [{"row": "1", "seats": seats}]}});
        writer.append(
            "show",
            id,
            &mut show.version,
            WakeAt::Never,
            None,
            &[scheduled, listed],
        );
        writer.flush().await;
        show
    }
}

/// A purchase of one seat, in three steps: each touches a stream once, so that many purchases share a batch.
struct Purchase {
    seat: String,
    customer: Uuid,
    reservation: Uuid,
    payment: Uuid,
    account_version: u64,
    payment_version: u64,
}

impl Purchase {
    fn hold(show: &mut Show, seat: u64, writer: &mut Writer) -> Self {
        let mut purchase = Self {
            seat: format!("S-{seat}"),
            customer: Uuid::now_v7(),
            reservation: Uuid::now_v7(),
            payment: Uuid::now_v7(),
            account_version: 0,
            payment_version: 0,
        };
        let Self {
            seat,
            customer,
            reservation,
            ..
        } = &purchase;
        let void = start() + TimeDelta::seconds(300);
        let held = json!({"SeatsHeld": {"organizer_id": show.organizer, "reservation_id": reservation, "customer_id": customer,
            "seats": [{"seat_guid": seat, "zone": "A", "row": "1", "number": "1", "category": "Stalls", "price": 100}],
            "amount": 100, "expires_at": void}});
        let claim = Some(("reservation", *reservation));
        writer.append(
            "show",
            show.id,
            &mut show.version,
            WakeAt::At(void),
            claim,
            &[held],
        );
        let charged = json!({"PointsCharged": {"customer_id": customer, "charge_id": purchase.payment, "amount": 500, "balance_after": 500}});
        writer.append(
            "point_account",
            purchase.customer,
            &mut purchase.account_version,
            WakeAt::Never,
            None,
            &[charged],
        );
        purchase
    }

    fn pay(&mut self, show: &mut Show, writer: &mut Writer) {
        let (organizer, customer) = (show.organizer, self.customer);
        let requested = json!({"PaymentRequested": {"reservation_id": self.reservation, "show_id": show.id, "customer_id": customer,
            "organizer_id": organizer, "amount": 100, "method": "points", "resume_at": start()}});
        let claim = Some(("live_payment", self.reservation));
        writer.append(
            "payment",
            self.payment,
            &mut self.payment_version,
            WakeAt::At(start()),
            claim,
            &[requested],
        );
        let debited = json!({"PointsDebited": {"customer_id": customer, "payment_id": self.payment, "amount": 100, "balance_after": 400}});
        writer.append(
            "point_account",
            customer,
            &mut self.account_version,
            WakeAt::Never,
            None,
            &[debited],
        );
        let confirmed = json!({"ReservationConfirmed": {"organizer_id": organizer, "reservation_id": self.reservation,
            "customer_id": customer, "payment_id": self.payment, "amount": 100, "retaken": false, "seats": [self.seat]}});
        writer.append(
            "show",
            show.id,
            &mut show.version,
            WakeAt::Never,
            None,
            &[confirmed],
        );
    }

    fn complete(&mut self, show: &Show, writer: &mut Writer) {
        let completed = json!({"PaymentCompleted": {"reservation_id": self.reservation, "show_id": show.id,
            "customer_id": self.customer, "amount": 100, "balance": 400}});
        writer.append(
            "payment",
            self.payment,
            &mut self.payment_version,
            WakeAt::Never,
            None,
            &[completed],
        );
    }
}

/// Sells all shows out, side by side.
async fn sell_out(writer: &mut Writer) {
    let mut shows = Vec::new();
    for _ in 0..SHOWS {
        shows.push(Show::schedule(writer).await);
    }
    for seat in 0..SEATS {
        let mut purchases: Vec<_> = shows
            .iter_mut()
            .map(|show| Purchase::hold(show, seat, writer))
            .collect();
        writer.flush().await;
        for (show, purchase) in shows.iter_mut().zip(&mut purchases) {
            purchase.pay(show, writer);
        }
        writer.flush().await;
        // Joins the next round's batch: it touches other streams.
        for (show, purchase) in shows.iter().zip(&mut purchases) {
            purchase.complete(show, writer);
        }
    }
    writer.flush().await;
}

#[expect(clippy::print_stdout, reason = "a benchmark's result")]
#[tokio::main]
async fn main() {
    let folder: PathBuf =
        std::env::temp_dir().join(format!("frontrow-audit-bench-{}", Uuid::now_v7()));
    std::fs::create_dir_all(&folder).expect("the temporary folder takes another");
    let log = SqliteEventLog::open(&folder.join("log.db"), LogOptions::default())
        .await
        .expect("a new log opens");
    let mut writer = Writer {
        log: Arc::new(log),
        batch: Vec::new(),
        events: 0,
    };
    sell_out(&mut writer).await;
    let deps = Deps {
        log: writer.log.clone(),
        read_model: None,
        partition_of: None,
        bus: None,
    };
    for _ in 0..3 {
        let begin = Instant::now();
        let report = audit::verify(&deps, &Options::at(start()), |_| {})
            .await
            .expect("the log can be checked");
        let seconds = begin.elapsed().as_secs_f64();
        assert!(report.is_clean(), "{report}");
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let rate = writer.events as f64 / seconds;
        println!(
            "{} events checked in {seconds:.2} s: {rate:.0} events/s",
            writer.events
        );
    }
    writer.log.close().await;
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
}
