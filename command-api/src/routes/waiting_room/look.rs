//! `GET /v1/waiting-room/{show_id}/entries/{id}`

use axum::{extract::State, http::HeaderMap};
use domain::ids::ShowId;
use edge::{
    Json, Path, Problem,
    auth::{Principal, Role},
};
use uuid::Uuid;

use super::{EntryBody, find, receipt};
use crate::{AppState, routes::Refusals};

/// How an entry stands; also the sign of life that keeps it. Ask every few seconds, or follow the stream.
#[utoipa::path(
    get, path = "/v1/waiting-room/{show_id}/entries/{id}", tag = "Waiting room", security(("bearer" = [])),
    params(
        ("show_id" = Uuid, Path), ("id" = Uuid, Path),
        ("Queue-Receipt" = Option<String>, Header, description = "The entry's receipt: with it, the place is kept even if the store of the queue loses it"),
    ),
    responses((status = 200, body = EntryBody), Refusals)
)]
pub(crate) async fn look(
    State(state): State<AppState>,
    Path((show, entry)): Path<(ShowId, Uuid)>,
    principal: Principal,
    headers: HeaderMap,
) -> Result<Json<EntryBody>, Problem> {
    principal.require(Role::Customer)?;
    let customer = principal.id.into();
    let receipt = receipt(&state, show, customer, &headers)?;
    let entry = find(&state, show, entry, customer, receipt.as_ref()).await?;
    Ok(Json(entry))
}
