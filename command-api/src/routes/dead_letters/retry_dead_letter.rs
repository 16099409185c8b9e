//! `POST /v1/ops/dead-letters/{id}/retry`

use std::collections::BTreeMap;

use axum::{extract::State, http::StatusCode};
use domain::operation::acts;
use edge::{
    Json, Path, Problem,
    auth::{Principal, Role},
};
use event_store::Position;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AppState, codes,
    error::{ledger_failed, problem, refused},
    notifications::Channel,
    operations::{self, Act},
    routes::Refusals,
};

/// Why it is worth another try.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retry {
    /// At most 1,000 bytes.
    reason: String,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Retried {
    /// `pending`.
    status: &'static str,
    #[schema(value_type = u64)]
    position: Position,
}

/// Try a delivery again that was given up, as if for the first time. The act is recorded with its reason.
#[utoipa::path(
    post, path = "/v1/ops/dead-letters/{id}/retry", tag = "Operations", security(("bearer" = [])), params(("id" = Uuid, Path)),
    request_body = Retry, responses((status = 202, body = Retried), Refusals)
)]
pub(crate) async fn retry_dead_letter(
    State(state): State<AppState>,
    principal: Principal,
    Path(id): Path<Uuid>,
    Json(Retry { reason }): Json<Retry>,
) -> Result<(StatusCode, Json<Retried>), Problem> {
    principal.require(Role::Admin)?;
    let ledger = state.notifications.feed.ledger();
    let unknown = || Problem::not_found("dead letter");
    let dead = ledger.dead_one(id).await;
    let dead = dead.map_err(|error| ledger_failed(&error))?;
    let dead = dead.ok_or_else(unknown)?;
    if dead.channel == Channel::Webhook {
        let webhook = ledger.webhook(dead.recipient).await;
        let webhook = webhook.map_err(|error| ledger_failed(&error))?;
        let webhook = webhook.ok_or_else(|| Problem::not_found("webhook of the dead letter"))?;
        if webhook.disabled.is_some() {
            let detail = "the webhook is disabled: its organizer can make another";
            return Err(problem(codes::WEBHOOK_DISABLED, detail));
        }
    }
    let act = Act {
        act: acts::NOTIFICATION_RETRY,
        subject: id.to_string(),
        arguments: BTreeMap::from([("channel".to_owned(), dead.channel.name().to_owned())]),
        actor: principal.id.to_string(),
        reason,
    };
    let recorded = operations::record(&state.executors.operations, act).await;
    let position = recorded.map_err(|error| refused(&error, state.clock.now()))?;
    let revived = ledger.revive(id, state.clock.now()).await;
    if !revived.map_err(|error| ledger_failed(&error))? {
        return Err(unknown());
    }
    let retried = Retried {
        status: "pending",
        position,
    };
    Ok((StatusCode::ACCEPTED, Json(retried)))
}
