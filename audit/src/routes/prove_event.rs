//! `GET /v1/audit/proof`

use axum::extract::State;
use edge::{
    Json, Query,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use event_store::{Position, RecordedEvent};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    error::Error,
    seals::proof::{self, InclusionProof},
    state::AppState,
};

/// Which event.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Its position in the log.
    position: u64,
}

/// Proves that an event is in the log, under the newest signed head. Auditors ask for any event, customers for their own.
#[utoipa::path(
    get,
    path = "/v1/audit/proof",
    tag = "audit",
    security(("bearer" = [])),
    params(Params),
    responses(
        (status = 200, description = "The event, and what proves it", body = InclusionProof),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such event, or another's; or this installation signs no heads", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Not sealed yet, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn prove_event(
    State(state): State<AppState>,
    principal: Principal,
    Query(Params { position }): Query<Params>,
) -> Result<Json<InclusionProof>, Error> {
    if principal.role != Role::Customer {
        principal.require(Role::Auditor)?;
    }
    let before = position.checked_sub(1).ok_or(Error::InvalidParameter {
        name: "position",
        detail: "positions begin at 1".to_owned(),
    })?;
    let sealing = state.sealing()?;
    let events = state.deps.log.read_all(Position(before), 1).await?;
    let event = events.into_iter().next();
    let event = event.filter(|event| event.position.0 == position);
    let event = event.filter(|event| principal.role != Role::Customer || is_of(event, &principal));
    let event = event.ok_or(proof::Error::NoEvent(position))?;
    let proof = proof::prove_event(&*sealing.seals, &sealing.verification, &event).await?;
    Ok(Json(proof))
}

/// Whether an event is about the customer: of an own stream, or one that names the customer.
pub(super) fn is_of(event: &RecordedEvent, customer: &Principal) -> bool {
    let id = customer.id.to_string();
    let own = ["customer", "point_account"].contains(&&*event.stream.aggregate_type);
    if own && *event.stream.aggregate_id == *id {
        return true;
    }
    // An event is one variant, by name, whose fields name the customer; a list of several customers is nobody's own.
    let payload: Value = serde_json::from_str(&event.payload).unwrap_or_default();
    let fields = payload
        .as_object()
        .and_then(|variants| variants.values().next());
    let named = fields.and_then(|fields| fields.get("customer_id"));
    named.and_then(Value::as_str) == Some(&*id)
}
