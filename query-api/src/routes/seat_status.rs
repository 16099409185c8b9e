//! `GET /v1/shows/{id}/seats/status`

use axum::{extract::State, http::HeaderMap};
use domain::ids::ShowId;
use edge::{Path, problem::ProblemBody};

use crate::{
    error::Error,
    freshness::AtLeast,
    seat_map_cache::{SeatStatuses, Served},
    state::AppState,
};

/// Tells how every place of a show stands, in as few bytes as it goes: for polling.
#[utoipa::path(
    get,
    path = "/v1/shows/{id}/seats/status",
    tag = "seats",
    params(
        ("id" = Uuid, Path, description = "The show"),
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier answer"),
    ),
    responses(
        (status = 200, description = "How every place stands", body = SeatStatuses<'_>, headers(("Position" = u64, description = "Position that the answer shows"), ("ETag" = String, description = "Names the version"))),
        (status = 304, description = "Nothing has changed"),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or another's", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn seat_status(
    State(state): State<AppState>,
    Path(id): Path<ShowId>,
    at_least: AtLeast,
    headers: HeaderMap,
) -> Result<Served, Error> {
    let known = state.seat_maps.get(id, at_least).await?;
    state.seat_maps.status(&known, at_least, &headers).await
}
