//! `GET /v1/shows`

use axum::extract::State;
use chrono::{DateTime, Utc};
use edge::{Query, problem::ProblemBody};
use read_model::ShowFilter;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    answer::Answer,
    error::Error,
    freshness::AtLeast,
    lists::{self, List},
    routes::get_show::{PROJECTIONS, ShowView},
    state::AppState,
};

/// Which shows, and which page of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Shows of this concert alone.
    concert_id: Option<Uuid>,
    /// Shows that start at or after this instant.
    from: Option<DateTime<Utc>>,
    /// Shows that start before this instant.
    to: Option<DateTime<Utc>>,
    /// 1 to 100; 50 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists shows, by start.
#[utoipa::path(
    get,
    path = "/v1/shows",
    tag = "catalogue",
    params(
        Params,
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "Shows, by start", body = List<ShowView>, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_shows(
    State(state): State<AppState>,
    Query(params): Query<Params>,
    at_least: AtLeast,
) -> Result<Answer<List<ShowView>>, Error> {
    let page = lists::page(params.limit, params.cursor)?;
    let filter = ShowFilter {
        concert_id: params.concert_id.map(Into::into),
        from: params.from,
        to: params.to,
    };
    let query = || state.deps.read_model.shows(&filter, &page);
    let at = state.freshness.read(at_least, &PROJECTIONS, query).await?;
    let now = state.deps.clock.now();
    Ok(Answer(
        at.map(|page| List::of(page, |row| ShowView::at(now, row))),
    ))
}
