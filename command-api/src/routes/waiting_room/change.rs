//! `PATCH /v1/waiting-room/{show_id}`

use axum::extract::State;
use domain::{ids::ShowId, waiting_room::Command};
use edge::{Json, Path, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FlowBody, change_flow};
use crate::{AppState, call::OrganizerCall, routes::Refusals};

/// Other settings; what is left out stays.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FlowChange {
    /// Customers let in per second: 1 to 10,000.
    #[serde(default)]
    admit_per_second: Option<u32>,
    /// Customers with a pass who have not bought yet: 1 to 100,000. Fewer than there are: nobody is sent away.
    #[serde(default)]
    max_active: Option<u32>,
    /// How long passes are good for from now on: 1 to 7,200. Those given out stay as they are.
    #[serde(default)]
    pass_seconds: Option<u32>,
}

/// Change how fast, how many at a time and for how long customers are let in.
#[utoipa::path(
    patch, path = "/v1/waiting-room/{show_id}", tag = "Waiting room", security(("bearer" = [])),
    params(("show_id" = Uuid, Path)),
    request_body = FlowChange, responses((status = 200, body = FlowBody), Refusals)
)]
pub(crate) async fn change(
    State(state): State<AppState>,
    Path(show): Path<ShowId>,
    call: OrganizerCall,
    Json(body): Json<FlowChange>,
) -> Result<Json<FlowBody>, Problem> {
    let command = Command::Change {
        organizer_id: call.organizer_id,
        admit_per_second: body.admit_per_second,
        max_active: body.max_active,
        pass_seconds: body.pass_seconds,
    };
    change_flow(&state, "change_waiting_room", show, &call, &body, command).await
}
