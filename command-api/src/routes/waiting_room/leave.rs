//! `DELETE /v1/waiting-room/{show_id}/entries/{id}`

use axum::{extract::State, http::StatusCode};
use domain::ids::{EntryId, ShowId};
use edge::{
    Path, Problem,
    auth::{Principal, Role},
};

use super::failed;
use crate::{
    AppState,
    routes::Refusals,
    waiting_room::{Error as StoreError, rooms::Error},
};

/// Leave a waiting room: the place is the next one's.
#[utoipa::path(
    delete, path = "/v1/waiting-room/{show_id}/entries/{id}", tag = "Waiting room", security(("bearer" = [])),
    params(("show_id" = Uuid, Path), ("id" = Uuid, Path)),
    responses((status = 204, description = "The entry is gone."), Refusals)
)]
pub(crate) async fn leave(
    State(state): State<AppState>,
    Path((show, entry)): Path<(ShowId, EntryId)>,
    principal: Principal,
) -> Result<StatusCode, Problem> {
    principal.require(Role::Customer)?;
    let own = [(principal.id.into(), entry)];
    match state.rooms.store().release(show, &own).await {
        Ok(1..) => Ok(StatusCode::NO_CONTENT),
        Ok(0) | Err(StoreError::NotOpen) => Err(Problem::not_found("entry")),
        Err(error) => Err(failed(&state)(Error::Store(error))),
    }
}
