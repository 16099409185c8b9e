//! `GET /v1/audit/events`

use axum::{extract::State, response::Response};
use edge::{
    Json, Query,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use serde::Deserialize;

use super::{at, limit};
use crate::{
    error::Error,
    events::{self, EventsPage, Filter, MAX_LIMIT},
    state::AppState,
};

/// Which events, and which page of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Those behind this position; from the log's beginning unless given. `next_cursor` of the page before.
    after: Option<u64>,
    /// 1 to 1,000; 100 unless given.
    limit: Option<u32>,
    /// Of streams of this kind.
    #[param(example = "show")]
    aggregate_type: Option<String>,
    /// Of streams with this id.
    aggregate_id: Option<String>,
}

/// Shows the log, in order, as it is stored.
#[utoipa::path(
    get,
    path = "/v1/audit/events",
    tag = "audit",
    security(("bearer" = [])),
    params(Params),
    responses(
        (status = 200, description = "Events, in order", body = EventsPage, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_events(
    State(state): State<AppState>,
    principal: Principal,
    Query(params): Query<Params>,
) -> Result<Response, Error> {
    principal.require(Role::Auditor)?;
    let limit = limit(params.limit, MAX_LIMIT)?;
    let filter = Filter {
        aggregate_type: params.aggregate_type,
        aggregate_id: params.aggregate_id,
    };
    let after = params.after.unwrap_or_default();
    let page = events::page(state.deps.log.as_ref(), &filter, after, limit).await?;
    Ok(at(page.position, Json(page)))
}
