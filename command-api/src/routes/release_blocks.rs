//! `POST /v1/shows/{id}/blocks/release`

use axum::extract::State;
use domain::{
    ids::ShowId,
    show::{Command, Show},
};
use edge::{Json, Path, Problem};

use crate::{
    AppState,
    call::OrganizerCall,
    routes::{
        Refusals,
        block_seats::{Block, Blocked},
    },
};

/// Put house seats back into sale.
#[utoipa::path(
    post, path = "/v1/shows/{id}/blocks/release", tag = "Organizers", security(("bearer" = [])),
    params(("id" = Uuid, Path), crate::routes::Headers),
    request_body = Block, responses((status = 200, body = Blocked), Refusals)
)]
pub(crate) async fn release_blocks(
    State(state): State<AppState>,
    Path(show_id): Path<ShowId>,
    OrganizerCall { organizer_id, call }: OrganizerCall,
    Json(body): Json<Block>,
) -> Result<Json<Blocked>, Problem> {
    let fingerprint = state.fingerprint(&body);
    let Block { seats, reason } = body;
    let command = Command::Unblock {
        organizer_id,
        seats: seats.clone(),
        reason,
    };
    let answer = state
        .execute::<Show>(
            "release_blocks",
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
