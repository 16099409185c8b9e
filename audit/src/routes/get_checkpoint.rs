//! `GET /v1/audit/checkpoint` and `GET /v1/audit/key`

use axum::{
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use edge::problem::ProblemBody;

use crate::{error::Error, seals::proof, state::AppState};

const TEXT: &str = "text/plain; charset=utf-8";

/// Shows the newest signed head, as a checkpoint in a signed note (c2sp.org/tlog-checkpoint). For anyone: keep it, and ask for a
/// consistency proof later.
#[utoipa::path(
    get,
    path = "/v1/audit/checkpoint",
    tag = "audit",
    responses(
        (status = 200, description = "The note", body = String, content_type = "text/plain"),
        (status = 404, description = "This installation signs no heads", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing is sealed yet, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_checkpoint(State(state): State<AppState>) -> Result<Response, Error> {
    let head = state.sealing()?.seals.newest().await?;
    let head = head.ok_or(proof::Error::NotSealed {
        position: 1,
        sealed: 0,
    })?;
    Ok(([(CONTENT_TYPE, TEXT)], head.note).into_response())
}

/// Shows the key that the heads are signed with, as signed notes write verification keys (`NAME+ID+KEY`). For anyone; who relies on it
/// gets it from elsewhere, too.
#[utoipa::path(
    get,
    path = "/v1/audit/key",
    tag = "audit",
    responses(
        (status = 200, description = "The key, on a line", body = String, content_type = "text/plain"),
        (status = 404, description = "This installation signs no heads", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_verification_key(State(state): State<AppState>) -> Result<Response, Error> {
    let key = format!("{}\n", state.sealing()?.verification);
    Ok(([(CONTENT_TYPE, TEXT)], key).into_response())
}
