//! `POST /v1/payments/{id}/refund`

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{
    ids::PaymentId,
    payment::{Command, Payment, RESUME_AFTER, Status},
    refusal::About,
};
use edge::{Json, Path, Problem};
use event_store::Position;
use serde::{Deserialize, Serialize};
use tokio::time::timeout_at;
use utoipa::ToSchema;

use crate::{
    AppState,
    call::OrganizerCall,
    error::payment_failed,
    process_managers::{checkout::Checkout, refund, steps::Halt},
    routes::{
        Refusals,
        pay::{ANSWERING, Processing},
    },
};

/// Why the payment is undone.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refund {
    /// 1 to 500 bytes.
    reason: String,
}

/// A refunded payment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Refunded {
    #[schema(value_type = Uuid)]
    payment_id: PaymentId,
    /// `refunded`.
    status: &'static str,
    #[schema(value_type = u64)]
    position: Position,
}

/// Undo a payment: frees the seats and gives the points back. Answered 202 while the payment still runs: then the refund
/// follows by itself.
#[utoipa::path(
    post, path = "/v1/payments/{id}/refund", tag = "Organizers", security(("bearer" = [])),
    params(("id" = Uuid, Path), crate::routes::Headers), request_body = Refund,
    responses((status = 200, body = Refunded), (status = 202, body = Processing), Refusals)
)]
pub(crate) async fn refund_payment(
    State(state): State<AppState>,
    Path(payment_id): Path<PaymentId>,
    OrganizerCall { organizer_id, call }: OrganizerCall,
    Json(body): Json<Refund>,
) -> Result<Response, Problem> {
    let fingerprint = state.fingerprint(&body);
    let command = Command::RequestRefund {
        organizer_id: Some(organizer_id),
        reason: body.reason,
        resume_at: state.clock.now() + RESUME_AFTER,
    };
    let answer = state
        .execute::<Payment>(
            "refund_payment",
            &state.executors.payments,
            payment_id,
            &call,
            fingerprint,
            command,
        )
        .await
        .inspect_err(|problem| {
            // One that there is: it says where it stands.
            let refused = problem.status().is_client_error() && problem.code() != "not_found";
            if refused && problem.field("position").is_some() {
                let about = About::Payment(payment_id);
                state
                    .refusals
                    .about(about, "refund_payment", &call, problem);
            }
        })?;
    state.failpoints.pass("refund.requested").await;
    let saga = Checkout::of_request(&state, payment_id, &call.origin, call.deadline);
    let driven = timeout_at(call.deadline - ANSWERING, drive(&saga)).await;
    match driven {
        Ok(Ok(Driven::Refunded(position))) => Ok(Json(Refunded {
            payment_id,
            status: "refunded",
            position,
        })
        .into_response()),
        Ok(Ok(Driven::Failed(code, refunded))) => {
            Err(payment_failed(&code, refunded, answer.position))
        }
        Ok(Ok(Driven::Running)) | Err(_) => Ok(later(payment_id, answer.position)),
        Ok(Err(halt)) => {
            tracing::warn!(error = %halt, "a refund is left to the process manager");
            Ok(later(payment_id, answer.position))
        }
    }
}

enum Driven {
    Refunded(Position),
    Running,
    Failed(String, bool),
}

async fn drive(saga: &Checkout<'_>) -> Result<Driven, Halt> {
    let payment = saga.look().await?;
    match payment.status {
        Status::None | Status::Running | Status::Completed => Ok(Driven::Running),
        Status::Refunding | Status::Refunded => {
            Ok(Driven::Refunded(refund::refund(saga).await?.position))
        }
        Status::Failed => Ok(Driven::Failed(
            payment.failure.unwrap_or_default(),
            payment.refunded,
        )),
    }
}

fn later(payment_id: PaymentId, position: Position) -> Response {
    let processing = Processing {
        payment_id,
        status: "processing",
        position,
    };
    (StatusCode::ACCEPTED, Json(processing)).into_response()
}
