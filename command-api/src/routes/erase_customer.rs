//! `DELETE /v1/customers/{id}`

use std::collections::BTreeMap;

use axum::{extract::State, http::StatusCode};
use domain::{ids::CustomerId, operation::acts};
use edge::{Json, Path, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    AppState,
    call::AdminCall,
    codes,
    error::{problem, refused},
    operations::{self, Act},
    routes::{
        Refusals,
        erase_me::{Erased, erase, failed},
    },
};

/// Why a customer is erased.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Erasing {
    /// 1 to 1,000 bytes; recorded in the log, for ever: name nobody.
    reason: String,
}

/// Erase a customer. Recorded as the act of the administrator who asks; the rest as the customer's own `DELETE /v1/me`.
#[utoipa::path(
    delete, path = "/v1/customers/{id}", tag = "Operations", security(("bearer" = [])),
    params(("id" = Uuid, Path)), request_body = Erasing,
    responses((status = 200, body = Erased), (status = 202, body = Erased), Refusals)
)]
pub(crate) async fn erase_customer(
    State(state): State<AppState>,
    Path(customer_id): Path<CustomerId>,
    AdminCall { admin, call }: AdminCall,
    Json(body): Json<Erasing>,
) -> Result<(StatusCode, Json<Erased>), Problem> {
    let known = state.erasure().knows(customer_id).await;
    if !known.map_err(|error| failed(&state, error))? {
        return Err(problem(codes::NOT_FOUND, "there is no such customer"));
    }
    let act = Act {
        act: acts::CUSTOMER_ERASE,
        subject: customer_id.to_string(),
        arguments: BTreeMap::new(),
        actor: format!("admin:{admin}"),
        reason: body.reason,
    };
    let recorded = operations::record(&state.executors.operations, act).await;
    recorded.map_err(|error| refused(&error, state.clock.now()))?;
    erase(&state, customer_id, &call).await
}
