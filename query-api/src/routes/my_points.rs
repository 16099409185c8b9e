//! `GET /v1/me/points`

use axum::extract::State;
use edge::{
    auth::{Principal, Role},
    problem::ProblemBody,
};
use read_model::ProjectionId;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{answer::Answer, error::Error, freshness::AtLeast, state::AppState};

/// A customer's points.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PointsView {
    customer_id: Uuid,
    /// Points; 0 where there never were any.
    balance: i64,
}

/// Shows the caller's points.
#[utoipa::path(
    get,
    path = "/v1/me/points",
    tag = "points",
    security(("bearer" = [])),
    params(
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "The balance", body = PointsView, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn my_points(
    State(state): State<AppState>,
    principal: Principal,
    at_least: AtLeast,
) -> Result<Answer<PointsView>, Error> {
    principal.require(Role::Customer)?;
    let query = || state.deps.read_model.account(principal.id.into());
    let at = state
        .freshness
        .read(at_least, &[ProjectionId::Points], query)
        .await?;
    Ok(Answer(at.map(|account| PointsView {
        customer_id: principal.id,
        balance: account.map_or(0, |account| account.balance),
    })))
}
