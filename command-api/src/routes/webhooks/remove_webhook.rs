//! `DELETE /v1/webhooks/{id}`

use axum::{extract::State, http::StatusCode};
use edge::{
    Path, Problem,
    auth::{Principal, Role},
};
use uuid::Uuid;

use crate::{
    AppState,
    error::{key_store_failed, ledger_failed},
    notifications::webhook,
    routes::Refusals,
};

/// Have a URL called no more. What was on its way to it is given up, and its secret destroyed.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "Notifications", security(("bearer" = [])), params(("id" = Uuid, Path)),
    responses((status = 204, description = "It is gone."), Refusals)
)]
pub(crate) async fn remove_webhook(
    State(state): State<AppState>,
    principal: Principal,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    principal.require(Role::Organizer)?;
    let ledger = state.notifications.feed.ledger();
    let removed = ledger.remove_webhook(principal.id, id).await;
    if !removed.map_err(|error| ledger_failed(&error))? {
        return Err(Problem::not_found("webhook"));
    }
    let keys = &state.identity.keys;
    let destroyed = keys.destroy_secret(&webhook::secret_name(id)).await;
    destroyed.map_err(|error| key_store_failed(&error))?;
    Ok(StatusCode::NO_CONTENT)
}
