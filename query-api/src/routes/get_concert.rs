//! `GET /v1/concerts/{id}`

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::ConcertId;
use edge::{Path, problem::ProblemBody};
use read_model::{ProjectionId, tables::Concert};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    answer::{Answer, found},
    error::Error,
    freshness::AtLeast,
    state::AppState,
};

/// A concert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConcertView {
    concert_id: Uuid,
    organizer_id: Uuid,
    title: String,
    artist: String,
    description: Option<String>,
    announced_at: DateTime<Utc>,
}

impl From<Concert> for ConcertView {
    fn from(row: Concert) -> Self {
        Self {
            concert_id: row.concert_id.0,
            organizer_id: row.organizer_id.0,
            title: row.title,
            artist: row.artist,
            description: row.description,
            announced_at: row.announced_at,
        }
    }
}

/// Shows one concert.
#[utoipa::path(
    get,
    path = "/v1/concerts/{id}",
    tag = "catalogue",
    params(
        ("id" = Uuid, Path, description = "The concert"),
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "The concert", body = ConcertView, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or another's", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_concert(
    State(state): State<AppState>,
    Path(id): Path<ConcertId>,
    at_least: AtLeast,
) -> Result<Answer<ConcertView>, Error> {
    let query = || state.deps.read_model.concert(id);
    let at = state
        .freshness
        .read(at_least, &[ProjectionId::Catalogue], query)
        .await?;
    Ok(Answer(found(at, "concert")?.map(ConcertView::from)))
}
