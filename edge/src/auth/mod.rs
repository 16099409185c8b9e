//! Who is asking: bearer tokens, the roles in them, and what is answered where they don't suffice.
//!
//! Tokens are JWTs signed with Ed25519. The [`Signer`] lives where tokens are issued; the [`Verifier`] holds public keys only, by
//! `kid`. A handler names [`Principal`] (or [`Authenticated`]) among its arguments and asks it for a role:
//!
//! ```
//! use edge::{
//!     Problem,
//!     auth::{Principal, Role},
//! };
//!
//! async fn cancel_show(principal: Principal) -> Result<(), Problem> {
//!     principal.require(Role::Organizer)?;
//!     Ok(())
//! }
//! ```

mod cache;
mod document;
mod pem;
mod public_key;
mod signer;
mod verifier;

use std::{fmt, mem, str::FromStr, sync::Arc};

use axum::{
    extract::{FromRef, FromRequestParts, Request},
    http::{Extensions, HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::{
    public_key::PublicKey,
    signer::{KeyError, SIGNING_KEY_FILE, Signer},
    verifier::{Now, Verifier},
};
use crate::problem::Problem;

/// Most bytes of a token: ours have about 400.
pub const MAX_TOKEN_BYTES: usize = 4 * 1024;

/// The `iss` of every token.
pub const ISSUER: &str = "frontrow";
/// The `aud` of every token.
pub const AUDIENCE: &str = "frontrow";

/// What a token allows. Roles do not contain each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Holds, pays, charges points.
    Customer,
    /// Runs venues, concerts and shows.
    Organizer,
    /// Reads the log.
    Auditor,
    /// Operates the system.
    Admin,
}

impl Role {
    /// The name as it stands in tokens.
    pub fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Organizer => "organizer",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Customer, Self::Organizer, Self::Auditor, Self::Admin]
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// A role that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role {0:?}: customer, organizer, auditor, admin")]
pub struct UnknownRole(String);

/// Who is asking. As an argument of a handler it demands a valid token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Principal {
    /// The customer's, organizer's, auditor's or administrator's id.
    pub id: Uuid,
    /// What the token allows.
    pub role: Role,
}

impl Principal {
    /// Demands a role.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub fn require(&self, role: Role) -> Result<(), Refusal> {
        if self.role == role {
            Ok(())
        } else {
            Err(Refusal::Forbidden { needed: role })
        }
    }
}

/// Who is asking, and from which session: as an argument of a handler it demands a valid token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authenticated {
    /// Who.
    pub principal: Principal,
    /// The session that issued the token; `None` for one made on the command line.
    pub session: Option<Uuid>,
}

/// Why a request is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no bearer token.
    #[error("the request carries no bearer token")]
    Unauthenticated,
    /// The token's time is over.
    #[error("the token has expired")]
    TokenExpired,
    /// The token is not one of ours.
    #[error("the token is invalid")]
    InvalidToken,
    /// The token is valid, but not for this.
    #[error("this needs the role {needed}")]
    Forbidden {
        /// The role that would do.
        needed: Role,
    },
}

impl Refusal {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::TokenExpired => "token_expired",
            Self::InvalidToken => "invalid_token",
            Self::Forbidden { .. } => "forbidden",
        }
    }

    /// The status: 401 where another token would help, 403 where it has the wrong role.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Unauthenticated | Self::TokenExpired | Self::InvalidToken => {
                StatusCode::UNAUTHORIZED
            }
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
        }
    }

    /// What RFC 6750 wants to be told beside the status. Without a token no error is named.
    fn challenge(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Unauthenticated => r#"Bearer realm="frontrow""#,
            Self::TokenExpired => {
                r#"Bearer realm="frontrow", error="invalid_token", error_description="the token has expired""#
            }
            Self::InvalidToken => r#"Bearer realm="frontrow", error="invalid_token""#,
            Self::Forbidden { .. } => r#"Bearer realm="frontrow", error="insufficient_scope""#,
        })
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.status(), refusal.code(), refusal.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Problem::from(self).into_response();
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, self.challenge());
        response
    }
}

impl<S> FromRequestParts<S> for Authenticated
where
    S: Send + Sync,
    Arc<Verifier>: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let verifier = Arc::<Verifier>::from_ref(state);
        authenticated(&verifier, &parts.headers, &mut parts.extensions)
    }
}

impl<S> FromRequestParts<S> for Principal
where
    S: Send + Sync,
    Arc<Verifier>: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        Ok(Authenticated::from_request_parts(parts, state)
            .await?
            .principal)
    }
}

/// Who sends a request; for layers, which have it whole.
pub(crate) fn authenticate(
    verifier: &Verifier,
    request: &mut Request,
) -> Result<Authenticated, Refusal> {
    let mut extensions = mem::take(request.extensions_mut());
    let result = authenticated(verifier, request.headers(), &mut extensions);
    *request.extensions_mut() = extensions;
    result
}

/// Verifies a request's token once: the layers before the handler may have looked already.
fn authenticated(
    verifier: &Verifier,
    headers: &HeaderMap,
    extensions: &mut Extensions,
) -> Result<Authenticated, Refusal> {
    if let Some(Looked(result)) = extensions.get() {
        return *result;
    }
    let result = bearer(headers).and_then(|token| verifier.verify(token));
    extensions.insert(Looked(result));
    result
}

/// What came of looking at a request's token (an extension of the request).
#[derive(Debug, Clone, Copy)]
struct Looked(Result<Authenticated, Refusal>);

/// The token of an `Authorization: Bearer` header.
fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).into_iter();
    let value = values.next().ok_or(Refusal::Unauthenticated)?;
    if values.next().is_some() {
        return Err(Refusal::InvalidToken);
    }
    let value = value.to_str().map_err(|_| Refusal::InvalidToken)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::Unauthenticated);
    }
    match token.trim() {
        "" => Err(Refusal::Unauthenticated),
        token if token.len() > MAX_TOKEN_BYTES => Err(Refusal::InvalidToken),
        token => Ok(token),
    }
}

/// What a token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    role: Role,
    /// Seconds since 1970.
    iat: i64,
    /// Seconds since 1970: the first at which the token is void.
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
}

#[cfg(test)]
mod tests;
