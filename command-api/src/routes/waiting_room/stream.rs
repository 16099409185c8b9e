//! `GET /v1/waiting-room/{show_id}/entries/{id}/stream`

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use domain::ids::{CustomerId, ShowId};
use edge::{
    Path, Problem,
    auth::{Principal, Role},
};
use metrics::gauge;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until},
};
use uuid::Uuid;

use super::{EntryBody, find, receipt};
use crate::{
    AppState, codes, error::problem, metrics::STREAMS, routes::Refusals, waiting_room::Receipt,
};

/// How often an entry is looked at: so late its turn is told at most. Ten thousand streams ask the store ten thousand times a second, which
/// is a small part of what it can do.
const PACE: Duration = Duration::from_secs(1);
/// Longest silence on a stream: proxies close what is silent for longer.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// When to try again where too many streams are open.
const RETRY: Duration = Duration::from_secs(5);
/// The first bytes of every stream: how long a browser waits before it connects again, in milliseconds.
const PREAMBLE: &str = "retry: 1000\n\n";

/// Follow an entry: an event `entry` now and whenever it stands otherwise; `gone` once it is left, given up or used, which ends the stream. While the
/// stream is open, the entry is kept.
///
/// `id` names what was seen: a client that comes back with it in `Last-Event-ID` is sent the entry only once it stands otherwise.
#[utoipa::path(
    get, path = "/v1/waiting-room/{show_id}/entries/{id}/stream", tag = "Waiting room", security(("bearer" = [])),
    params(
        ("show_id" = Uuid, Path), ("id" = Uuid, Path),
        ("Last-Event-ID" = Option<String>, Header, description = "`id` of the last event seen"),
        ("Queue-Receipt" = Option<String>, Header, description = "The entry's receipt: with it, the place is kept even if the store of the queue loses it"),
    ),
    responses((status = 200, description = "Server-sent events", body = EntryBody, content_type = "text/event-stream"), Refusals)
)]
pub(crate) async fn stream(
    State(state): State<AppState>,
    Path((show, entry)): Path<(ShowId, Uuid)>,
    principal: Principal,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    principal.require(Role::Customer)?;
    let permit = state.streams.permits.clone().try_acquire_owned();
    let permit = permit
        .map_err(|_| problem(codes::OVERLOADED, "too many streams are open").retry_after(RETRY))?;
    let customer = principal.id.into();
    let receipt = receipt(&state, show, customer, &headers)?;
    let first = find(&state, show, entry, customer, receipt.as_ref()).await?;
    let seen = headers.get("last-event-id");
    let follower = Follower {
        seen: seen.and_then(|id| Some(id.to_str().ok()?.to_owned())),
        known: Some(first),
        state,
        show,
        entry,
        customer,
        receipt,
        next_at: Instant::now(),
        silent_since: Instant::now(),
        is_opened: false,
        has_ended: false,
        _open: Open::count(permit),
    };
    let stream = futures::stream::unfold(follower, |mut follower| async {
        let chunk = follower.next().await?;
        Some((Ok::<_, Infallible>(chunk), follower))
    });
    let mut response = Body::from_stream(stream).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Proxies that would collect the answer before passing it on (nginx) are told not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// One client. What it has seen is all that is remembered of it.
struct Follower {
    state: AppState,
    show: ShowId,
    entry: Uuid,
    customer: CustomerId,
    receipt: Option<Receipt>,
    /// Mark of the last event that the client has seen.
    seen: Option<String>,
    /// The entry, looked at already.
    known: Option<EntryBody>,
    next_at: Instant,
    silent_since: Instant,
    is_opened: bool,
    has_ended: bool,
    _open: Open,
}

impl Follower {
    /// The next bytes, when there are any; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.is_opened {
            self.is_opened = true;
            return Some(Bytes::from_static(PREAMBLE.as_bytes()));
        }
        let shutdown = self.state.streams.shutdown.clone();
        shutdown.run_until_cancelled(self.wait()).await?
    }

    async fn wait(&mut self) -> Option<Bytes> {
        if self.has_ended {
            return None;
        }
        loop {
            sleep_until(self.next_at).await;
            self.next_at = Instant::now() + PACE;
            let chunk = match self.look().await {
                Ok(entry) => self.news(&entry),
                Err(problem) if problem.code() == "not_found" => {
                    self.has_ended = true;
                    Some(Bytes::from_static(b"event: gone\ndata: {}\n\n"))
                }
                // The store is away: the client keeps its place, and hears of it when the store is back.
                Err(_) => None,
            };
            if let Some(chunk) = chunk {
                self.silent_since = Instant::now();
                return Some(chunk);
            }
            if self.silent_since.elapsed() >= HEARTBEAT {
                self.silent_since = Instant::now();
                return Some(Bytes::from_static(b":\n\n"));
            }
        }
    }

    async fn look(&mut self) -> Result<EntryBody, Problem> {
        if let Some(known) = self.known.take() {
            return Ok(known);
        }
        let receipt = self.receipt.as_ref();
        find(&self.state, self.show, self.entry, self.customer, receipt).await
    }

    /// The entry as an event, unless the client has seen it.
    fn news(&mut self, entry: &EntryBody) -> Option<Bytes> {
        let mark = entry.mark();
        if self.seen.as_ref() == Some(&mark) {
            return None;
        }
        let data = serde_json::to_string(entry).ok()?;
        let event = format!("id: {mark}\nevent: entry\ndata: {data}\n\n");
        self.seen = Some(mark);
        Some(event.into())
    }
}

/// An open stream, counted.
struct Open {
    _permit: OwnedSemaphorePermit,
}

impl Open {
    fn count(permit: OwnedSemaphorePermit) -> Self {
        gauge!(STREAMS).increment(1);
        Self { _permit: permit }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        gauge!(STREAMS).decrement(1);
    }
}
