//! A log of purchases, made by hand and stored through the log's own port: as large as wanted within a minute or two, and found clean.

use std::{path::PathBuf, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use event_store::{
    EventLog, StreamId,
    claims::ClaimChange,
    commands::{CommandRecord, Fingerprint, event_id},
    log::{Append, NewEvent, StreamAppend},
    timers::WakeAt,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The program's own: the audit makes and drops many small texts.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long a hold is good for.
const HOLD: TimeDelta = TimeDelta::seconds(300);
/// Seats of one event of a plan.
const LISTED: u64 = 1_000;
/// Who brought it about; as long as what a server writes.
const METADATA: &str = r#"{"actor":"customer:01990000-0000-7000-8000-00000000a11a","correlation_id":"0af7651916cd43dd8448eb211c80319c"}"#;

/// When it begins.
pub(crate) fn start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// A folder of its own.
pub(crate) fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("frontrow-audit-bench-{}", Uuid::now_v7()));
    std::fs::create_dir_all(&folder).expect("the temporary folder takes another");
    folder
}

/// A stream, and how many events it has.
#[derive(Debug)]
pub(crate) struct Stream {
    id: StreamId,
    version: u64,
}

impl Stream {
    pub(crate) fn new(kind: &str, id: Uuid) -> Self {
        Self {
            id: StreamId::new(kind, id.to_string()),
            version: 0,
        }
    }
}

/// One command: what it claims, and its events.
pub(crate) struct Command {
    claim: Option<(&'static str, Uuid)>,
    events: Vec<Value>,
}

impl Command {
    pub(crate) fn new(events: Vec<Value>) -> Self {
        let claim = None;
        Self { claim, events }
    }

    fn claiming(namespace: &'static str, key: Uuid, event: Value) -> Self {
        Self {
            claim: Some((namespace, key)),
            events: vec![event],
        }
    }
}

/// Makes appends, and sends them in batches.
pub(crate) struct Writer {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) now: DateTime<Utc>,
    pub(crate) events: u64,
    batch: Vec<Append>,
    metadata: Arc<str>,
}

impl Writer {
    pub(crate) fn new(log: Arc<dyn EventLog>) -> Self {
        Self {
            log,
            now: start(),
            events: 0,
            batch: Vec::new(),
            metadata: METADATA.into(),
        }
    }

    /// One append: commands on one stream, as a mailbox decides them together. The routing key is `key`.
    pub(crate) fn append(
        &mut self,
        stream: &mut Stream,
        key: Uuid,
        wake_at: WakeAt,
        commands: Vec<Command>,
    ) {
        let (mut events, mut records, mut claims) = (Vec::new(), Vec::new(), Vec::new());
        for command in commands {
            let command_id = Uuid::now_v7();
            records.push(CommandRecord {
                command_id,
                fingerprint: Fingerprint(vec![7; 32]),
                first_event: events.len(),
                events: command.events.len(),
            });
            claims.extend(command.claim.map(|(namespace, key)| ClaimChange::Set {
                namespace: namespace.to_owned(),
                key: key.to_string(),
                stream: stream.id.clone(),
            }));
            let stored = command.events.iter().enumerate();
            events.extend(stored.map(|(ordinal, event)| self.stored(command_id, ordinal, event)));
        }
        self.push(stream, key, wake_at, events, records, claims);
    }

    /// One append of what time alone brought about: no command, nobody's.
    pub(crate) fn append_due(&mut self, stream: &mut Stream, key: Uuid, due: &[Value]) {
        let (command_id, metadata) = (Uuid::now_v7(), Arc::<str>::from("{}"));
        let due = due.iter().enumerate();
        let events = due.map(|(ordinal, event)| NewEvent {
            metadata: metadata.clone(),
            ..self.stored(command_id, ordinal, event)
        });
        let events = events.collect();
        self.push(stream, key, WakeAt::Never, events, Vec::new(), Vec::new());
    }

    fn stored(&self, command_id: Uuid, ordinal: usize, event: &Value) -> NewEvent {
        let tag = event.as_object().and_then(|tagged| tagged.keys().next());
        NewEvent {
            event_id: event_id(command_id, ordinal),
            command_id,
            event_type: tag.expect("events are tagged").clone(),
            event_version: "1".to_owned(),
            payload: event.to_string(),
            metadata: self.metadata.clone(),
        }
    }

    fn push(
        &mut self,
        stream: &mut Stream,
        key: Uuid,
        wake_at: WakeAt,
        events: Vec<NewEvent>,
        commands: Vec<CommandRecord>,
        claims: Vec<ClaimChange>,
    ) {
        let expected_version = stream.version;
        stream.version += events.len() as u64;
        self.events += events.len() as u64;
        self.batch.push(Append {
            streams: vec![StreamAppend {
                stream: stream.id.clone(),
                expected_version,
                routing_key: key.to_string(),
                events,
                wake_at,
            }],
            commands,
            claims,
            recorded_at: self.now,
        });
    }

    pub(crate) async fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            let stored = self.log.append(batch).await;
            stored.expect("the log takes the batch");
        }
    }
}

/// A show that sells.
pub(crate) struct Show {
    pub(crate) id: Uuid,
    organizer: Uuid,
    stream: Stream,
}

impl Show {
    pub(crate) async fn schedule(writer: &mut Writer, seats: u64) -> Self {
        let (id, organizer) = (Uuid::now_v7(), Uuid::now_v7());
        let mut show = Self {
            id,
            organizer,
            stream: Stream::new("show", id),
        };
        let seat = |number: u64| json!([guid(number), number.to_string(), 0, number * 20, 0]);
        let mut events = vec![
            json!({"ShowScheduled": {"organizer_id": organizer, "concert_id": organizer, "venue_id": organizer,
            "starts_at": start(), "on_sale_at": start(), "prices": {"Stalls": 100}, "categories": ["Stalls"],
            "focus": {"x": 0, "y": 0}, "seats": seats, "standing_capacity": 0, "hold_seconds": HOLD.num_seconds(),
            "max_seats_per_customer": 4, "no_stranded_seats": false}}),
        ];
        for (part, first) in (0..seats)
            .step_by(usize::try_from(LISTED).unwrap_or(usize::MAX))
            .enumerate()
        {
            let listed: Vec<_> = (first..seats.min(first + LISTED)).map(seat).collect();
            events.push(
                json!({"SeatsListed": {"organizer_id": organizer, "zone": "A", "zone_index": 0, "part": part,
                "rows": [{"row": part.to_string(), "seats": listed}]}}),
            );
        }
        let command = Command::new(events);
        writer.append(&mut show.stream, id, WakeAt::Never, vec![command]);
        writer.flush().await;
        show
    }

    /// Holds a seat for each of some customers, in one append.
    pub(crate) fn hold(&mut self, held: &[Purchase], writer: &mut Writer) {
        let void = writer.now + HOLD;
        let commands = held.iter().map(|purchase| {
            let Purchase { seat, customer, reservation, .. } = purchase;
            let held = json!({"SeatsHeld": {"organizer_id": self.organizer, "reservation_id": reservation, "customer_id": customer,
                "seats": [{"seat_guid": seat, "zone": "A", "row": "1", "number": "1", "category": "Stalls", "price": 100}],
                "amount": 100, "expires_at": void}});
            Command::claiming("reservation", *reservation, held)
        });
        let commands = commands.collect();
        writer.append(&mut self.stream, self.id, WakeAt::At(void), commands);
    }

    /// Sells what is held, in one append; nothing else is held then.
    pub(crate) fn confirm(&mut self, paid: &[Purchase], writer: &mut Writer) {
        let commands = paid.iter().map(|purchase| {
            let Purchase { seat, customer, reservation, payment, .. } = purchase;
            Command::new(vec![json!({"ReservationConfirmed": {"organizer_id": self.organizer, "reservation_id": reservation,
                "customer_id": customer, "payment_id": payment, "amount": 100, "retaken": false, "seats": [seat]}})])
        });
        let commands = commands.collect();
        writer.append(&mut self.stream, self.id, WakeAt::Never, commands);
    }

    /// Lets what is held run out; the clock goes on by as much.
    #[allow(
        dead_code,
        clippy::allow_attributes,
        reason = "each benchmark is a program of its own, and not all let holds run out"
    )]
    pub(crate) fn expire(&mut self, held: &[Purchase], writer: &mut Writer) {
        let void = writer.now + HOLD;
        writer.now = void;
        let due = held.iter().map(|purchase| {
            let Purchase { seat, customer, reservation, .. } = purchase;
            json!({"HoldExpired": {"organizer_id": self.organizer, "reservation_id": reservation, "customer_id": customer,
                "expired_at": void, "seats": [seat]}})
        });
        let due: Vec<_> = due.collect();
        writer.append_due(&mut self.stream, self.id, &due);
    }
}

/// The plan's id of a seat.
pub(crate) fn guid(number: u64) -> String {
    format!("S-{number}")
}

/// A purchase of one seat, in three steps: each touches a stream once, so that many purchases share a batch.
pub(crate) struct Purchase {
    seat: String,
    customer: Uuid,
    reservation: Uuid,
    payment: Uuid,
    account: Stream,
    saga: Stream,
}

impl Purchase {
    pub(crate) fn new(seat: u64) -> Self {
        let (customer, payment) = (Uuid::now_v7(), Uuid::now_v7());
        Self {
            seat: guid(seat),
            customer,
            reservation: Uuid::now_v7(),
            payment,
            account: Stream::new("point_account", customer),
            saga: Stream::new("payment", payment),
        }
    }

    /// Beside the hold: points are bought.
    pub(crate) fn charge(&mut self, writer: &mut Writer) {
        let customer = self.customer;
        let charged = json!({"PointsCharged": {"customer_id": customer, "charge_id": self.payment, "amount": 500, "balance_after": 500}});
        let command = Command::new(vec![charged]);
        writer.append(&mut self.account, customer, WakeAt::Never, vec![command]);
    }

    /// Before the confirmation: the saga begins, the price is debited.
    pub(crate) fn pay(&mut self, show: &Show, writer: &mut Writer) {
        let (organizer, customer) = (show.organizer, self.customer);
        let resume_at = writer.now + TimeDelta::seconds(10);
        let requested = json!({"PaymentRequested": {"reservation_id": self.reservation, "show_id": show.id, "customer_id": customer,
            "organizer_id": organizer, "amount": 100, "method": "points", "resume_at": resume_at}});
        let command = Command::claiming("live_payment", self.reservation, requested);
        writer.append(
            &mut self.saga,
            show.id,
            WakeAt::At(resume_at),
            vec![command],
        );
        let debited = json!({"PointsDebited": {"customer_id": customer, "payment_id": self.payment, "amount": 100, "balance_after": 400}});
        let command = Command::new(vec![debited]);
        writer.append(&mut self.account, customer, WakeAt::Never, vec![command]);
    }

    /// After the confirmation.
    pub(crate) fn complete(&mut self, show: &Show, writer: &mut Writer) {
        let completed = json!({"PaymentCompleted": {"reservation_id": self.reservation, "show_id": show.id,
            "customer_id": self.customer, "amount": 100, "balance": 400}});
        let command = Command::new(vec![completed]);
        writer.append(&mut self.saga, show.id, WakeAt::Never, vec![command]);
    }
}

/// Sells `count` shows of `seats` seats out, side by side: six events a seat.
pub(crate) async fn sell_out(writer: &mut Writer, count: usize, seats: u64) -> Vec<Show> {
    let mut shows = Vec::with_capacity(count);
    for _ in 0..count {
        shows.push(Show::schedule(writer, seats).await);
    }
    for seat in 0..seats {
        let mut purchases: Vec<_> = shows.iter().map(|_| Purchase::new(seat)).collect();
        for (show, purchase) in shows.iter_mut().zip(&mut purchases) {
            show.hold(std::slice::from_ref(purchase), writer);
            purchase.charge(writer);
        }
        writer.flush().await;
        for (show, purchase) in shows.iter_mut().zip(&mut purchases) {
            purchase.pay(show, writer);
            show.confirm(std::slice::from_ref(purchase), writer);
        }
        writer.flush().await;
        // Joins the next round's batch: it touches other streams.
        for (show, purchase) in shows.iter().zip(&mut purchases) {
            purchase.complete(show, writer);
        }
    }
    writer.flush().await;
    shows
}
