//! `GET /v1/drops/{id}/entries/{entry_id}`

use axum::extract::State;
use domain::ids::{DropEntryId, DropId};
use edge::{
    Path,
    auth::{Principal, Role},
    problem::ProblemBody,
};

use super::{EntryView, own_entry};
use crate::{answer::Answer, error::Error, freshness::AtLeast, state::AppState};

/// Shows an entry of a drop, and what was drawn for it, to its owner.
#[utoipa::path(
    get,
    path = "/v1/drops/{id}/entries/{entry_id}",
    tag = "drops",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The drop"),
        ("entry_id" = Uuid, Path, description = "The entry"),
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "The entry", body = EntryView, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or another's", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_entry(
    State(state): State<AppState>,
    principal: Principal,
    Path((drop, entry)): Path<(DropId, DropEntryId)>,
    at_least: AtLeast,
) -> Result<Answer<EntryView>, Error> {
    principal.require(Role::Customer)?;
    let own = own_entry(&state, at_least, drop, entry, principal.id).await?;
    Ok(Answer(own))
}
