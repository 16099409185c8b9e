//! `GET /v1/audit/receipts/{reservation_id}`

use axum::extract::State;
use edge::{
    Json, Path,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use read_model::tables::ReservationStatus;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    error::Error,
    seals::proof::{InclusionProof, prove},
    state::AppState,
};

/// What a customer can show to others: that the log says of a reservation what it says.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptView {
    reservation_id: Uuid,
    show_id: Uuid,
    /// `confirmed` where it is paid for.
    #[schema(value_type = String)]
    status: ReservationStatus,
    /// Where in the log that was decided: `ReservationConfirmed`, for a reservation that is paid for.
    position: u64,
    /// The event at that position, and what proves it; checked by `frontrow audit verify-proof`.
    proof: InclusionProof,
}

/// Proves what became of a reservation, to its owner and to auditors.
#[utoipa::path(
    get,
    path = "/v1/audit/receipts/{reservation_id}",
    tag = "audit",
    security(("bearer" = [])),
    params(("reservation_id" = Uuid, Path, description = "Which reservation")),
    responses(
        (status = 200, description = "The receipt", body = ReceiptView),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such reservation, or another's; or this installation signs no heads", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Not sealed yet, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_receipt(
    State(state): State<AppState>,
    principal: Principal,
    Path(id): Path<Uuid>,
) -> Result<Json<ReceiptView>, Error> {
    if principal.role != Role::Customer {
        principal.require(Role::Auditor)?;
    }
    let sealing = state.sealing()?;
    let found = state.deps.read_model.reservation(id.into()).await?.value;
    let own = |customer: Uuid| principal.role != Role::Customer || customer == principal.id;
    let reservation = found.filter(|reservation| own(reservation.customer_id.0));
    let reservation = reservation.ok_or(Error::NotFound("reservation"))?;
    let (log, position) = (&*state.deps.log, reservation.position);
    let proof = prove(log, &*sealing.seals, &sealing.verification, position).await?;
    Ok(Json(ReceiptView {
        reservation_id: id,
        show_id: reservation.show_id.0,
        status: reservation.status,
        position,
        proof,
    }))
}
