//! `POST /v1/concerts`

use axum::{extract::State, http::StatusCode};
use domain::{
    concert::{Command, Concert},
    ids::ConcertId,
};
use edge::{Json, Problem};
use event_store::Position;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AppState,
    call::{OrganizerCall, id_of},
    routes::Refusals,
};

/// A concert to announce.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Announcement {
    /// 1 to 200 bytes.
    title: String,
    /// 1 to 200 bytes.
    artist: String,
    /// At most 10,000 bytes.
    #[serde(default)]
    description: Option<String>,
}

/// The announced concert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Announced {
    #[schema(value_type = Uuid)]
    concert_id: ConcertId,
    #[schema(value_type = u64)]
    position: Position,
}

/// Announce a concert: the act and its text.
#[utoipa::path(
    post, path = "/v1/concerts", tag = "Organizers", security(("bearer" = [])), params(crate::routes::Headers),
    request_body = Announcement, responses((status = 201, body = Announced), Refusals)
)]
pub(crate) async fn announce_concert(
    State(state): State<AppState>,
    OrganizerCall { organizer_id, call }: OrganizerCall,
    Json(body): Json<Announcement>,
) -> Result<(StatusCode, Json<Announced>), Problem> {
    let fingerprint = state.fingerprint(&body);
    let Announcement {
        title,
        artist,
        description,
    } = body;
    let command = Command::Announce {
        organizer_id,
        title,
        artist,
        description,
    };
    let id = ConcertId(Uuid::now_v7());
    let answer = state
        .execute::<Concert>(
            "announce_concert",
            &state.executors.concerts,
            id,
            &call,
            fingerprint,
            command,
        )
        .await?;
    let announced = Announced {
        concert_id: id_of(&answer)?,
        position: answer.position,
    };
    Ok((StatusCode::CREATED, Json(announced)))
}
