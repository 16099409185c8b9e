//! `GET /v1/audit/shows/{id}/seats/{seat_guid}`

use axum::{extract::State, response::Response};
use edge::{
    Json, Path, Query,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use serde::Deserialize;
use uuid::Uuid;

use super::{at, get_history::MAX_LIMIT, limit};
use crate::{
    error::Error,
    history::{History, Subject, history},
    state::AppState,
};

/// Which page.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Decisions behind this position: `next_cursor` of the page before.
    after: Option<u64>,
    /// 1 to 1,000; 1,000 unless given.
    limit: Option<u32>,
}

/// Tells every decision about one seat, in order: listed, held, released, expired, sold, given back, blocked; and the payments for it.
/// Beside them: who was refused it, and why.
#[utoipa::path(
    get,
    path = "/v1/audit/shows/{id}/seats/{seat_guid}",
    tag = "audit",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The show"),
        ("seat_guid" = String, Path, description = "The plan's id of the seat"),
        Params,
    ),
    responses(
        (status = 200, description = "Decisions, in order", body = History, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 404, description = "Unknown, or not there yet at that moment", body = ProblemBody, content_type = "application/problem+json"),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn seat_history(
    State(state): State<AppState>,
    principal: Principal,
    Path((show, guid)): Path<(Uuid, String)>,
    Query(params): Query<Params>,
) -> Result<Response, Error> {
    principal.require(Role::Auditor)?;
    // A seat's whole story is one answer, but for a few.
    let whole = u32::try_from(MAX_LIMIT).unwrap_or(u32::MAX);
    let limit = limit(Some(params.limit.unwrap_or(whole)), MAX_LIMIT)?;
    let after = params.after.unwrap_or_default();
    let subject = Subject::Seat { show, guid };
    let told = history(state.histories(), &subject, after, limit).await?;
    if told.items.is_empty() && after == 0 {
        return Err(Error::NotFound("seat"));
    }
    Ok(at(told.position, Json(told)))
}
