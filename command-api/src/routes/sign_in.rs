//! `POST /v1/sessions`

use axum::{
    Extension,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use edge::{Json, Problem, security::Note};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AppState, codes,
    credentials::NewSession,
    error::{credentials_failed, log_failed, passwords_failed, problem},
    identity::{EMAIL_CLAIM, refresh_token::RefreshToken},
    passwords::MAX_PASSWORD_BYTES,
    routes::Refusals,
};

/// Who wants in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    #[schema(example = "anna@example.org")]
    email: String,
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Tokens of a session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// A JWT, for `Authorization: Bearer`.
    pub(crate) access_token: String,
    /// For how many seconds the access token is good.
    pub(crate) expires_in: u64,
    /// Good once: each use answers with the next. Used again, it ends the session.
    pub(crate) refresh_token: String,
}

/// Sign in.
///
/// An unknown address and a wrong password are answered alike, after the same work.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "Customers",
    request_body = SignIn, responses((status = 201, body = Tokens), Refusals)
)]
pub(crate) async fn sign_in(
    State(state): State<AppState>,
    Json(body): Json<SignIn>,
) -> Result<Response, Problem> {
    let digest = state.identity.emails.digest(&body.email);
    let holder = state
        .log
        .claim(EMAIL_CLAIM, &digest)
        .await
        .map_err(|error| log_failed(&error))?;
    let customer = holder.and_then(|stream| stream.aggregate_id.parse::<Uuid>().ok());
    // Who is not known is named by the digest: the address itself is in no log.
    let subject = customer.map_or(digest, |customer| customer.to_string());
    if let Some(tokens) = open_session(&state, customer, body).await? {
        let note = Extension(Note::new("signed_in", subject));
        return Ok((StatusCode::CREATED, note, Json(tokens)).into_response());
    }
    let problem = problem(
        codes::INVALID_CREDENTIALS,
        "no account has this e-mail address and password",
    );
    let note = Extension(Note::new("sign_in_failed", subject));
    Ok((note, problem).into_response())
}

/// Tokens of a new session; `None` for a wrong password, or for nobody.
async fn open_session(
    state: &AppState,
    customer: Option<Uuid>,
    body: SignIn,
) -> Result<Option<Tokens>, Problem> {
    let identity = &state.identity;
    // Nobody is asked for, too: the answer takes as long for an unknown address.
    let stored = identity
        .credentials
        .password(customer.unwrap_or_default())
        .await;
    let phc = stored.map_err(|error| credentials_failed(&error))?;
    let too_long = secrecy::ExposeSecret::expose_secret(&body.password).len() > MAX_PASSWORD_BYTES;
    let password = if too_long {
        SecretString::default()
    } else {
        body.password
    };
    let verified = identity.passwords.verify(password, phc).await;
    let verified = verified.map_err(|error| passwords_failed(&error))?;
    let (true, Some(customer)) = (verified && !too_long, customer) else {
        return Ok(None);
    };

    let token = RefreshToken::generate().ok_or_else(|| Problem::internal(&NoRandomness))?;
    let now = state.clock.now();
    let session = NewSession {
        session: Uuid::now_v7(),
        customer,
        family: token.family_digest(),
        token: token.digest(),
        opened_at: now,
        expires_at: now + identity.settings.refresh_token,
    };
    let opened = identity.credentials.open_session(session).await;
    opened.map_err(|error| credentials_failed(&error))?;
    Ok(Some(identity.tokens(
        customer,
        session.session,
        &token,
        now,
    )))
}

#[derive(Debug, thiserror::Error)]
#[error("no refresh token could be made: the source of randomness failed")]
pub(super) struct NoRandomness;
