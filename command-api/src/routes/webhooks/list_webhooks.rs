//! `GET /v1/webhooks`

use axum::extract::State;
use chrono::{DateTime, Utc};
use edge::{
    Json, Problem,
    auth::{Principal, Role},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AppState,
    error::ledger_failed,
    notifications::Webhook,
    routes::{Refusals, notifications::Page},
};

/// A webhook, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookBody {
    webhook_id: Uuid,
    url: String,
    events: Vec<String>,
    created_at: DateTime<Utc>,
    /// Since when it is not called any more; `null` while it is.
    disabled_at: Option<DateTime<Utc>>,
    /// Why not.
    disabled_reason: Option<String>,
}

impl From<Webhook> for WebhookBody {
    fn from(webhook: Webhook) -> Self {
        Self {
            webhook_id: webhook.id,
            url: webhook.url,
            events: webhook.kinds,
            created_at: webhook.created_at,
            disabled_at: webhook.disabled.as_ref().map(|disabled| disabled.at),
            disabled_reason: webhook.disabled.map(|disabled| disabled.reason),
        }
    }
}

/// List the caller's webhooks, the oldest first: all of them are one page.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "Notifications", security(("bearer" = [])),
    responses((status = 200, body = Page<WebhookBody>), Refusals)
)]
pub(crate) async fn list_webhooks(
    State(state): State<AppState>,
    principal: Principal,
) -> Result<Json<Page<WebhookBody>>, Problem> {
    principal.require(Role::Organizer)?;
    let ledger = state.notifications.feed.ledger();
    let webhooks = ledger.webhooks_of(principal.id).await;
    let webhooks = webhooks.map_err(|error| ledger_failed(&error))?;
    Ok(Json(Page {
        items: webhooks.into_iter().map(WebhookBody::from).collect(),
        next_cursor: None,
    }))
}
