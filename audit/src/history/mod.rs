//! Every decision about one thing, in the order of the log.
//!
//! ```text
//!  seat ─────────── show's stream, what names it ──┐
//!  reservation ──── claim ─▶ show's stream ────────┼─▶ payments named ─▶ their streams and accounts ─▶ in order, each event once
//!  customer ─────── own streams, shows by read model┤
//!  payment, saga ── its stream ─▶ show, account ────┤
//!  drop ─────────── its stream, entrants counted ───┤
//!  correlation ──── the log, a part at a time ──────┘
//! ```
//!
//! Streams and claims are found by their keys. Which shows and drops a customer dealt with no index of the log knows; the read model names
//! them, and the log tells what happened there. A correlation stands in the metadata alone: an index of it would cost each append more than a third
//! of its time (decision 0034), so the log's server goes through the log, [`MAX_SEARCHED`] events for each page of the answer.
//!
//! Beside the decisions stand the commands that were refused, by the position at which the state stood that refused (decision 0036).

mod detail;
mod drops;
mod gather;
mod refused;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::refusal::About;
use event_store::{
    EventLog, Position, RecordedEvent,
    refusals::{Of, Refusals},
};
use read_model::ReadModel;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use self::gather::Gathered;
pub use self::refused::{RefusalCount, Refused};
use crate::error::Error;

/// Most events of one history: a seat that was held a thousand times has some four thousand. Beyond, the history says that it is cut.
pub const MAX_EVENTS: usize = 10_000;

/// Things that refusals are looked for by: beyond, those of the seat's or the reservation's first ones are told.
const MAX_ABOUT: usize = 200;

/// Events that the log's server looks through in one statement: it has five seconds for it.
const SEARCHED_AT_ONCE: u64 = 100_000;
/// Events that are looked through for a correlation at a time: about two seconds.
pub const MAX_SEARCHED: u64 = 1_000_000;

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A seat of a show.
    Seat {
        /// The show.
        show: Uuid,
        /// The plan's id of the seat.
        guid: String,
    },
    /// A reservation.
    Reservation(Uuid),
    /// A customer.
    Customer(Uuid),
    /// A payment.
    Payment(Uuid),
    /// A saga: a payment's, by the payment's id, or a show's winding-up, by the show's.
    Saga(Uuid),
    /// A drop.
    Drop(Uuid),
    /// Everything that one act of a client brought about.
    Correlation {
        /// Its correlation id.
        id: String,
        /// The last position that is looked through; `u64::MAX`: the log's end.
        to: u64,
    },
}

/// One decision: an event.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Decision {
    /// Place in the log.
    pub position: u64,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Who brought it about: `<role>:<id>`, `process_manager:<name>`; without one, time alone did.
    #[schema(example = "customer:01890a5d-ac96-774b-bcce-b302099a8057")]
    pub actor: Option<String>,
    /// Name of the event.
    pub event_type: String,
    /// What it says, for people.
    pub detail: String,
    /// Kind of its stream.
    pub aggregate_type: String,
    /// Id of its stream.
    pub aggregate_id: String,
    /// Place in its stream.
    pub sequence: u64,
    /// The command that brought it about.
    pub command_id: Uuid,
    /// The command that led to that one.
    pub causation_id: Option<String>,
    /// What it was brought about together with.
    pub correlation_id: Option<String>,
    /// What it says; of seats that were listed, the one that was asked about; of entries in a drop, the customer's, or how many they were.
    #[schema(value_type = Object)]
    pub payload: Value,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct History {
    /// Where the log ended when it was read.
    pub position: u64,
    /// The decisions, in order.
    pub items: Vec<Decision>,
    /// Commands that were refused, in order: each comes behind the decision at its `position`. Of a page, those from `after` on.
    pub refusals: Vec<Refused>,
    /// How often something was refused about what is asked about; empty for a customer and a correlation, which have no count.
    pub refusal_counts: Vec<RefusalCount>,
    /// `after` of the next page; `null` where this is the last. A page may have fewer items than asked for, even none, and a next one.
    pub next_cursor: Option<String>,
    /// Whether there were more than are ever told.
    pub truncated: bool,
}

/// Where histories are read from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The decisions.
    pub log: &'a dyn EventLog,
    /// Which shows a customer dealt with.
    pub model: &'a dyn ReadModel,
    /// What was refused.
    pub refusals: &'a dyn Refusals,
}

/// Tells the history of a subject: the decisions behind position `after`, at most `limit`, and what was refused in between.
///
/// # Errors
/// The log, the refusals beside it or the read model can't be read.
pub async fn history(
    sources: Sources<'_>,
    subject: &Subject,
    after: u64,
    limit: usize,
) -> Result<History, Error> {
    let Sources { log, model, .. } = sources;
    let head = log.head().await?.position.0;
    if let Subject::Correlation { id, to } = subject {
        let mut told = correlated(sources, id, (after, head.min(*to)), limit).await?;
        told.position = head;
        return Ok(told);
    }
    let mut gathered = Gathered::new(log);
    match subject {
        Subject::Seat { show, guid } => gathered.seat(*show, guid).await?,
        Subject::Reservation(id) => gathered.reservation(*id).await?,
        Subject::Customer(id) => gathered.customer(*id, model).await?,
        Subject::Payment(id) => gathered.payment(*id).await?,
        Subject::Saga(id) => {
            gathered.payment(*id).await?;
            gathered.winding_up(*id).await?;
        }
        Subject::Drop(id) => gathered.fair_drop(*id).await?,
        Subject::Correlation { .. } => {}
    }
    let (events, truncated) = gathered.into_events();
    let about = about(subject, &events);
    let seat = match subject {
        Subject::Seat { guid, .. } => Some(guid.as_str()),
        _ => None,
    };
    let mut behind = events.iter().filter(|event| event.position.0 > after);
    let items: Vec<_> = behind
        .by_ref()
        .take(limit)
        .map(|event| decision(event, seat))
        .collect();
    let more = behind.next().is_some();
    let last = items.last().map(|last| last.position).filter(|_| more);
    // What was refused right behind the last decision stands before the next page's first.
    let positions = after..last.unwrap_or(u64::MAX);
    // Counted first: they are written meanwhile, and none may be counted that is not in the list.
    let refusal_counts = refused::counts(sources.refusals, &about).await?;
    let (refusals, cut) = match subject {
        Subject::Customer(id) => {
            let actor = format!("customer:{id}");
            refused::refused(sources.refusals, Of::Actor(&actor), positions).await?
        }
        _ => refused::refused(sources.refusals, Of::Subjects(&about), positions).await?,
    };
    Ok(History {
        position: head,
        next_cursor: last.map(|last| last.to_string()),
        items,
        refusals,
        refusal_counts,
        truncated: truncated || cut,
    })
}

/// What refusals are looked for by: a seat, and the reservations that held it; a reservation, and its payments.
fn about(subject: &Subject, events: &[RecordedEvent]) -> Vec<String> {
    let named = |field: &str| {
        let ids = events.iter().filter_map(|event| {
            let payload: Value = serde_json::from_str(&event.payload).ok()?;
            Uuid::try_parse(detail::text_field(&payload, field)?).ok()
        });
        ids.collect::<BTreeSet<_>>()
    };
    let payments = || {
        let streams = events
            .iter()
            .filter(|event| &*event.stream.aggregate_type == "payment");
        let ids = streams.filter_map(|event| Uuid::try_parse(&event.stream.aggregate_id).ok());
        ids.collect::<BTreeSet<_>>()
    };
    let mut about = Vec::new();
    match subject {
        Subject::Seat { show, guid } => {
            about.push(About::Seat {
                show_id: (*show).into(),
                seat_guid: guid.clone(),
            });
            let held = named("reservation_id").into_iter();
            about.extend(held.map(|id| About::Reservation(id.into())));
            about.extend(payments().into_iter().map(|id| About::Payment(id.into())));
        }
        Subject::Reservation(id) => {
            about.push(About::Reservation((*id).into()));
            about.extend(payments().into_iter().map(|id| About::Payment(id.into())));
        }
        Subject::Payment(id) | Subject::Saga(id) => about.push(About::Payment((*id).into())),
        Subject::Drop(id) => about.push(About::Drop((*id).into())),
        Subject::Customer(_) | Subject::Correlation { .. } => {}
    }
    about.truncate(MAX_ABOUT);
    about.iter().map(ToString::to_string).collect()
}

/// What was brought about together, of the part of the log that one page looks through; its last position is `last`.
async fn correlated(
    sources: Sources<'_>,
    id: &str,
    (after, last): (u64, u64),
    limit: usize,
) -> Result<History, Error> {
    let end = last.min(after.saturating_add(MAX_SEARCHED));
    let (mut items, mut at) = (Vec::new(), after);
    while at < end && items.len() < limit {
        let until = end.min(at + SEARCHED_AT_ONCE);
        let part = (Position(at), Position(until));
        let wanted = limit - items.len();
        let found = sources.log.read_correlated(id, part, wanted).await?;
        let is_cut = found.len() == wanted;
        let newest = found.last().map(|event| event.position.0);
        items.extend(found.iter().map(|event| decision(event, None)));
        at = newest.filter(|_| is_cut).unwrap_or(until);
    }
    let more = at < last;
    let positions = after..if more { at } else { u64::MAX };
    let of = Of::Correlation(id);
    let (refusals, truncated) = refused::refused(sources.refusals, of, positions).await?;
    Ok(History {
        position: last,
        items,
        refusals,
        refusal_counts: Vec::new(),
        next_cursor: more.then(|| at.to_string()),
        truncated,
    })
}

/// An event as it is told.
pub(crate) fn decision(event: &RecordedEvent, seat: Option<&str>) -> Decision {
    let metadata: Map<String, Value> = serde_json::from_str(&event.metadata).unwrap_or_default();
    let field = |name: &str| metadata.get(name)?.as_str().map(ToOwned::to_owned);
    // What is no JSON is shown as it is: an auditor asks just where something is wrong.
    let payload = serde_json::from_str(&event.payload)
        .unwrap_or_else(|_| Value::String(event.payload.clone()));
    let payload = match seat {
        Some(guid) => detail::only_seat(payload, guid),
        None => payload,
    };
    Decision {
        position: event.position.0,
        recorded_at: event.recorded_at,
        actor: field("actor"),
        event_type: event.event_type.clone(),
        detail: detail::text(&payload),
        aggregate_type: event.stream.aggregate_type.to_string(),
        aggregate_id: event.stream.aggregate_id.to_string(),
        sequence: event.sequence,
        command_id: event.command_id,
        causation_id: field("causation_id"),
        correlation_id: field("correlation_id"),
        payload,
    }
}
