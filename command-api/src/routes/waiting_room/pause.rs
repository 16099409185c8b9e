//! `POST /v1/waiting-room/{show_id}/pause`

use axum::extract::State;
use domain::{ids::ShowId, waiting_room::Command};
use edge::{Json, Path, Problem};

use super::{FlowBody, change_flow};
use crate::{
    AppState,
    call::OrganizerCall,
    routes::{Nothing, Refusals},
};

/// Let nobody in for now. Those who are in go on; those who wait are told.
#[utoipa::path(
    post, path = "/v1/waiting-room/{show_id}/pause", tag = "Waiting room", security(("bearer" = [])),
    params(("show_id" = Uuid, Path)),
    responses((status = 200, body = FlowBody), Refusals)
)]
pub(crate) async fn pause(
    State(state): State<AppState>,
    Path(show): Path<ShowId>,
    call: OrganizerCall,
    Nothing: Nothing,
) -> Result<Json<FlowBody>, Problem> {
    let command = Command::Pause {
        organizer_id: call.organizer_id,
    };
    change_flow(&state, "pause_waiting_room", show, &call, &(), command).await
}
