//! `GET /v1/reservations/{id}`

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::{
    ids::ReservationId,
    show::event::{HeldSeat, HeldStanding},
};
use edge::{
    Path,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use read_model::{
    ProjectionId,
    tables::{Reservation, ReservationStatus},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    answer::{Answer, found},
    error::Error,
    freshness::AtLeast,
    state::AppState,
};

/// What a customer holds or owns of a show.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReservationView {
    reservation_id: Uuid,
    show_id: Uuid,
    /// By what is recorded: a hold whose time is over says `held` until its expiry is.
    #[schema(value_type = ReservationState)]
    status: ReservationStatus,
    #[schema(value_type = Vec<ReservedSeat>)]
    seats: Vec<HeldSeat>,
    #[schema(value_type = Option<ReservedStanding>)]
    standing: Option<HeldStanding>,
    /// Points.
    amount: i64,
    /// First instant at which the hold is, or was, void.
    expires_at: DateTime<Utc>,
    /// The payment that confirmed it.
    payment_id: Option<Uuid>,
    held_at: DateTime<Utc>,
}

/// Where a reservation stands.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the read model's type")]
pub(crate) enum ReservationState {
    Held,
    Confirmed,
    Cancelled,
    Expired,
    Refunded,
}

/// A seat of a reservation.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the domain's type")]
pub(crate) struct ReservedSeat {
    seat_guid: String,
    zone: String,
    row: String,
    number: String,
    category: String,
    /// Points.
    price: i64,
}

/// The standing places of a reservation.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the domain's type")]
pub(crate) struct ReservedStanding {
    name: String,
    category: String,
    quantity: u32,
    /// Points for one place.
    price: i64,
}

impl From<Reservation> for ReservationView {
    fn from(row: Reservation) -> Self {
        Self {
            reservation_id: row.reservation_id.0,
            show_id: row.show_id.0,
            status: row.status,
            seats: row.seats,
            standing: row.standing,
            amount: row.amount,
            expires_at: row.expires_at,
            payment_id: row.payment_id.map(|id| id.0),
            held_at: row.held_at,
        }
    }
}

/// Shows one reservation to its owner.
#[utoipa::path(
    get,
    path = "/v1/reservations/{id}",
    tag = "reservations",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The reservation"),
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "The reservation", body = ReservationView, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or another's", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_reservation(
    State(state): State<AppState>,
    principal: Principal,
    Path(id): Path<ReservationId>,
    at_least: AtLeast,
) -> Result<Answer<ReservationView>, Error> {
    principal.require(Role::Customer)?;
    let query = || state.deps.read_model.reservation(id);
    let mut at = state
        .freshness
        .read(at_least, &[ProjectionId::Reservations], query)
        .await?;
    at.value = at.value.filter(|row| row.customer_id.0 == principal.id);
    Ok(Answer(found(at, "reservation")?.map(ReservationView::from)))
}
