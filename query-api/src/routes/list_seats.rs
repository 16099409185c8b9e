//! `GET /v1/shows/{id}/seats`

use axum::{extract::State, http::HeaderMap};
use domain::ids::ShowId;
use edge::{Path, Query, problem::ProblemBody};
use read_model::seat_map::SeatStatus;
use serde::Deserialize;

use crate::{
    error::Error,
    freshness::AtLeast,
    seat_map_cache::{SeatFilter, SeatListing, SeatState, Served},
    state::AppState,
};

/// Which seats; all by default.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Those of this category.
    category: Option<String>,
    /// Those of this zone; a standing area counts as one.
    zone: Option<String>,
    /// Those that stand like this.
    #[param(value_type = Option<SeatState>)]
    status: Option<SeatStatus>,
}

/// Lists a show's seats and standing areas.
#[utoipa::path(
    get,
    path = "/v1/shows/{id}/seats",
    tag = "seats",
    params(
        ("id" = Uuid, Path, description = "The show"),
        Params,
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier answer"),
    ),
    responses(
        (status = 200, description = "The seats", body = SeatListing<'_>, headers(("Position" = u64, description = "Position that the answer shows"), ("ETag" = String, description = "Names the version"))),
        (status = 304, description = "Nothing has changed"),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or another's", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_seats(
    State(state): State<AppState>,
    Path(id): Path<ShowId>,
    Query(params): Query<Params>,
    at_least: AtLeast,
    headers: HeaderMap,
) -> Result<Served, Error> {
    let known = state.seat_maps.get(id, at_least).await?;
    let filter = SeatFilter {
        category: params.category,
        zone: params.zone,
        status: params.status,
    };
    if filter == SeatFilter::default() {
        return state.seat_maps.seats(&known, at_least, &headers).await;
    }
    state.seat_maps.filtered(&known, filter, &headers).await
}
