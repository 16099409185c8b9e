//! `GET /v1/me/notifications`

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
};
use edge::{
    Json, Problem, Query,
    auth::{Principal, Role},
};
use tokio::time::{Instant, sleep};

use super::{NotificationBody, Page, PageParams};
use crate::{AppState, error::ledger_failed, routes::Refusals};

/// Longest wait for a position.
const WAIT: Duration = Duration::from_secs(2);
/// How often the ledger is asked meanwhile.
const POLL: Duration = Duration::from_millis(50);
/// When to try again where that was not enough.
const RETRY: Duration = Duration::from_secs(1);

/// List the caller's notifications, newest first. They are kept for 90 days.
#[utoipa::path(
    get, path = "/v1/me/notifications", operation_id = "my_notifications", tag = "Notifications", security(("bearer" = [])),
    params(
        PageParams,
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "Notifications, newest first", body = Page<NotificationBody>, headers(("Position" = u64, description = "Position that the answer shows"))),
        Refusals,
    )
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    Query(params): Query<PageParams>,
    headers: HeaderMap,
) -> Result<([(HeaderName, HeaderValue); 1], Json<Page<NotificationBody>>), Problem> {
    principal.require(Role::Customer)?;
    let limit = params.limit()?;
    let before = params.cursor(|text| text.contains('.').then(|| text.parse().ok())?)?;
    let position = caught_up(&state, &headers).await?;
    let ledger = state.notifications.feed.ledger();
    let found = ledger.newest(principal.id, before, limit).await;
    let found = found.map_err(|error| ledger_failed(&error))?;
    let last = found.last().filter(|_| found.len() == limit);
    let page = Page {
        next_cursor: last.map(|one| one.place.to_string()),
        items: found.into_iter().map(NotificationBody::from).collect(),
    };
    let shown = (HeaderName::from_static("position"), position.into());
    Ok(([shown], Json(page)))
}

/// Waits until the ledger shows what the request demands; answers where it stands.
async fn caught_up(state: &AppState, headers: &HeaderMap) -> Result<u64, Problem> {
    let wanted = match headers.get("at-least-position") {
        None => 0,
        Some(value) => {
            let position = value.to_str().ok().and_then(|text| text.parse().ok());
            position.ok_or_else(|| {
                let detail =
                    "At-Least-Position is a position: a whole number, as an earlier answer gave it";
                Problem::new(StatusCode::BAD_REQUEST, "invalid_position", detail)
            })?
        }
    };
    let end = Instant::now() + WAIT;
    loop {
        let position = state.notifications.feed.ledger().checkpoint().await;
        let position = position.map_err(|error| ledger_failed(&error))?;
        if position >= wanted {
            return Ok(position);
        }
        if Instant::now() >= end {
            let detail = "what was asked for is not told yet";
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_caught_up", detail);
            let problem = problem.with("wanted", wanted).with("position", position);
            return Err(problem.retry_after(RETRY));
        }
        sleep(POLL).await;
    }
}
