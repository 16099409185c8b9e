//! `GET /v1/me/notifications/stream`

use std::{convert::Infallible, fmt::Write, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use edge::{
    Problem,
    auth::{Principal, Role},
};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::NotificationBody;
use crate::{
    AppState, codes,
    error::{ledger_failed, problem},
    metrics::Open,
    notifications::{Place, feed::Seat},
    routes::Refusals,
};

/// Longest silence on a stream: proxies close what is silent for longer.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// When to try again where too many streams are open.
const RETRY: Duration = Duration::from_secs(5);
/// Notifications sent at once.
const PAGE: usize = 100;
/// The first bytes of every stream: how long a browser waits before it connects again, in milliseconds.
const PREAMBLE: &str = "retry: 1000\n\n";

/// Follow the caller's notifications: an event `notification` for each, from now on.
///
/// A client that comes back with the last `id` in `Last-Event-ID` gets what it missed; one that begins with `0` gets all that is kept.
#[utoipa::path(
    get, path = "/v1/me/notifications/stream", operation_id = "follow_my_notifications", tag = "Notifications", security(("bearer" = [])),
    params(("Last-Event-ID" = Option<String>, Header, description = "`id` of the last event seen, or a position")),
    responses((status = 200, description = "Server-sent events", body = NotificationBody, content_type = "text/event-stream"), Refusals)
)]
pub(crate) async fn stream(
    State(state): State<AppState>,
    principal: Principal,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    principal.require(Role::Customer)?;
    let feed = &state.notifications.feed;
    let seat = feed.take_seat(principal.id);
    let seat = seat.ok_or_else(|| {
        problem(codes::OVERLOADED, "too many streams are open").retry_after(RETRY)
    })?;
    let last = headers.get("last-event-id");
    let last: Option<Place> = last.and_then(|id| id.to_str().ok()?.parse().ok());
    let seen = if let Some(last) = last {
        last
    } else {
        let position = feed.ledger().checkpoint().await;
        Place {
            position: position.map_err(|error| ledger_failed(&error))?,
            ordinal: u32::MAX,
        }
    };
    let follower = Follower {
        customer: principal.id,
        state,
        seat,
        seen,
        is_opened: false,
        _open: Open::notifications(),
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
    customer: Uuid,
    seat: Seat,
    seen: Place,
    is_opened: bool,
    _open: Open,
}

impl Follower {
    /// The next bytes, when there are any; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.is_opened {
            self.is_opened = true;
            return Some(Bytes::from_static(PREAMBLE.as_bytes()));
        }
        let shutdown = self.state.notifications.feed.shutdown().clone();
        shutdown.run_until_cancelled(self.wait()).await
    }

    async fn wait(&mut self) -> Bytes {
        let silent_until = Instant::now() + HEARTBEAT;
        loop {
            // From here on nothing that is told is missed, however long the look takes.
            let woken = self.seat.woken();
            let woken = woken.notified();
            let mut woken = std::pin::pin!(woken);
            woken.as_mut().enable();
            let ledger = self.state.notifications.feed.ledger();
            // While the ledger is away the client keeps its place, and hears of what it missed when that is back.
            let news = ledger.after(self.customer, self.seen, PAGE).await;
            let news = news.unwrap_or_default();
            if !news.is_empty() {
                let mut text = String::new();
                for one in news {
                    self.seen = one.place;
                    let body = NotificationBody::from(one);
                    let data = serde_json::to_string(&body).unwrap_or_default();
                    // A string takes everything.
                    let _ = write!(
                        text,
                        "id: {}\nevent: notification\ndata: {data}\n\n",
                        self.seen
                    );
                }
                return text.into();
            }
            if timeout_at(silent_until, woken).await.is_err() {
                return Bytes::from_static(b":\n\n");
            }
        }
    }
}
