//! `/v1/waiting-room/{show_id}`: the queue, for those in it and for its organizer.

pub(super) mod change;
pub(super) mod enter;
pub(super) mod leave;
pub(super) mod look;
pub(super) mod pause;
pub(super) mod resume;
pub(super) mod stream;

use std::sync::Arc;

use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use domain::{
    ids::{CustomerId, ShowId},
    waiting_room::{Command, Flow, WaitingRoom},
};
use edge::{Json, Problem};
use event_store::Position;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AppState,
    call::OrganizerCall,
    codes,
    error::{problem, waiting_room_failed},
    waiting_room::{RECEIPT_HEADER, Receipt, Standing, State, rooms::Error},
};

/// Streams open at a time: with a few kilobytes each, they leave the process room for its work.
const MAX_STREAMS: usize = 20_000;

/// The streams of this process: how many there may be, and when they end.
#[derive(Debug, Clone)]
pub struct Streams {
    permits: Arc<Semaphore>,
    shutdown: CancellationToken,
}

impl Streams {
    /// Streams that end at `shutdown`.
    pub fn until(shutdown: CancellationToken) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_STREAMS)),
            shutdown,
        }
    }
}

/// How an entry stands.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct EntryBody {
    #[schema(value_type = Uuid)]
    entry_id: domain::ids::EntryId,
    /// `waiting` or `admitted`.
    state: &'static str,
    /// Lower is sooner. `null` before the doors open: the places of those who are there by then are drawn.
    queue_number: Option<u64>,
    /// How many come sooner; never grows. `null` before the doors open, and while a queue that was lost comes back.
    ahead: Option<u64>,
    /// By the rate at which customers are let in, as measured; `null` where nothing can be said: before the doors open, while nobody is let in.
    eta_seconds: Option<u64>,
    /// Signed proof of the entry. Show it in the header `Queue-Receipt` when asking how the entry stands: with it, a place outlives the store of
    /// the queue.
    receipt: String,
    /// Signed proof of the turn: show it in the header `Queue-Pass` of `POST /v1/reservations`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<String>,
    /// The first instant at which the pass is void.
    #[serde(skip_serializing_if = "Option::is_none")]
    pass_expires_at: Option<DateTime<Utc>>,
    /// Whether nobody is let in for now.
    paused: bool,
    /// Whether nothing is left to sell: all is sold, or the sale is over.
    sold_out: bool,
    /// Whether a queue that was lost comes back: nobody is let in meanwhile.
    recovering: bool,
}

impl EntryBody {
    fn of(state: &AppState, show: ShowId, standing: &Standing) -> Self {
        let notice = standing.notice;
        let ahead = match standing.state {
            State::Waiting { ahead } if !standing.recovers => Some(ahead),
            State::Waiting { .. } | State::Lobby => None,
            State::Admitted { .. } => Some(0),
        };
        let is_admitted = matches!(standing.state, State::Admitted { .. });
        let eta_seconds = match ahead {
            Some(_) if is_admitted => Some(0),
            Some(ahead) if !notice.paused && !notice.sold_out && notice.rate_milli > 0 => {
                Some(((ahead + 1) * 1_000).div_ceil(notice.rate_milli))
            }
            Some(_) | None => None,
        };
        let has_number = standing.state != State::Lobby;
        Self {
            entry_id: standing.entrant.entry_id,
            state: if is_admitted { "admitted" } else { "waiting" },
            queue_number: has_number.then_some(standing.entrant.number),
            ahead,
            eta_seconds,
            receipt: state.tickets.receipt(show, standing),
            pass: state.tickets.pass(show, standing),
            pass_expires_at: match standing.state {
                State::Admitted { expires_at } => Some(expires_at),
                State::Lobby | State::Waiting { .. } => None,
            },
            paused: notice.paused,
            sold_out: notice.sold_out,
            recovering: standing.recovers,
        }
    }

    /// Names this state of the entry among all others: what a client has seen needs not be sent again.
    fn mark(&self) -> String {
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let flags = [self.paused, self.sold_out, self.recovering].map(u8::from);
        format!(
            "{}.{}.{}.{}{}{}",
            self.state,
            number(self.queue_number),
            number(self.ahead),
            flags[0],
            flags[1],
            flags[2]
        )
    }
}

/// The flow as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FlowBody {
    #[schema(value_type = Uuid)]
    show_id: ShowId,
    /// Customers let in per second.
    admit_per_second: u32,
    /// Customers with a pass who have not bought yet.
    max_active: u32,
    /// How long a pass is good for.
    pass_seconds: u32,
    /// Whether nobody is let in for now.
    paused: bool,
    #[schema(value_type = u64)]
    position: Position,
}

/// The receipt that a request shows. One that is no good is refused, not left out: without it the customer would get a new place further back.
fn receipt(
    state: &AppState,
    show: ShowId,
    customer: CustomerId,
    headers: &HeaderMap,
) -> Result<Option<Receipt>, Problem> {
    let Some(text) = headers.get(RECEIPT_HEADER) else {
        return Ok(None);
    };
    let receipt = text.to_str().ok();
    receipt
        .and_then(|text| state.tickets.read_receipt(show, customer, text))
        .map(Some)
        .ok_or_else(|| {
            problem(
                codes::INVALID_RECEIPT,
                "Queue-Receipt holds no receipt of this customer's for this show; without the header the request goes on",
            )
        })
}

fn failed(state: &AppState) -> impl Fn(Error) -> Problem {
    let now = state.clock.now();
    move |error| waiting_room_failed(&error, now)
}

/// A customer's entry as it stands; 404 for another's.
async fn find(
    state: &AppState,
    show: ShowId,
    entry: Uuid,
    customer: CustomerId,
    receipt: Option<&Receipt>,
) -> Result<EntryBody, Problem> {
    let standing = state.rooms.look(show, customer, receipt).await;
    let standing = standing.map_err(failed(state))?;
    let own = standing.filter(|standing| standing.entrant.entry_id.0 == entry);
    let own = own.ok_or_else(|| Problem::not_found("entry"))?;
    Ok(EntryBody::of(state, show, &own))
}

/// Sends an organizer's command, and answers how the flow stands.
async fn change_flow(
    state: &AppState,
    name: &'static str,
    show: ShowId,
    call: &OrganizerCall,
    body: &(impl Serialize + Sync),
    command: Command,
) -> Result<Json<FlowBody>, Problem> {
    let rooms = &state.executors.waiting_rooms;
    let fingerprint = state.fingerprint(body);
    let answer = state
        .execute::<WaitingRoom>(name, rooms, show, &call.call, fingerprint, command)
        .await?;
    let flow = state.rooms.read(show, |room| room.flow.clone()).await;
    let flow: Flow = flow
        .map_err(failed(state))?
        .ok_or_else(|| Problem::not_found("waiting room"))?;
    Ok(Json(FlowBody {
        show_id: show,
        admit_per_second: flow.settings.admit_per_second,
        max_active: flow.settings.max_active,
        pass_seconds: flow.settings.pass_seconds,
        paused: flow.paused,
        position: answer.position,
    }))
}
