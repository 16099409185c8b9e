//! Every decision about one thing, in the order of the log.
//!
//! ```text
//!  seat ─────────── show's stream, what names it ──┐
//!  reservation ──── claim ─▶ show's stream ────────┼─▶ payments named ─▶ their streams and accounts ─▶ in order, each event once
//!  customer ─────── own streams, shows by read model┤
//!  payment, saga ── its stream ─▶ show, account ────┤
//!  correlation ──── the log, a part at a time ──────┘
//! ```
//!
//! Streams and claims are found by their keys. Which shows a customer dealt with no index of the log knows; the read model names them, and
//! the log tells what happened there. A correlation stands in the metadata alone: an index of it would cost each append more than a third
//! of its time (decision 0034), so the log's server goes through the log, [`MAX_SEARCHED`] events for each page of the answer.

mod detail;
mod gather;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use event_store::{EventLog, Position, RecordedEvent};
use read_model::ReadModel;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use self::gather::Gathered;
use crate::error::Error;

/// Most events of one history: a seat that was held a thousand times has some four thousand. Beyond, the history says that it is cut.
pub const MAX_EVENTS: usize = 10_000;

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
    /// Everything that one act of a client brought about.
    Correlation(String),
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
    /// What it says; of seats that were listed, the one that was asked about.
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
    /// `after` of the next page; `null` where this is the last. A page may have fewer items than asked for, even none, and a next one.
    pub next_cursor: Option<String>,
    /// Whether there were more than are ever told.
    pub truncated: bool,
}

/// Tells the history of a subject: the decisions behind position `after`, at most `limit`.
///
/// # Errors
/// The log or the read model can't be read.
pub async fn history(
    log: &dyn EventLog,
    model: &dyn ReadModel,
    subject: &Subject,
    after: u64,
    limit: usize,
) -> Result<History, Error> {
    let head = log.head().await?.position.0;
    if let Subject::Correlation(id) = subject {
        return correlated(log, id, (after, head), limit).await;
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
        Subject::Correlation(_) => {}
    }
    let (events, truncated) = gathered.into_events();
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
    let last = items.last().map(|last| last.position.to_string());
    Ok(History {
        position: head,
        next_cursor: last.filter(|_| more),
        items,
        truncated,
    })
}

/// What was brought about together, of the part of the log that one page looks through.
async fn correlated(
    log: &dyn EventLog,
    id: &str,
    (after, head): (u64, u64),
    limit: usize,
) -> Result<History, Error> {
    let end = head.min(after.saturating_add(MAX_SEARCHED));
    let (mut items, mut at) = (Vec::new(), after);
    while at < end && items.len() < limit {
        let until = end.min(at + SEARCHED_AT_ONCE);
        let part = (Position(at), Position(until));
        let wanted = limit - items.len();
        let found = log.read_correlated(id, part, wanted).await?;
        let is_cut = found.len() == wanted;
        let last = found.last().map(|event| event.position.0);
        items.extend(found.iter().map(|event| decision(event, None)));
        at = last.filter(|_| is_cut).unwrap_or(until);
    }
    Ok(History {
        position: head,
        items,
        next_cursor: (at < head).then(|| at.to_string()),
        truncated: false,
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
