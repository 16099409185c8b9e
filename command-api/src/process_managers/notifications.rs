//! Notifications: the log in, the ledger out. What an event tells, and whom, is decided by the event alone, and each notification's id is derived from it;
//! so reading the log again, wherever a crash left it, writes nothing twice.
//!
//! ```text
//!  log ─▶ facts ─┬─▶ notification of its customer          ─┐
//!                ├─▶ delivery: e-mail to its customer       ├─▶ one transaction with the checkpoint ─▶ senders, streams
//!                └─▶ deliveries: its organizer's webhooks  ─┘
//! ```

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Aggregate, payment, payment::Payment};
use event_store::{Position, RecordedEvent, StreamId, log};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::deliveries;
use crate::{
    deciding,
    key_store::KeyStore,
    metrics,
    notifications::{
        self, Batch, Channel, Delivery, EMAIL_LANE, Ledger, Notification, Place, Webhook,
        email::Mailer,
        facts::{self, Fact, Organizer},
        notification_id,
        webhook::Caller,
    },
    state::Core,
};

/// Events read at a time: with [`PAUSE`], some 20,000 a second.
const EVENTS: usize = 2_000;
/// Once a batch tells so much, it ends with the event at hand: one event lets up to 1,000 customers in.
const MAX_TOLD: usize = 2_000;
/// Least time between two writes to the ledger: it is in the log's database, and each is a sync to the disk.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the checkpoint moves where nobody is told anything.
const IDLE_SAVE: Duration = Duration::from_secs(1);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// Older news is kept for its customer, but not mailed: after a long standstill, or on a log that was never read before.
const MAILED: TimeDelta = TimeDelta::days(3);
/// How long notifications, and deliveries that ended, are kept. What is older in the log is not told any more.
pub const KEPT: TimeDelta = TimeDelta::days(90);
/// How often what is older is removed.
const SWEEP_EVERY: Duration = Duration::from_mins(10);
/// How often the deliveries are counted.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// Rows removed at a time: writes into the log's database stay short.
const SWEEP_BATCH: usize = 1_000;
/// Payments whose organizer is remembered, some 50 bytes each.
const MAX_PAYMENTS: usize = 50_000;

/// What the manager is given.
#[derive(Debug, Clone)]
pub struct Deps {
    /// What was told, and what is on its way.
    pub ledger: Arc<dyn Ledger>,
    /// Sends mail; `None`: no mail is sent.
    pub mailer: Option<Mailer>,
    /// Calls webhooks.
    pub caller: Caller,
}

/// Why a round did not end well; it is begun again.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Log(#[from] log::Error),
    #[error(transparent)]
    Ledger(#[from] notifications::Error),
    #[error(transparent)]
    Unreadable(#[from] facts::Unreadable),
    #[error("a payment's first event can't be read: {0}")]
    Payment(String),
}

/// Tells and sends until `shutdown`.
pub(super) async fn run(
    core: &Core,
    keys: &dyn KeyStore,
    deps: &Deps,
    shutdown: &CancellationToken,
) {
    let told = Notify::new();
    let told = &told;
    tokio::join!(
        shutdown.run_until_cancelled(tell(core, deps, told)),
        shutdown.run_until_cancelled(sweep(core, deps)),
        shutdown.run_until_cancelled(measure(core, deps)),
        deliveries::run(core, keys, deps, told, shutdown),
    );
}

async fn tell(core: &Core, deps: &Deps, told: &Notify) {
    let mut reader = Reader {
        core,
        deps,
        at: None,
        ahead: Vec::new(),
        is_full: false,
        saved: 0,
        saved_at: Instant::now(),
        organizers: HashMap::new(),
    };
    let mut head = core.log.head_changes();
    loop {
        head.mark_unchanged();
        let begun = Instant::now();
        match reader.round().await {
            Ok(Round { wrote, more }) => {
                if wrote {
                    told.notify_one();
                }
                if wrote || !more {
                    sleep_until(begun + PAUSE).await;
                }
                if more {
                    continue;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "notifications wait");
                (reader.at, reader.ahead) = (None, Vec::new());
                sleep(RETRY).await;
                continue;
            }
        }
        // A closed channel means that the log is being closed: the poll goes on.
        let poll = core.settings.poll.max(PAUSE);
        if let Ok(Err(_)) = timeout(poll, head.changed()).await {
            sleep(poll).await;
        }
    }
}

/// What a round did.
struct Round {
    wrote: bool,
    more: bool,
}

/// Where in the log the leader is.
struct Reader<'a> {
    core: &'a Core,
    deps: &'a Deps,
    /// `None` where the ledger has to be asked.
    at: Option<u64>,
    /// Events behind that which were read and told of nobody yet: one may tell a thousand, and then a round ends long before what was read.
    ahead: Vec<RecordedEvent>,
    /// Whether the last read brought as many as were asked for.
    is_full: bool,
    /// Where the ledger's checkpoint is.
    saved: u64,
    saved_at: Instant,
    /// To whom payments are.
    organizers: HashMap<Uuid, Uuid>,
}

impl Reader<'_> {
    async fn round(&mut self) -> Result<Round, Error> {
        let at = if let Some(at) = self.at {
            at
        } else {
            self.saved = self.deps.ledger.checkpoint().await?;
            self.saved
        };
        let mut events = std::mem::take(&mut self.ahead);
        if events.is_empty() {
            events = self.core.log.read_all(Position(at), EVENTS).await?;
            self.is_full = events.len() == EVENTS;
        }
        let (batch, last) = self.batch(at, &events).await?;
        let to = batch.to;
        let told = !batch.notifications.is_empty() || !batch.deliveries.is_empty();
        let due = to > self.saved && self.saved_at.elapsed() >= IDLE_SAVE;
        if told || due {
            if !self.deps.ledger.record(&batch).await? {
                tracing::warn!("another leader tells notifications: its place is taken");
                self.at = None;
                return Ok(Round {
                    wrote: false,
                    more: true,
                });
            }
            if told {
                self.core.failpoints.pass("notifications.told").await;
            }
            (self.saved, self.saved_at) = (to, Instant::now());
            metrics::told(batch.notifications.len());
        }
        self.at = Some(to);
        let told_of = events.partition_point(|event| event.position.0 <= to);
        self.ahead = events.split_off(told_of);
        let more = self.is_full || !self.ahead.is_empty();
        let behind = last.filter(|_| more);
        let now = self.core.clock.now();
        metrics::notifications_lag(behind.map_or(TimeDelta::zero(), |at| now - at));
        Ok(Round { wrote: told, more })
    }

    /// What the first of `events`, behind `at`, tell; and when the last of those was recorded.
    async fn batch(
        &mut self,
        at: u64,
        events: &[RecordedEvent],
    ) -> Result<(Batch, Option<DateTime<Utc>>), Error> {
        let (mut to, mut last, mut told) = (at, None, Vec::new());
        let oldest = self.core.clock.now() - KEPT;
        for event in events {
            if told.len() >= MAX_TOLD {
                break;
            }
            (to, last) = (event.position.0, Some(event.recorded_at));
            self.note_payment(event)?;
            if event.recorded_at >= oldest {
                let facts = facts::facts(event)?;
                told.extend(facts.into_iter().zip(0..).map(|(fact, n)| (event, n, fact)));
            }
        }
        let webhooks = self.webhooks(&mut told).await?;
        let mut batch = Batch {
            from: self.saved,
            to,
            ..Batch::default()
        };
        for (event, ordinal, fact) in told {
            let about = About {
                place: Place {
                    position: event.position.0,
                    ordinal,
                },
                data: fact.data.to_string(),
                event,
            };
            if let Some(customer) = fact.customer {
                self.tell_customer(&mut batch, &about, &fact, customer);
            }
            if let Organizer::Known(organizer) = fact.organizer {
                let wants = |webhook: &&Webhook| {
                    webhook.organizer == organizer
                        && webhook.since < about.place.position
                        && webhook.kinds.iter().any(|kind| kind == fact.kind.name())
                };
                let called = webhooks.iter().filter(wants);
                let deliveries = called
                    .map(|webhook| about.delivery(&fact, Channel::Webhook, webhook.id, webhook.id));
                batch.deliveries.extend(deliveries);
            }
        }
        Ok((batch, last))
    }

    fn tell_customer(&self, batch: &mut Batch, about: &About<'_>, fact: &Fact, customer: Uuid) {
        batch.notifications.push(Notification {
            id: notification_id(fact.subject, fact.kind, customer),
            customer,
            place: about.place,
            kind: fact.kind.name().to_owned(),
            data: about.data.clone(),
            occurred_at: about.event.recorded_at,
        });
        let is_news = self.core.clock.now() - about.event.recorded_at <= MAILED;
        if self.deps.mailer.is_some() && is_news {
            let mail = about.delivery(fact, Channel::Email, customer, EMAIL_LANE);
            batch.deliveries.push(mail);
        }
    }

    /// The webhooks that may be called, and the organizers of payments looked up: only where any webhook is.
    async fn webhooks(
        &mut self,
        told: &mut [(&RecordedEvent, u32, Fact)],
    ) -> Result<Vec<Webhook>, Error> {
        let concerns = |fact: &Fact| fact.organizer != Organizer::Nobody;
        if !told.iter().any(|(.., fact)| concerns(fact)) || !self.deps.ledger.calls_any().await? {
            return Ok(Vec::new());
        }
        let mut organizers = HashSet::new();
        for (.., fact) in told {
            if let Organizer::OfPayment(payment) = fact.organizer {
                fact.organizer = Organizer::Known(self.organizer_of(payment).await?);
            }
            if let Organizer::Known(organizer) = fact.organizer {
                organizers.insert(organizer);
            }
        }
        let organizers: Vec<_> = organizers.into_iter().collect();
        Ok(self.deps.ledger.called(&organizers).await?)
    }

    /// To whom a payment is; from memory for those whose request has passed by.
    async fn organizer_of(&mut self, payment: Uuid) -> Result<Uuid, Error> {
        if let Some(organizer) = self.organizers.get(&payment) {
            return Ok(*organizer);
        }
        let stream = StreamId::new(Payment::TYPE, payment.to_string());
        let first = self.core.log.read_stream(&stream, 0, 1).await?;
        for event in &first {
            self.note_payment(event)?;
        }
        let organizer = self.organizers.get(&payment);
        organizer
            .copied()
            .ok_or_else(|| Error::Payment(format!("{payment} has none")))
    }

    fn note_payment(&mut self, event: &RecordedEvent) -> Result<(), Error> {
        if &*event.stream.aggregate_type != Payment::TYPE || event.event_type != "PaymentRequested"
        {
            return Ok(());
        }
        let decoded = deciding::decode::<Payment>(event).map_err(Error::Payment)?;
        let id = Uuid::parse_str(&event.stream.aggregate_id);
        if let (payment::Event::PaymentRequested { organizer_id, .. }, Ok(id)) = (decoded, id) {
            if self.organizers.len() >= MAX_PAYMENTS {
                self.organizers.clear();
            }
            self.organizers.insert(id, organizer_id.0);
        }
        Ok(())
    }
}

/// What is the same for all that one fact leads to.
struct About<'a> {
    place: Place,
    data: String,
    event: &'a RecordedEvent,
}

impl About<'_> {
    fn delivery(&self, fact: &Fact, channel: Channel, recipient: Uuid, lane: Uuid) -> Delivery {
        Delivery {
            id: notification_id(fact.subject, fact.kind, recipient),
            channel,
            recipient,
            lane,
            place: self.place,
            kind: fact.kind.name().to_owned(),
            data: self.data.clone(),
            occurred_at: self.event.recorded_at,
            attempts: 0,
            next_at: self.event.recorded_at,
            reason: None,
        }
    }
}

async fn measure(core: &Core, deps: &Deps) {
    loop {
        if let Ok(counts) = deps.ledger.counts().await {
            metrics::deliveries(&counts, core.clock.now());
        }
        sleep(MEASURE_EVERY).await;
    }
}

async fn sweep(core: &Core, deps: &Deps) {
    loop {
        match deps
            .ledger
            .sweep(core.clock.now() - KEPT, SWEEP_BATCH)
            .await
        {
            Ok(0) => sleep(SWEEP_EVERY).await,
            Ok(_) => sleep(PAUSE).await,
            Err(error) => {
                tracing::warn!(%error, "old notifications can't be removed now");
                sleep(SWEEP_EVERY).await;
            }
        }
    }
}
