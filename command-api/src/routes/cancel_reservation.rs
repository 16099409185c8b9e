//! `POST /v1/reservations/{id}/cancel`

use axum::extract::State;
use domain::{ids::ReservationId, show::Command};
use edge::{Json, Path, Problem};
use event_store::Position;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    AppState,
    call::CustomerCall,
    routes::{Nothing, Refusals, show_of},
};

/// The reservation, given back.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GivenBack {
    /// `cancelled`.
    status: &'static str,
    #[schema(value_type = u64)]
    position: Position,
}

/// Give a hold back.
#[utoipa::path(
    post, path = "/v1/reservations/{id}/cancel", tag = "Customers", security(("bearer" = [])),
    params(("id" = Uuid, Path), crate::routes::Headers),
    responses((status = 200, body = GivenBack), Refusals)
)]
pub(crate) async fn cancel_reservation(
    State(state): State<AppState>,
    Path(reservation_id): Path<ReservationId>,
    CustomerCall { customer_id, call }: CustomerCall,
    _: Nothing,
) -> Result<Json<GivenBack>, Problem> {
    let show_id = show_of(&state, reservation_id).await?;
    let command = Command::Release {
        reservation_id,
        customer_id,
    };
    let fingerprint = state.fingerprint(&());
    let answer = state
        .execute_on_show("cancel_reservation", show_id, &call, fingerprint, command)
        .await?;
    Ok(Json(GivenBack {
        status: "cancelled",
        position: answer.position,
    }))
}
