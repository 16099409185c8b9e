//! The route table: one endpoint per file.

mod get_checkpoint;
mod get_receipt;
mod list_projections;
mod list_sagas;
mod list_security_entries;
mod prove_consistency;
mod prove_event;
#[cfg(test)]
mod tests;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// Every question, without layers and fallbacks.
pub fn router(state: AppState) -> Router {
    table().with_state(state).split_for_parts().0
}

/// The description of every question.
pub fn openapi() -> OpenApi {
    edge::docs::with_bearer(table().split_for_parts().1)
}

fn table() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_projections::list_projections))
        .routes(routes!(list_sagas::list_sagas))
        .routes(routes!(list_security_entries::list_security_entries))
        .routes(routes!(prove_event::prove_event))
        .routes(routes!(prove_consistency::prove_log_consistency))
        .routes(routes!(get_checkpoint::get_checkpoint))
        .routes(routes!(get_checkpoint::get_verification_key))
        .routes(routes!(get_receipt::get_receipt))
}
