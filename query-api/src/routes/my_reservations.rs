//! `GET /v1/me/reservations`

use axum::extract::State;
use edge::{
    Query,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use read_model::ProjectionId;

use crate::{
    answer::Answer,
    error::Error,
    freshness::AtLeast,
    lists::{List, PageParams},
    routes::get_reservation::ReservationView,
    state::AppState,
};

/// Lists the caller's reservations, newest first.
#[utoipa::path(
    get,
    path = "/v1/me/reservations",
    tag = "reservations",
    security(("bearer" = [])),
    params(
        PageParams,
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "Reservations, newest first", body = List<ReservationView>, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn my_reservations(
    State(state): State<AppState>,
    principal: Principal,
    Query(params): Query<PageParams>,
    at_least: AtLeast,
) -> Result<Answer<List<ReservationView>>, Error> {
    principal.require(Role::Customer)?;
    let page = params.page()?;
    let query = || {
        state
            .deps
            .read_model
            .reservations_of(principal.id.into(), &page)
    };
    let at = state
        .freshness
        .read(at_least, &[ProjectionId::Reservations], query)
        .await?;
    Ok(Answer(at.map(|page| List::of(page, ReservationView::from))))
}
