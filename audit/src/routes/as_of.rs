//! `GET /v1/audit/as-of/{model}/{id}`, `GET /v1/audit/as-of/catalogue`

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use edge::{
    Json, Path, Query,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{at, moment};
use crate::{
    as_of::{Model, Rows, rows},
    error::Error,
    state::AppState,
};

/// When; the present unless given.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// At this instant.
    as_of: Option<DateTime<Utc>>,
    /// Right behind the event at this position.
    as_of_position: Option<u64>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RowModel {
    Concert,
    Show,
    SeatMap,
    Reservation,
    Payment,
    Points,
    Saga,
    Drop,
}

impl RowModel {
    fn of(self, id: Uuid) -> Model {
        match self {
            Self::Concert => Model::Concert(id),
            Self::Show => Model::Show(id),
            Self::SeatMap => Model::SeatMap(id),
            Self::Reservation => Model::Reservation(id),
            Self::Payment => Model::Payment(id),
            Self::Points => Model::Points(id),
            Self::Saga => Model::Saga(id),
            Self::Drop => Model::Drop(id),
        }
    }
}

/// Shows a row of the read model as it was, folded from the log itself.
#[utoipa::path(
    get,
    path = "/v1/audit/as-of/{model}/{id}",
    tag = "audit",
    security(("bearer" = [])),
    params(
        ("model" = RowModel, Path, description = "The read model"),
        ("id" = Uuid, Path, description = "Which one: of points, the customer; of a saga, the payment"),
        Params,
    ),
    responses(
        (status = 200, description = "The row, and those that belong to it", body = Rows, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 404, description = "Unknown, or not there yet at that moment", body = ProblemBody, content_type = "application/problem+json"),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn row_as_of(
    State(state): State<AppState>,
    principal: Principal,
    Path((model, id)): Path<(RowModel, Uuid)>,
    Query(params): Query<Params>,
) -> Result<Response, Error> {
    principal.require(Role::Auditor)?;
    let log = state.deps.log.as_ref();
    let moment = moment(log, params.as_of, params.as_of_position).await?;
    let rows = rows(log, model.of(id), moment).await?;
    if rows.items.is_empty() {
        return Err(Error::NotFound("row"));
    }
    Ok(at(rows.position, Json(rows)))
}

/// Shows all concerts and shows as they were, folded from the log itself.
#[utoipa::path(
    get,
    path = "/v1/audit/as-of/catalogue",
    tag = "audit",
    security(("bearer" = [])),
    params(Params),
    responses(
        (status = 200, description = "Concerts and shows", body = Rows, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn catalogue_as_of(
    State(state): State<AppState>,
    principal: Principal,
    Query(params): Query<Params>,
) -> Result<Response, Error> {
    principal.require(Role::Auditor)?;
    let log = state.deps.log.as_ref();
    let moment = moment(log, params.as_of, params.as_of_position).await?;
    let rows = rows(log, Model::Catalogue, moment).await?;
    Ok(at(rows.position, Json(rows)))
}
