//! `GET /v1/ops/projections`

use axum::extract::State;
use edge::{
    Json,
    auth::{Principal, Role},
    problem::ProblemBody,
};

use crate::{
    error::Error,
    projections::{ProjectionsView, projections},
    state::AppState,
};

/// Shows how far each projection is, and what it has parked.
#[utoipa::path(
    get,
    path = "/v1/ops/projections",
    tag = "operations",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "All versions of all projections", body = ProjectionsView),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_projections(
    State(state): State<AppState>,
    principal: Principal,
) -> Result<Json<ProjectionsView>, Error> {
    principal.require(Role::Admin)?;
    let deps = &state.deps;
    let (log, model) = (deps.log.as_ref(), deps.read_model.as_ref());
    let view = projections(log, model, deps.bus.as_ref(), &deps.clock).await?;
    Ok(Json(view))
}
