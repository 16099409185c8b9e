//! `POST /v1/waiting-room/{show_id}/entries`

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use domain::ids::ShowId;
use edge::{
    Json, Path, Problem,
    auth::{Principal, Role},
};

use super::{EntryBody, failed, receipt};
use crate::{
    AppState, codes,
    error::problem,
    routes::{Nothing, Refusals},
    waiting_room::Entered,
};

/// Enter a show's waiting room: once a customer, for one purchase.
///
/// Before the doors open (the show's `on_sale_at`) the order of arrival means nothing: places are drawn when they do. Who asks nothing for a
/// minute loses the place. Who is in already is answered 409 with the same fields.
#[utoipa::path(
    post, path = "/v1/waiting-room/{show_id}/entries", tag = "Waiting room", security(("bearer" = [])),
    params(
        ("show_id" = Uuid, Path),
        ("Queue-Receipt" = Option<String>, Header, description = "The receipt of an earlier entry, which the store may have lost"),
    ),
    responses((status = 201, body = EntryBody), Refusals)
)]
pub(crate) async fn enter(
    State(state): State<AppState>,
    Path(show): Path<ShowId>,
    principal: Principal,
    headers: HeaderMap,
    Nothing: Nothing,
) -> Result<(StatusCode, Json<EntryBody>), Problem> {
    principal.require(Role::Customer)?;
    let customer = principal.id.into();
    let receipt = receipt(&state, show, customer, &headers)?;
    let entered = state.rooms.enter(show, customer, receipt.as_ref()).await;
    match entered.map_err(failed(&state))? {
        Entered::New(standing) => {
            let entry = EntryBody::of(&state, show, &standing);
            Ok((StatusCode::CREATED, Json(entry)))
        }
        Entered::Already(standing) => Err(already(&EntryBody::of(&state, show, &standing))),
    }
}

/// The entry that there is, as a problem with its fields; its own `state` is no status.
fn already(entry: &EntryBody) -> Problem {
    let said = problem(
        codes::ALREADY_IN_WAITING_ROOM,
        "the customer is in the waiting room already",
    );
    let fields = serde_json::to_value(entry).unwrap_or_default();
    let fields = fields.as_object().cloned().unwrap_or_default();
    fields
        .into_iter()
        .fold(said, |said, (name, value)| said.with(&name, value))
}
