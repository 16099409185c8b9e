//! `POST /v1/points/charges`

use axum::{extract::State, http::StatusCode};
use domain::{
    ids::ChargeId,
    point_account::{Command, Event, PointAccount},
    points::Points,
};
use edge::{Json, Problem};
use event_store::Position;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AppState,
    call::{CustomerCall, fact},
    routes::Refusals,
};

/// Points to buy.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Charge {
    /// 1 to 1,000,000,000.
    amount: Points,
}

/// The charge and the balance after it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Charged {
    #[schema(value_type = Uuid)]
    charge_id: ChargeId,
    balance: Points,
    #[schema(value_type = u64)]
    position: Position,
}

/// Buy points.
#[utoipa::path(
    post, path = "/v1/points/charges", tag = "Customers", security(("bearer" = [])), params(crate::routes::Headers),
    request_body = Charge, responses((status = 201, body = Charged), Refusals)
)]
pub(crate) async fn charge_points(
    State(state): State<AppState>,
    CustomerCall { customer_id, call }: CustomerCall,
    Json(body): Json<Charge>,
) -> Result<(StatusCode, Json<Charged>), Problem> {
    let fingerprint = state.fingerprint(&body);
    let charge_id = ChargeId(Uuid::now_v7());
    let command = Command::Charge {
        customer_id,
        charge_id,
        amount: body.amount,
    };
    let answer = state
        .execute::<PointAccount>(
            "charge_points",
            &state.executors.accounts,
            customer_id,
            &call,
            fingerprint,
            command,
        )
        .await?;
    let (charge_id, balance) = fact(&answer, |event| match event {
        Event::PointsCharged {
            charge_id,
            balance_after,
            ..
        } => Some((*charge_id, *balance_after)),
        Event::PointsDebited { .. }
        | Event::PointsDebitBarred { .. }
        | Event::PointsCredited { .. } => None,
    })?;
    Ok((
        StatusCode::CREATED,
        Json(Charged {
            charge_id,
            balance,
            position: answer.position,
        }),
    ))
}
