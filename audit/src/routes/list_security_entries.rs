//! `GET /v1/audit/security`

use axum::extract::State;
use chrono::{DateTime, Utc};
use edge::{
    Json, Query,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use event_store::security_log::{Entry, Filter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{error::Error, state::AppState};

/// Entries on a page unless told, and at most.
const LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1_000;

/// Which entries.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Behind the entry of this id.
    after: Option<u64>,
    /// 1 to 1,000; 100 unless given.
    limit: Option<u32>,
    /// `signed_in`, `sign_in_failed`, `refresh_token_reused`, `key_read` (personal data was decrypted), `key_destroyed`, or the code of a refusal: `forbidden`, `invalid_token`, ...
    kind: Option<String>,
    /// A customer's or anybody's id, or the digest of an address that has no account.
    subject: Option<String>,
}

/// Who signed in, who failed to, who was refused, whose key was used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecurityEntriesView {
    items: Vec<SecurityEntryView>,
    /// `after` of the next page; `null` where this is the last one.
    next_after: Option<u64>,
}

/// An entry of the security log. It names nobody but by id.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecurityEntryView {
    id: u64,
    at: DateTime<Utc>,
    kind: String,
    /// `null` where nobody is known.
    subject: Option<String>,
    role: Option<String>,
    /// Method and path; of a key, who used it.
    target: String,
}

impl From<Entry> for SecurityEntryView {
    fn from(Entry { id, entry }: Entry) -> Self {
        let known = |text: String| (!text.is_empty()).then_some(text);
        Self {
            id,
            at: entry.at,
            kind: entry.kind,
            subject: known(entry.subject),
            role: known(entry.role),
            target: entry.target,
        }
    }
}

/// Shows the security log, the oldest entry first. Entries are kept for 400 days.
#[utoipa::path(
    get,
    path = "/v1/audit/security",
    tag = "audit",
    security(("bearer" = [])),
    params(Params),
    responses(
        (status = 200, description = "Entries", body = SecurityEntriesView),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_security_entries(
    State(state): State<AppState>,
    principal: Principal,
    Query(params): Query<Params>,
) -> Result<Json<SecurityEntriesView>, Error> {
    principal.require(Role::Auditor)?;
    let limit = params.limit.unwrap_or(LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Error::InvalidParameter {
            name: "limit",
            detail: format!("1 to {MAX_LIMIT}"),
        });
    }
    let filter = Filter {
        after: params.after.unwrap_or_default(),
        kind: params.kind,
        subject: params.subject,
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let entries = state.deps.security.list(&filter, limit).await?;
    let next_after = (entries.len() == limit).then(|| entries.last().map(|entry| entry.id));
    Ok(Json(SecurityEntriesView {
        next_after: next_after.flatten(),
        items: entries.into_iter().map(Into::into).collect(),
    }))
}
