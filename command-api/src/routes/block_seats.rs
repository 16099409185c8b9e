//! `POST /v1/shows/{id}/blocks`

use axum::extract::State;
use domain::{
    ids::ShowId,
    show::{Command, Show},
};
use edge::{Json, Path, Problem};
use event_store::Position;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AppState, call::OrganizerCall, routes::Refusals};

/// House seats.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Block {
    /// `seat_guid`s; all or none.
    pub(super) seats: Vec<String>,
    /// 1 to 500 bytes.
    pub(super) reason: String,
}

/// The seats concerned.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Blocked {
    #[schema(value_type = Uuid)]
    pub(super) show_id: ShowId,
    pub(super) seats: Vec<String>,
    #[schema(value_type = u64)]
    pub(super) position: Position,
}

/// Take free seats out of sale: house seats.
#[utoipa::path(
    post, path = "/v1/shows/{id}/blocks", tag = "Organizers", security(("bearer" = [])),
    params(("id" = Uuid, Path), crate::routes::Headers),
    request_body = Block, responses((status = 200, body = Blocked), Refusals)
)]
pub(crate) async fn block_seats(
    State(state): State<AppState>,
    Path(show_id): Path<ShowId>,
    OrganizerCall { organizer_id, call }: OrganizerCall,
    Json(body): Json<Block>,
) -> Result<Json<Blocked>, Problem> {
    let fingerprint = state.fingerprint(&body);
    let Block { seats, reason } = body;
    let command = Command::Block {
        organizer_id,
        seats: seats.clone(),
        reason,
    };
    let answer = state
        .execute::<Show>(
            "block_seats",
            &state.executors.shows,
            show_id,
            &call,
            fingerprint,
            command,
        )
        .await?;
    Ok(Json(Blocked {
        show_id,
        seats,
        position: answer.position,
    }))
}
