//! `GET /v1/ops/sagas`

use axum::{extract::State, response::Response};
use edge::{
    Json, Query,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use read_model::{MAX_LIMIT, Page, SagaFilter, SagaStand, tables};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    error::Error,
    sagas::{STUCK_AFTER, SagasView, sagas},
    state::AppState,
};

/// Which sagas, and which page of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Sagas in this state alone; `stuck`: running, compensating or refunding for a minute or longer.
    #[param(inline)]
    state: Option<Stand>,
    /// Sagas of this show alone: how far its refunds are, after it was called off.
    show_id: Option<Uuid>,
    /// 1 to 100; 50 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Where a saga stands.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stand {
    Running,
    Completed,
    Compensating,
    Failed,
    Refunding,
    Refunded,
    Stuck,
}

/// Shows how far the sagas of payments are: how many are in each state, and a page of them with their age.
#[utoipa::path(
    get,
    path = "/v1/ops/sagas",
    tag = "operations",
    security(("bearer" = [])),
    params(Params),
    responses(
        (status = 200, description = "Sagas, oldest payment first", body = SagasView, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_sagas(
    State(state): State<AppState>,
    principal: Principal,
    Query(params): Query<Params>,
) -> Result<Response, Error> {
    principal.require(Role::Admin)?;
    if params
        .limit
        .is_some_and(|limit| !(1..=MAX_LIMIT).contains(&limit))
    {
        return Err(Error::InvalidParameter {
            name: "limit",
            detail: format!("1 to {MAX_LIMIT}"),
        });
    }
    let now = state.deps.clock.now();
    let in_state = SagaStand::In;
    let filter = SagaFilter {
        show_id: params.show_id.map(Into::into),
        stand: match params.state {
            None => SagaStand::Any,
            Some(Stand::Running) => in_state(tables::SagaState::Running),
            Some(Stand::Completed) => in_state(tables::SagaState::Completed),
            Some(Stand::Compensating) => in_state(tables::SagaState::Compensating),
            Some(Stand::Failed) => in_state(tables::SagaState::Failed),
            Some(Stand::Refunding) => in_state(tables::SagaState::Refunding),
            Some(Stand::Refunded) => in_state(tables::SagaState::Refunded),
            Some(Stand::Stuck) => SagaStand::StuckSince(now - STUCK_AFTER),
        },
    };
    let page = Page::new(params.limit, params.cursor);
    let view = sagas(state.deps.read_model.as_ref(), &filter, &page, now).await?;
    Ok(super::at(view.position, Json(view)))
}
