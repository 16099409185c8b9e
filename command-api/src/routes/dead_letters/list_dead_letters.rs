//! `GET /v1/ops/dead-letters`

use axum::extract::State;
use chrono::{DateTime, Utc};
use edge::{
    Json, Problem, Query,
    auth::{Principal, Role},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AppState,
    error::ledger_failed,
    notifications::{Channel, Delivery},
    routes::{
        Refusals,
        notifications::{Page, PageParams},
    },
};

/// A notification that could not be delivered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetter {
    notification_id: Uuid,
    channel: Channel,
    /// The customer, or the webhook.
    recipient: Uuid,
    /// What it tells.
    #[serde(rename = "type")]
    kind: String,
    /// When that happened.
    occurred_at: DateTime<Utc>,
    /// Where in the log.
    position: u64,
    /// Tries, the last one included.
    attempts: u32,
    /// When it was given up.
    died_at: DateTime<Utc>,
    /// Why.
    reason: Option<String>,
}

impl From<Delivery> for DeadLetter {
    fn from(one: Delivery) -> Self {
        Self {
            notification_id: one.id,
            channel: one.channel,
            recipient: one.recipient,
            kind: one.kind,
            occurred_at: one.occurred_at,
            position: one.place.position,
            attempts: one.attempts,
            died_at: one.next_at,
            reason: one.reason,
        }
    }
}

/// List what could not be delivered, by what happened last.
#[utoipa::path(
    get, path = "/v1/ops/dead-letters", tag = "Operations", security(("bearer" = [])), params(PageParams),
    responses((status = 200, body = Page<DeadLetter>), Refusals)
)]
pub(crate) async fn list_dead_letters(
    State(state): State<AppState>,
    principal: Principal,
    Query(params): Query<PageParams>,
) -> Result<Json<Page<DeadLetter>>, Problem> {
    principal.require(Role::Admin)?;
    let limit = params.limit()?;
    let before = params.cursor(|text| {
        let (position, id) = text.split_once('.')?;
        Some((position.parse().ok()?, id.parse().ok()?))
    })?;
    let dead = state.notifications.feed.ledger().dead(before, limit).await;
    let dead = dead.map_err(|error| ledger_failed(&error))?;
    let last = dead.last().filter(|_| dead.len() == limit);
    Ok(Json(Page {
        next_cursor: last.map(|one| format!("{}.{}", one.place.position, one.id)),
        items: dead.into_iter().map(DeadLetter::from).collect(),
    }))
}
