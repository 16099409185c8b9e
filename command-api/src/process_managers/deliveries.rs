//! What is on its way to somebody elsewhere: taken from the ledger as it comes due, a few at a time in each lane, so that a receiver that is slow
//! holds up nobody but itself; what came of it is written back, many together.
//!
//! A crash in between leaves a delivery pending that was sent: it is sent again, under the same id.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use domain::{
    Aggregate,
    ids::ShowId,
    show::{self, Show},
};
use event_store::{StreamId, executor, log};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use serde_json::Value;
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::notifications::Deps;
use crate::{
    deciding,
    key_store::{self, KeyStore},
    metrics,
    notifications::{
        self, Channel, Delivery, Disabled, EMAIL_LANE, Kind, Outcome,
        email::{self, Failure as MailFailure},
        schedule,
        templates::{Context, ShowText},
        webhook::{self, Failure as CallFailure},
    },
    personal_data::{self, Field},
    state::Core,
};

/// Deliveries under way at a time, each a connection.
const CONCURRENCY: usize = 128;
/// Calls of one webhook at a time. Receivers see them in no certain order: `position` says which came first.
const PER_WEBHOOK: usize = 4;
/// Lanes looked at in one round.
const LANES: usize = 256;
/// Least time between two looks, and between two writes of what came of deliveries.
const PAUSE: Duration = Duration::from_millis(50);
/// How long what is under way at a shutdown may take to end: what is cut off is sent again.
const GRACE: Duration = Duration::from_secs(3);
/// Shows whose text is remembered.
const MAX_SHOWS: usize = 1_000;

type Done = (Uuid, Uuid, Outcome);

struct Sender<'a> {
    core: &'a Core,
    keys: &'a dyn KeyStore,
    deps: &'a Deps,
    shows: Mutex<HashMap<ShowId, ShowText>>,
}

/// Sends until `shutdown`. `told` says that there may be something new.
pub(super) async fn run(
    core: &Core,
    keys: &dyn KeyStore,
    deps: &Deps,
    told: &Notify,
    shutdown: &CancellationToken,
) {
    let sender = Sender {
        core,
        keys,
        deps,
        shows: Mutex::default(),
    };
    let mut under_way: FuturesUnordered<BoxFuture<'_, Done>> = FuturesUnordered::new();
    let mut begun: HashMap<Uuid, HashSet<Uuid>> = HashMap::new();
    let mut done: Vec<Done> = Vec::new();
    while !shutdown.is_cancelled() {
        let round = Instant::now();
        let mut ended = Vec::new();
        let write = sender.write(&mut done, &mut begun);
        if let Err(error) = beside(&mut under_way, &mut ended, write).await {
            tracing::warn!(%error, "what was sent can't be written down now");
        }
        done.append(&mut ended);
        let room = CONCURRENCY.saturating_sub(under_way.len() + done.len());
        let due = sender.due(&begun, room);
        let due = beside(&mut under_way, &mut ended, due).await;
        done.append(&mut ended);
        match due {
            Ok(due) => {
                for delivery in due {
                    begun.entry(delivery.lane).or_default().insert(delivery.id);
                    under_way.push(Box::pin(sender.send(delivery)));
                }
            }
            Err(error) => tracing::warn!(%error, "notifications can't be sent now"),
        }
        let mut next = round + core.settings.poll.max(PAUSE);
        while Instant::now() < next {
            tokio::select! {
                Some(one) = under_way.next(), if !under_way.is_empty() => {
                    done.push(one);
                    next = next.min(round + PAUSE);
                }
                () = told.notified(), if next > round + PAUSE => next = round + PAUSE,
                () = sleep_until(next) => {}
                () = shutdown.cancelled() => break,
            }
        }
    }
    let rest = async {
        while let Some(one) = under_way.next().await {
            done.push(one);
        }
    };
    let cut_off = timeout(GRACE, rest).await.is_err();
    if let Err(error) = sender.write(&mut done, &mut begun).await {
        tracing::warn!(%error, cut_off, "what was sent can't be written down: it is sent again");
    }
}

/// Waits for `work` while what is under way goes on: it may hold the connections that `work` waits for.
async fn beside<T>(
    under_way: &mut FuturesUnordered<BoxFuture<'_, Done>>,
    ended: &mut Vec<Done>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => return result,
            Some(one) = under_way.next(), if !under_way.is_empty() => ended.push(one),
        }
    }
}

/// Why a delivery could not even be tried.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Ledger(#[from] notifications::Error),
    #[error(transparent)]
    Keys(#[from] key_store::Error),
    #[error(transparent)]
    PersonalData(#[from] personal_data::Error),
    #[error(transparent)]
    Customer(#[from] executor::Error<domain::customer::Error>),
    #[error(transparent)]
    Concert(#[from] executor::Error<domain::concert::Error>),
    #[error(transparent)]
    Log(#[from] log::Error),
    #[error("the text can't be made: {0}")]
    Text(#[from] minijinja::Error),
    #[error("{0}")]
    Stored(String),
}

impl Sender<'_> {
    /// What is to be begun with: at most `room`, and in each lane no more than its share.
    async fn due(
        &self,
        begun: &HashMap<Uuid, HashSet<Uuid>>,
        mut room: usize,
    ) -> Result<Vec<Delivery>, notifications::Error> {
        let (ledger, now) = (&self.deps.ledger, self.core.clock.now());
        let mut due = Vec::new();
        if room == 0 {
            return Ok(due);
        }
        let mut lanes = ledger.lanes(now, LANES).await?;
        // Those with the least under way first: however many hang, what is left goes to others.
        lanes.sort_by_key(|lane| begun.get(lane).map_or(0, HashSet::len));
        for lane in lanes {
            let (share, known) = (share(lane), begun.get(&lane));
            let busy = known.map_or(0, HashSet::len);
            let free = share.saturating_sub(busy).min(room);
            if free == 0 || lane == EMAIL_LANE && self.deps.mailer.is_none() {
                continue;
            }
            // Those under way are pending, too, and stand at the front.
            let listed = ledger.due(lane, now, busy + free).await?;
            let is_new = |one: &Delivery| !known.is_some_and(|known| known.contains(&one.id));
            let before = due.len();
            due.extend(listed.into_iter().filter(is_new).take(free));
            room -= due.len() - before;
            if room == 0 {
                break;
            }
        }
        Ok(due)
    }

    /// Writes down what came of deliveries; kept for the next time where that fails.
    async fn write(
        &self,
        done: &mut Vec<Done>,
        begun: &mut HashMap<Uuid, HashSet<Uuid>>,
    ) -> Result<(), notifications::Error> {
        if done.is_empty() {
            return Ok(());
        }
        self.core.failpoints.pass("notifications.sent").await;
        let outcomes: Vec<_> = done.iter().map(|(_, id, one)| (*id, one.clone())).collect();
        let ledger = &self.deps.ledger;
        ledger.settle(&outcomes, self.core.clock.now()).await?;
        for (lane, id, _) in done.drain(..) {
            if let Some(known) = begun.get_mut(&lane) {
                known.remove(&id);
                if known.is_empty() {
                    begun.remove(&lane);
                }
            }
        }
        Ok(())
    }

    /// One try, and what came of it.
    async fn send(&self, delivery: Delivery) -> Done {
        let tried = match delivery.channel {
            Channel::Email => self.mail(&delivery).await,
            Channel::Webhook => self.call(&delivery).await,
        };
        // What is ours to mend is tried like everything else: it must not be lost because a store was away.
        let outcome = tried.unwrap_or_else(|error| self.again(&delivery, None, &error));
        let (channel, name) = (delivery.channel.name(), outcome.name());
        metrics::delivered(channel, name);
        match &outcome {
            Outcome::Retry { reason, .. } | Outcome::Dead { reason } => {
                tracing::info!(notification.id = %delivery.id, channel, outcome = name, reason, "a notification was not delivered");
            }
            Outcome::Sent | Outcome::Dropped { .. } => {}
        }
        (delivery.lane, delivery.id, outcome)
    }

    fn again(
        &self,
        delivery: &Delivery,
        not_before: Option<DateTime<Utc>>,
        failure: &dyn std::fmt::Display,
    ) -> Outcome {
        let reason = failure.to_string();
        let next = schedule::next_try(delivery.id, delivery.attempts + 1, self.core.clock.now());
        match next {
            Some(at) => Outcome::Retry {
                at: not_before.map_or(at, |not_before| at.max(not_before)),
                reason,
            },
            None => Outcome::Dead { reason },
        }
    }

    async fn call(&self, delivery: &Delivery) -> Result<Outcome, Error> {
        let gone = |why: &str| Outcome::Dropped {
            reason: why.to_owned(),
        };
        let Some(webhook) = self.deps.ledger.webhook(delivery.recipient).await? else {
            return Ok(gone("the webhook was removed"));
        };
        if let Some(disabled) = webhook.disabled {
            return Ok(Outcome::Dead {
                reason: disabled.reason,
            });
        }
        let Some(key) = self.keys.secret(&webhook::secret_name(webhook.id)).await? else {
            return Ok(gone("the webhook was removed"));
        };
        let now = self.core.clock.now();
        let webhooks = &self.deps.caller;
        let answer = webhooks.call(&webhook.url, &key, delivery, now.timestamp());
        Ok(match answer.await {
            Ok(()) => Outcome::Sent,
            Err(failure @ CallFailure::Gone) => {
                let reason = failure.to_string();
                let disabled = Disabled {
                    at: now,
                    reason: reason.clone(),
                };
                self.deps
                    .ledger
                    .disable_webhook(webhook.id, &disabled)
                    .await?;
                Outcome::Dead { reason }
            }
            Err(failure @ CallFailure::Status { pause, .. }) => {
                let not_before = pause.map(|pause| now + pause);
                self.again(delivery, not_before, &failure)
            }
            Err(
                failure @ (CallFailure::Address(_)
                | CallFailure::Unanswered(_)
                | CallFailure::TimedOut),
            ) => self.again(delivery, None, &failure),
        })
    }

    async fn mail(&self, delivery: &Delivery) -> Result<Outcome, Error> {
        let nobody = |why: &str| Outcome::Dropped {
            reason: why.to_owned(),
        };
        let (Some(mailer), Some(kind)) = (&self.deps.mailer, Kind::named(&delivery.kind)) else {
            return Ok(nobody("no mail is sent of this"));
        };
        let customer = delivery.recipient;
        let look = |one: &domain::customer::Customer, _, _| {
            let known = one.customer_id.is_some() && !one.erased;
            known.then(|| (one.email.clone(), one.name.clone()))
        };
        let customers = &self.core.executors.customers;
        let Some((address, name)) = customers.read(&customer.to_string(), look).await? else {
            return Ok(nobody("the customer has no address"));
        };
        // Decrypted here, and forgotten with this call.
        let Some(key) = self.keys.key(customer).await? else {
            return Ok(nobody("the customer has no address"));
        };
        let address = personal_data::decrypt(&key, customer, Field::Email, &address)?;
        let name = personal_data::decrypt(&key, customer, Field::Name, &name)?;
        let data: Value = serde_json::from_str(&delivery.data).unwrap_or_default();
        let show = self.show(&data).await?;
        let context = Context {
            name: &name,
            show: show.as_ref(),
            data: &data,
        };
        let text = mailer.templates.render(kind, mailer.language, &context)?;
        let now = self.core.clock.now();
        Ok(match mailer.send(&address, delivery.id, text, now).await {
            Ok(()) => Outcome::Sent,
            Err(failure @ MailFailure::Address) => nobody(&failure.to_string()),
            Err(failure @ MailFailure::Refused(_)) => Outcome::Dead {
                reason: failure.to_string(),
            },
            Err(failure @ MailFailure::Later(_)) => self.again(delivery, None, &failure),
        })
    }

    /// The show that a notification is about, as texts name it.
    async fn show(&self, data: &Value) -> Result<Option<ShowText>, Error> {
        let id = data["show_id"].as_str().and_then(|id| id.parse().ok());
        let Some(id): Option<ShowId> = id else {
            return Ok(None);
        };
        if let Some(known) = self.shows.lock().await.get(&id) {
            return Ok(Some(known.clone()));
        }
        let stream = StreamId::new(Show::TYPE, id.to_string());
        let first = self.core.log.read_stream(&stream, 0, 1).await?;
        let Some(first) = first.first() else {
            return Ok(None);
        };
        let show::Event::ShowScheduled {
            concert_id,
            starts_at,
            ..
        } = deciding::decode::<Show>(first).map_err(Error::Stored)?
        else {
            return Ok(None);
        };
        let look = |one: &domain::concert::Concert, _, _| (one.title.clone(), one.artist.clone());
        let concerts = &self.core.executors.concerts;
        let (title, artist) = concerts.read(&concert_id.to_string(), look).await?;
        let text = ShowText {
            title,
            artist,
            starts_at: starts_at.format("%Y-%m-%d %H:%M UTC").to_string(),
        };
        let mut shows = self.shows.lock().await;
        if shows.len() >= MAX_SHOWS {
            shows.clear();
        }
        shows.insert(id, text.clone());
        Ok(Some(text))
    }
}

/// How much of a lane is under way at a time.
fn share(lane: Uuid) -> usize {
    if lane == EMAIL_LANE {
        usize::try_from(email::CONNECTIONS).unwrap_or(usize::MAX)
    } else {
        PER_WEBHOOK
    }
}
