//! The route table.

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

/// Every call of the command API.
pub fn router(state: AppState) -> Router {
    table().with_state(state).split_for_parts().0
}

/// The description of every call.
pub fn openapi() -> OpenApi {
    table().split_for_parts().1
}

fn table() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
}
