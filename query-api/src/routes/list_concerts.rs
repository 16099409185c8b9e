//! `GET /v1/concerts`

use axum::extract::State;
use edge::{Query, problem::ProblemBody};
use read_model::ProjectionId;

use crate::{
    answer::Answer,
    error::Error,
    freshness::AtLeast,
    lists::{List, PageParams},
    routes::get_concert::ConcertView,
    state::AppState,
};

/// Lists concerts, newest first.
#[utoipa::path(
    get,
    path = "/v1/concerts",
    tag = "catalogue",
    params(
        PageParams,
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "Concerts, newest first", body = List<ConcertView>, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_concerts(
    State(state): State<AppState>,
    Query(params): Query<PageParams>,
    at_least: AtLeast,
) -> Result<Answer<List<ConcertView>>, Error> {
    let page = params.page()?;
    let query = || state.deps.read_model.concerts(&page);
    let at = state
        .freshness
        .read(at_least, &[ProjectionId::Catalogue], query)
        .await?;
    Ok(Answer(at.map(|page| List::of(page, ConcertView::from))))
}
