//! `DELETE /v1/me`

use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::CustomerId;
use edge::{Json, Problem};
use event_store::Position;
use serde::Serialize;
use tokio::time::timeout_at;
use utoipa::ToSchema;

use crate::{
    AppState,
    call::{Call, CustomerCall},
    erasure::{self, Erasure},
    error::{credentials_failed, key_store_failed, refused},
    routes::{Nothing, Refusals, pay::ANSWERING},
};

/// A customer who is erased.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Erased {
    #[schema(value_type = Uuid)]
    customer_id: CustomerId,
    /// `erased`; `erasing` where the destruction of the key follows by itself.
    status: &'static str,
    #[schema(value_type = u64)]
    position: Position,
}

/// Erase the customer who asks: e-mail address and name can't be read any more, by nobody, nor can anybody sign in. What was bought stays
/// bought. Answered 202 while the destruction is still to come: then it follows by itself.
#[utoipa::path(
    delete, path = "/v1/me", tag = "Customers", security(("bearer" = [])),
    responses((status = 200, body = Erased), (status = 202, body = Erased), Refusals)
)]
pub(crate) async fn erase_me(
    State(state): State<AppState>,
    CustomerCall { customer_id, call }: CustomerCall,
    _: Nothing,
) -> Result<(StatusCode, Json<Erased>), Problem> {
    erase(&state, customer_id, &call).await
}

impl AppState {
    pub(super) fn erasure(&self) -> Erasure<'_> {
        Erasure {
            customers: &self.executors.customers,
            keys: &*self.identity.keys,
            credentials: &*self.identity.credentials,
            clock: &*self.clock,
            failpoints: &self.failpoints,
        }
    }
}

/// Records the erasure and carries it out, as far as the time allows.
pub(super) async fn erase(
    state: &AppState,
    customer_id: CustomerId,
    call: &Call,
) -> Result<(StatusCode, Json<Erased>), Problem> {
    let erasure = state.erasure();
    let recorded = erasure.record(customer_id, &call.origin).await;
    let recorded = recorded.map_err(|error| failed(state, error))?;
    let destroyed = timeout_at(call.deadline - ANSWERING, erasure.destroy(customer_id)).await;
    let (status, word, position) = match destroyed {
        Ok(Ok(position)) => (StatusCode::OK, "erased", position),
        Ok(Err(error)) => {
            tracing::warn!(%error, customer.id = %customer_id, "an erasure is left to the process manager");
            (StatusCode::ACCEPTED, "erasing", recorded)
        }
        Err(_) => (StatusCode::ACCEPTED, "erasing", recorded),
    };
    let erased = Erased {
        customer_id,
        status: word,
        position,
    };
    Ok((status, Json(erased)))
}

pub(super) fn failed(state: &AppState, error: erasure::Error) -> Problem {
    match error {
        erasure::Error::Customer(error) => refused(&error, state.clock.now()),
        erasure::Error::Keys(error) => key_store_failed(&error),
        erasure::Error::Credentials(error) => credentials_failed(&error),
        error @ erasure::Error::Email(..) => Problem::internal(&error),
    }
}
