//! `POST /v1/sessions/refresh`

use axum::{
    Extension,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use edge::{Json, Problem, security::Note};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    AppState, codes,
    credentials::{Rotated, Rotation},
    error::{credentials_failed, problem},
    identity::refresh_token::RefreshToken,
    routes::{
        Refusals,
        sign_in::{NoRandomness, Tokens},
    },
};

/// A refresh token, to be exchanged for the next.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    #[schema(value_type = String)]
    refresh_token: SecretString,
}

/// Exchange a refresh token for a new pair of tokens.
///
/// A refresh token is good once. Shown again, it, or the one that took its place, is in the wrong hands: the session ends for all.
#[utoipa::path(
    post, path = "/v1/sessions/refresh", tag = "Customers",
    request_body = Refresh, responses((status = 201, body = Tokens), Refusals)
)]
pub(crate) async fn refresh_session(
    State(state): State<AppState>,
    Json(body): Json<Refresh>,
) -> Result<Response, Problem> {
    let identity = &state.identity;
    let refused = || {
        problem(
            codes::INVALID_REFRESH_TOKEN,
            "the refresh token is unknown, used or expired: sign in again",
        )
    };
    let shown = RefreshToken::parse(body.refresh_token.expose_secret()).ok_or_else(refused)?;
    let next = shown
        .next()
        .ok_or_else(|| Problem::internal(&NoRandomness))?;
    let now = state.clock.now();
    let rotation = Rotation {
        family: shown.family_digest(),
        shown: shown.digest(),
        next: next.digest(),
        now,
        expires_at: now + identity.settings.refresh_token,
    };
    let rotated = identity.credentials.rotate(rotation).await;
    match rotated.map_err(|error| credentials_failed(&error))? {
        Rotated::Next { session, customer } => Ok((
            StatusCode::CREATED,
            Json(identity.tokens(customer, session, &next, now)),
        )
            .into_response()),
        Rotated::Reused { session, customer } => {
            tracing::warn!(session.id = %session, "a used refresh token was shown again; the session was ended");
            let note = Extension(Note::new("refresh_token_reused", customer));
            Ok((note, refused()).into_response())
        }
        Rotated::Unknown => Err(refused()),
    }
}
