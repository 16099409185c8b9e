//! `GET /v1/shows/{id}/seats/stream`

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use domain::ids::ShowId;
use edge::{Path, problem::ProblemBody};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    error::Error,
    freshness::{AtLeast, POSITION, WAIT},
    metrics::STREAMS,
    seat_map_cache::{Changes, Fed, Following, Since, snapshot_event},
    state::AppState,
};

/// Longest silence on a stream: proxies close what is silent for longer.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Shortest time between two sendings to one client: what changes meanwhile goes out together.
const PACE: Duration = Duration::from_millis(50);
/// The first bytes of every stream: how long a browser waits before it connects again, in milliseconds.
const PREAMBLE: &str = "retry: 1000\n\n";

/// Streams a show's seat map: `snapshot`, then `seats` for what changed. `id` is a position; a client that comes back with it in
/// `Last-Event-ID` gets what it missed, or a new `snapshot` where that is not known (a position not reached within 2 s, too).
#[utoipa::path(
    get,
    path = "/v1/shows/{id}/seats/stream",
    tag = "seats",
    params(
        ("id" = Uuid, Path, description = "The show"),
        ("Last-Event-ID" = Option<u64>, Header, description = "`id` of the last event seen"),
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "Server-sent events: `snapshot` (like `/seats/status`), then `seats`", body = Changes<'_>, content_type = "text/event-stream"),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or another's", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn seat_stream(
    State(state): State<AppState>,
    Path(id): Path<ShowId>,
    at_least: AtLeast,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let permit = state.streams.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Error::TooMany("streams are open"))?;
    let (following, position) = loop {
        let known = state.seat_maps.get(id, at_least).await?;
        if known.live.is_parked() {
            return Err(Error::Parked("show"));
        }
        // A map that left memory in between is loaded again.
        if let Some(following) = state.seat_maps.follow_map(&known.live) {
            break (following, known.position);
        }
    };
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let follower = Follower {
        following,
        fed: state.seat_maps.fed(id),
        loaded: position,
        seen: last,
        opened: false,
        next_at: Instant::now(),
        shutdown: state.deps.shutdown.clone(),
        _open: Open::count(permit),
    };
    let stream = futures::stream::unfold(follower, |mut follower| async {
        let chunk = follower.next().await?;
        Some((Ok::<_, Infallible>(chunk), follower))
    });
    let mut response = Body::from_stream(stream).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that would collect the answer before passing it on (nginx) are told not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.insert(POSITION, HeaderValue::from(position));
    Ok(response)
}

/// One client. It keeps no queue: it remembers what its client has seen and looks up what came since, when its connection takes
/// more. A client too slow for the map's memory gets a snapshot.
struct Follower {
    following: Following,
    fed: Fed,
    /// What the map was known to show at the beginning.
    loaded: u64,
    /// The last position that the client has seen; `None`: nothing.
    seen: Option<u64>,
    opened: bool,
    next_at: Instant,
    shutdown: CancellationToken,
    _open: Open,
}

impl Follower {
    /// The next bytes, when there are any; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        let shutdown = self.shutdown.clone();
        if !self.opened {
            self.opened = true;
            return Some(Bytes::from_static(PREAMBLE.as_bytes()));
        }
        shutdown.run_until_cancelled(self.wait()).await?
    }

    async fn wait(&mut self) -> Option<Bytes> {
        if let Some(seen) = self.seen.filter(|seen| *seen > self.loaded) {
            // The client has seen more elsewhere than is known here yet.
            match timeout_at(Instant::now() + WAIT, self.fed.reach(seen)).await {
                Ok(true) => self.loaded = seen,
                Ok(false) => return None,
                // That position is another log's: one that was begun anew, or none at all.
                Err(_) => self.seen = None,
            }
        }
        let heartbeat_at = Instant::now() + HEARTBEAT;
        sleep_until(self.next_at).await;
        loop {
            if let Some(chunk) = self.missed() {
                self.next_at = Instant::now() + PACE;
                return Some(chunk);
            }
            match timeout_at(heartbeat_at, self.following.changed()).await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(_) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }

    /// What the client has not seen yet.
    fn missed(&mut self) -> Option<Bytes> {
        let live = self.following.live();
        let since = self.seen.map_or(Since::TooLongAgo, |seen| live.since(seen));
        // After the frames: this map knows every seat that they name.
        let map = live.map();
        match since {
            Since::Frames(frames) => {
                self.seen = Some(frames.last()?.position());
                let mut chunk = BytesMut::new();
                for frame in frames {
                    chunk.extend_from_slice(&frame.event(&map));
                }
                Some(chunk.freeze())
            }
            Since::TooLongAgo => {
                self.seen = Some(map.position());
                Some(snapshot_event(&map))
            }
        }
    }
}

/// An open stream, counted.
struct Open {
    _permit: OwnedSemaphorePermit,
}

impl Open {
    fn count(permit: OwnedSemaphorePermit) -> Self {
        metrics::gauge!(STREAMS).increment(1);
        Self { _permit: permit }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!(STREAMS).decrement(1);
    }
}
