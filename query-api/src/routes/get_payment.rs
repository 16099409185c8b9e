//! `GET /v1/payments/{id}`

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::PaymentId;
use edge::{
    Path,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use read_model::{
    ProjectionId,
    tables::{Payment, PaymentStatus},
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

/// A payment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PaymentView {
    payment_id: Uuid,
    reservation_id: Uuid,
    show_id: Uuid,
    #[schema(value_type = PaymentState)]
    status: PaymentStatus,
    /// Points.
    amount: i64,
    #[schema(example = "points")]
    method: String,
    /// The balance after the last debit or refund.
    balance: Option<i64>,
    /// Why it failed.
    code: Option<String>,
    /// Whether the points were given back.
    refunded: bool,
    /// Whether the organizer wants it undone.
    refund_requested: bool,
    requested_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// Where a payment stands.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the read model's type")]
pub(crate) enum PaymentState {
    Processing,
    Completed,
    Failed,
    Refunding,
    Refunded,
}

impl From<Payment> for PaymentView {
    fn from(row: Payment) -> Self {
        Self {
            payment_id: row.payment_id.0,
            reservation_id: row.reservation_id.0,
            show_id: row.show_id.0,
            status: row.status,
            amount: row.amount,
            method: row.method,
            balance: row.balance,
            code: row.code,
            refunded: row.refunded,
            refund_requested: row.refund_requested,
            requested_at: row.requested_at,
            updated_at: row.updated_at,
        }
    }
}

/// Shows one payment to its owner.
#[utoipa::path(
    get,
    path = "/v1/payments/{id}",
    tag = "payments",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The payment"),
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "The payment", body = PaymentView, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or another's", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_payment(
    State(state): State<AppState>,
    principal: Principal,
    Path(id): Path<PaymentId>,
    at_least: AtLeast,
) -> Result<Answer<PaymentView>, Error> {
    principal.require(Role::Customer)?;
    let query = || state.deps.read_model.payment(id);
    let mut at = state
        .freshness
        .read(at_least, &[ProjectionId::Payments], query)
        .await?;
    at.value = at.value.filter(|row| row.customer_id.0 == principal.id);
    Ok(Answer(found(at, "payment")?.map(PaymentView::from)))
}
