//! `POST /v1/drops/{id}/close`

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, State},
    http::StatusCode,
};
use domain::{
    drop::{Command, FairDrop},
    ids::DropId,
};
use edge::{Json, Path, Problem, json};
use event_store::Position;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::failed;
use crate::{
    AppState,
    call::{Call, OrganizerCall},
    commands::step_id,
    routes::Refusals,
};

/// How a drop is closed. No body at all is the same as `{}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Closing {
    /// The value of the beacon that the drop names, exactly as it was published. To be told once the list is closed; told together with
    /// the closing, the draw proves no more than one without a beacon.
    #[serde(default)]
    beacon_value: Option<String>,
}

impl FromRequest<AppState> for Closing {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|_| {
            let detail = "the body is too large";
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
        })?;
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        json::parse(&bytes)
    }
}

/// The closed drop.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Closed {
    #[schema(value_type = Uuid)]
    drop_id: DropId,
    /// `closed`.
    status: &'static str,
    /// Length of the list.
    entries: u32,
    /// Merkle root of the list, in hexadecimal.
    root: Option<String>,
    #[schema(value_type = u64)]
    position: Position,
}

/// Close a drop, or tell the value of its beacon: no entry is accepted any more, and the root of the list is published. The draw follows
/// by itself.
#[utoipa::path(
    post, path = "/v1/drops/{id}/close", tag = "Drops", security(("bearer" = [])),
    params(("id" = Uuid, Path), crate::routes::Headers),
    request_body = Closing, responses((status = 200, body = Closed), Refusals)
)]
pub(crate) async fn close_drop(
    State(state): State<AppState>,
    Path(drop_id): Path<DropId>,
    OrganizerCall { organizer_id, call }: OrganizerCall,
    body: Closing,
) -> Result<Json<Closed>, Problem> {
    let fingerprint = state.fingerprint(&body);
    let drops = &state.executors.drops;
    let command = Command::Close {
        organizer_id,
        beacon_in_hand: body.beacon_value.is_some(),
    };
    let closed = state
        .execute::<FairDrop>(
            "close_drop",
            drops,
            drop_id,
            &call,
            fingerprint.clone(),
            command,
        )
        .await?;
    let sealed = state.drops.seal(drop_id).await;
    sealed.map_err(|error| failed(&state, &error))?;
    let mut position = closed.position;
    if let Some(value) = body.beacon_value {
        let command = Command::RecordBeacon {
            organizer_id,
            value,
            signature: None,
        };
        let call = Call {
            command_id: step_id(call.command_id, "beacon"),
            ..call
        };
        let told = state
            .execute::<FairDrop>("record_beacon", drops, drop_id, &call, fingerprint, command)
            .await?;
        position = told.position;
    }
    let view = state.drops.view(drop_id).await;
    let view = view.map_err(|error| failed(&state, &error))?;
    let view = view.ok_or_else(|| Problem::not_found("drop"))?;
    Ok(Json(Closed {
        drop_id,
        status: "closed",
        entries: view.entries,
        root: view.root,
        position,
    }))
}
