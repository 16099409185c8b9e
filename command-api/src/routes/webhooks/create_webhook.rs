//! `POST /v1/webhooks`

use axum::{extract::State, http::StatusCode};
use edge::{
    Json, Problem,
    auth::{Principal, Role},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AppState, codes,
    error::{key_store_failed, ledger_failed, log_failed, problem},
    notifications::{KINDS, Kind, MAX_WEBHOOKS, Webhook, webhook},
    routes::Refusals,
};

/// Who is to be called, of what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWebhook {
    /// An `https` URL that leads into the internet; at most 1,024 bytes.
    #[schema(example = "https://example.org/frontrow")]
    url: String,
    /// What of, at least one; not `waiting_room.admitted` and `drop.result`, of which customers alone are told.
    events: Vec<Kind>,
}

/// The new webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedWebhook {
    webhook_id: Uuid,
    /// By it, calls are signed. It is not shown again.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    secret: String,
    url: String,
    events: Vec<Kind>,
}

/// Have a URL called of what happens from now on.
///
/// Calls follow Standard Webhooks; `docs/notifications.md` says how to check their signatures.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "Notifications", security(("bearer" = [])),
    request_body = NewWebhook, responses((status = 201, body = CreatedWebhook), Refusals)
)]
pub(crate) async fn create_webhook(
    State(state): State<AppState>,
    principal: Principal,
    Json(wanted): Json<NewWebhook>,
) -> Result<(StatusCode, Json<CreatedWebhook>), Problem> {
    principal.require(Role::Organizer)?;
    let invalid = |at: &str, detail: String| {
        problem(codes::INVALID_FIELD, format!("{at}: {detail}")).with("at", at)
    };
    let url = state.notifications.reach.check(&wanted.url);
    let url = url.map_err(|error| invalid("url", error.to_string()))?;
    if wanted.events.is_empty() || wanted.events.len() > KINDS.len() {
        return Err(invalid("events", format!("1 to {} types", KINDS.len())));
    }
    if let Some(kind) = wanted.events.iter().find(|kind| !kind.is_for_organizers()) {
        let detail = format!("customers alone are told of {kind}");
        return Err(invalid("events", detail));
    }
    let mut events = wanted.events;
    events.sort_unstable();
    events.dedup();
    let head = state.log.head().await.map_err(|error| log_failed(&error))?;
    let new = Webhook {
        id: Uuid::now_v7(),
        organizer: principal.id,
        url: url.into(),
        kinds: events.iter().map(|kind| kind.name().to_owned()).collect(),
        since: head.position.0,
        created_at: state.clock.now(),
        disabled: None,
    };
    // The secret first: nobody is called without one. What a crash leaves of it signs nothing.
    let (keys, name) = (&state.identity.keys, webhook::secret_name(new.id));
    let secret = keys.create_secret(&name).await;
    let secret = secret.map_err(|error| key_store_failed(&error))?;
    let ledger = state.notifications.feed.ledger();
    let added = ledger.add_webhook(&new, MAX_WEBHOOKS).await;
    if !added.map_err(|error| ledger_failed(&error))? {
        if let Err(error) = keys.destroy_secret(&name).await {
            tracing::warn!(%error, "the secret of a webhook that was refused is left behind");
        }
        let detail = format!("an organizer has {MAX_WEBHOOKS} webhooks at most");
        return Err(problem(codes::TOO_MANY_WEBHOOKS, detail));
    }
    let created = CreatedWebhook {
        webhook_id: new.id,
        secret: webhook::secret_text(&secret),
        url: new.url,
        events,
    };
    Ok((StatusCode::CREATED, Json(created)))
}
