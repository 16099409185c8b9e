//! `POST /v1/reservations/{id}/extend`

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::{
    ids::ReservationId,
    show::{Command, Event},
};
use edge::{Json, Path, Problem};
use event_store::Position;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    AppState,
    call::{CustomerCall, fact},
    routes::{Nothing, Refusals, show_of},
};

/// The extended hold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Extended {
    /// When it is void.
    expires_at: DateTime<Utc>,
    #[schema(value_type = u64)]
    position: Position,
}

/// Extend a hold by its full length again, once.
#[utoipa::path(
    post, path = "/v1/reservations/{id}/extend", tag = "Customers", security(("bearer" = [])),
    params(("id" = Uuid, Path), crate::routes::Headers),
    responses((status = 200, body = Extended), Refusals)
)]
pub(crate) async fn extend_hold(
    State(state): State<AppState>,
    Path(reservation_id): Path<ReservationId>,
    CustomerCall { customer_id, call }: CustomerCall,
    _: Nothing,
) -> Result<Json<Extended>, Problem> {
    let show_id = show_of(&state, reservation_id).await?;
    let command = Command::Extend {
        reservation_id,
        customer_id,
    };
    let fingerprint = state.fingerprint(&());
    let answer = state
        .execute_on_show("extend_hold", show_id, &call, fingerprint, command)
        .await?;
    let expires_at = fact(&answer, |event| match event {
        Event::HoldExtended { expires_at, .. } => Some(*expires_at),
        _ => None,
    })?;
    Ok(Json(Extended {
        expires_at,
        position: answer.position,
    }))
}
