//! `GET /v1/drops/{id}/entries/{entry_id}/stream`

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use domain::ids::{DropEntryId, DropId};
use edge::{
    Path,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use read_model::At;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use super::{EntryView, own_entry};
use crate::{entry_feed::Following, error::Error, freshness::AtLeast, state::AppState};

/// Pause after a look that failed: the read model is away, or does not show yet what the bus told.
const RETRY: Duration = Duration::from_secs(1);
/// Longest silence on a stream: proxies close what is silent for longer. So often an entry is looked at, whatever the bus told.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The first bytes of every stream: how long a browser waits before it connects again, in milliseconds.
const PREAMBLE: &str = "retry: 1000\n\n";

/// Follow an entry of a drop: an event `entry` now and whenever it stands otherwise. The stream ends with the event after which nothing
/// changes any more.
///
/// `id` names what was seen: a client that comes back with it in `Last-Event-ID` is sent the entry only once it stands otherwise.
#[utoipa::path(
    get,
    path = "/v1/drops/{id}/entries/{entry_id}/stream",
    tag = "drops",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The drop"),
        ("entry_id" = Uuid, Path, description = "The entry"),
        ("Last-Event-ID" = Option<String>, Header, description = "`id` of the last event seen"),
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the first event must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "Server-sent events", body = EntryView, content_type = "text/event-stream"),
        (status = 204, description = "`Last-Event-ID` is the result's: there is nothing more to come"),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or another's", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many streams are open, `not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn entry_stream(
    State(state): State<AppState>,
    principal: Principal,
    Path((drop, entry)): Path<(DropId, DropEntryId)>,
    at_least: AtLeast,
    headers: HeaderMap,
) -> Result<Response, Error> {
    principal.require(Role::Customer)?;
    let permit = state.streams.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Error::TooMany("streams are open"))?;
    let following = state.entries.follow(drop, entry);
    let first = own_entry(&state, at_least, drop, entry, principal.id).await?;
    let seen = headers.get("last-event-id");
    // Who has seen the result need not come back: after this answer an `EventSource` doesn't.
    if first.value.is_final && seen.is_some_and(|seen| *seen == first.value.mark()) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let follower = Follower {
        seen: seen.and_then(|id| Some(id.to_str().ok()?.to_owned())),
        known: Some(first),
        state,
        drop,
        entry,
        customer: principal.id,
        following,
        told: at_least,
        is_opened: false,
        has_ended: false,
        _permit: permit,
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
    drop: DropId,
    entry: DropEntryId,
    customer: Uuid,
    /// Name of the last event that the client has seen.
    seen: Option<String>,
    /// The entry, looked at already.
    known: Option<At<EntryView>>,
    following: Following,
    /// Where the bus told of the entry last: rows must show it.
    told: AtLeast,
    is_opened: bool,
    has_ended: bool,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    /// The next bytes, when there are any; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.is_opened {
            self.is_opened = true;
            return Some(Bytes::from_static(PREAMBLE.as_bytes()));
        }
        let shutdown = self.state.deps.shutdown.clone();
        shutdown.run_until_cancelled(self.wait()).await?
    }

    async fn wait(&mut self) -> Option<Bytes> {
        let silent_until = Instant::now() + HEARTBEAT;
        while !self.has_ended {
            let look = match self.known.take() {
                Some(known) => Ok(known),
                None => self.look().await,
            };
            // A read model that is away comes back; the client keeps its place meanwhile.
            let until = if look.is_ok() {
                silent_until
            } else {
                silent_until.min(Instant::now() + RETRY)
            };
            if let Some(chunk) = look.ok().and_then(|at| self.news(&at.value)) {
                return Some(chunk);
            }
            match timeout_at(until, self.following.changed()).await {
                Ok(position) => self.told = AtLeast(position),
                Err(_) if Instant::now() >= silent_until => {
                    return Some(Bytes::from_static(b":\n\n"));
                }
                Err(_) => {}
            }
        }
        None
    }

    async fn look(&self) -> Result<At<EntryView>, Error> {
        own_entry(&self.state, self.told, self.drop, self.entry, self.customer).await
    }

    /// The entry as an event, unless the client has seen it.
    fn news(&mut self, entry: &EntryView) -> Option<Bytes> {
        self.has_ended = entry.is_final;
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
