//! `POST /v1/shows/{id}/cancel`

use axum::{extract::State, http::StatusCode};
use domain::{
    ids::ShowId,
    show::{Command, Show},
};
use edge::{Json, Path, Problem};
use event_store::Position;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AppState, call::OrganizerCall, routes::Refusals};

/// Why the show is called off.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancellation {
    /// 1 to 500 bytes.
    reason: String,
}

/// The cancelled show. Its holds are released and its sold reservations refunded from now on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Cancelled {
    #[schema(value_type = Uuid)]
    show_id: ShowId,
    /// `cancelled`.
    status: &'static str,
    #[schema(value_type = u64)]
    position: Position,
}

/// Call a show off: every sold reservation is refunded. `GET /v1/shows/{id}/cancellation` tells how far that is.
#[utoipa::path(
    post, path = "/v1/shows/{id}/cancel", tag = "Organizers", security(("bearer" = [])),
    params(("id" = Uuid, Path), crate::routes::Headers),
    request_body = Cancellation, responses((status = 202, body = Cancelled), Refusals)
)]
pub(crate) async fn cancel_show(
    State(state): State<AppState>,
    Path(show_id): Path<ShowId>,
    OrganizerCall { organizer_id, call }: OrganizerCall,
    Json(body): Json<Cancellation>,
) -> Result<(StatusCode, Json<Cancelled>), Problem> {
    let fingerprint = state.fingerprint(&body);
    let command = Command::CancelShow {
        organizer_id,
        reason: body.reason,
    };
    let answer = state
        .execute::<Show>(
            "cancel_show",
            &state.executors.shows,
            show_id,
            &call,
            fingerprint,
            command,
        )
        .await?;
    let cancelled = Cancelled {
        show_id,
        status: "cancelled",
        position: answer.position,
    };
    Ok((StatusCode::ACCEPTED, Json(cancelled)))
}
