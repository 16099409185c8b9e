//! `POST /v1/shows/{id}/blocks`

use axum::extract::State;
use domain::{
    ids::{OrganizerId, ShowId},
    show::Command,
};
use edge::{Json, Path, Problem};
use event_store::Position;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    AppState,
    call::{Call, OrganizerCall},
    routes::Refusals,
};

/// House seats.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Block {
    /// `seat_guid`s; all or none.
    seats: Vec<String>,
    /// 1 to 500 bytes.
    reason: String,
}

/// The seats concerned.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Blocked {
    #[schema(value_type = Uuid)]
    show_id: ShowId,
    seats: Vec<String>,
    #[schema(value_type = u64)]
    position: Position,
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
    Change::Block
        .carry_out(&state, show_id, organizer_id, &call, body)
        .await
}

/// Which way house seats go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Block,
    Release,
}

impl Change {
    /// Sends the command of this change; both ways ask and answer alike.
    pub(super) async fn carry_out(
        self,
        state: &AppState,
        show_id: ShowId,
        organizer_id: OrganizerId,
        call: &Call,
        body: Block,
    ) -> Result<Json<Blocked>, Problem> {
        let fingerprint = state.fingerprint(&body);
        let Block { seats, reason } = body;
        let asked = seats.clone();
        let (name, command) = match self {
            Self::Block => (
                "block_seats",
                Command::Block {
                    organizer_id,
                    seats,
                    reason,
                },
            ),
            Self::Release => (
                "release_blocks",
                Command::Unblock {
                    organizer_id,
                    seats,
                    reason,
                },
            ),
        };
        let answer = state
            .execute_on_show(name, show_id, call, fingerprint, command)
            .await?;
        Ok(Json(Blocked {
            show_id,
            seats: asked,
            position: answer.position,
        }))
    }
}
