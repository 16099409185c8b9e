//! `POST /v1/shows/{id}/blocks/release`

use axum::extract::State;
use domain::ids::ShowId;
use edge::{Json, Path, Problem};

use crate::{
    AppState,
    call::OrganizerCall,
    routes::{
        Refusals,
        block_seats::{Block, Blocked, Change},
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
    Change::Release
        .carry_out(&state, show_id, organizer_id, &call, body)
        .await
}
