//! `DELETE /v1/sessions/current`

use axum::{extract::State, http::StatusCode};
use edge::{Problem, auth::Authenticated};

use crate::{AppState, error::credentials_failed, routes::Refusals};

/// Sign out.
///
/// Ends the session that the access token belongs to: its refresh token is void at once, the access token itself when its time is
/// over. A token that belongs to no session is 404.
#[utoipa::path(
    delete, path = "/v1/sessions/current", tag = "Customers", security(("bearer" = [])),
    responses((status = 204, description = "The session has ended."), Refusals)
)]
pub(crate) async fn sign_out(
    State(state): State<AppState>,
    Authenticated { session, .. }: Authenticated,
) -> Result<StatusCode, Problem> {
    let session = session.ok_or_else(|| Problem::not_found("session"))?;
    let ended = state.identity.credentials.end_session(session).await;
    ended.map_err(|error| credentials_failed(&error))?;
    Ok(StatusCode::NO_CONTENT)
}
