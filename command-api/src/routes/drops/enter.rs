//! `POST /v1/drops/{id}/entries`

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use domain::{
    ids::{DropEntryId, DropId},
    refusal::About,
};
use edge::{Json, Path, Problem};
use event_store::Position;
use serde::Serialize;
use utoipa::ToSchema;

use super::{failed, status};
use crate::{
    AppState,
    call::CustomerCall,
    codes,
    drops::{Attempt, Entered, Entry},
    error::problem,
    routes::{Nothing, Refusals},
    waiting_room::PASS_HEADER,
};

/// An entry that is recorded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryBody {
    #[schema(value_type = Uuid)]
    entry_id: DropEntryId,
    #[schema(value_type = Uuid)]
    drop_id: DropId,
    /// `entered`; where each entry is drawn as it comes: `winning`, `standby` or `lost`.
    status: &'static str,
    #[schema(value_type = u64)]
    position: Position,
}

impl EntryBody {
    fn of(drop_id: DropId, entry: &Entry) -> Self {
        Self {
            entry_id: entry.entry_id,
            drop_id,
            status: status(entry.status),
            position: entry.position,
        }
    }
}

/// Enter a drop: once a customer. The answer means that the entry is recorded for good; who has entered already is answered 409 with the
/// entry there is.
#[utoipa::path(
    post, path = "/v1/drops/{id}/entries", tag = "Drops", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path), crate::routes::Headers,
        ("Queue-Pass" = Option<String>, Header, description = "The pass, where the drop stands behind a show's waiting room"),
    ),
    responses((status = 202, body = EntryBody), Refusals)
)]
pub(crate) async fn enter_drop(
    State(state): State<AppState>,
    Path(drop_id): Path<DropId>,
    CustomerCall { customer_id, call }: CustomerCall,
    headers: HeaderMap,
    Nothing: Nothing,
) -> Result<(StatusCode, Json<EntryBody>), Problem> {
    let pass = headers.get(PASS_HEADER);
    let attempt = Attempt {
        drop_id,
        customer_id,
        command_id: call.command_id,
        pass: pass.map(|pass| pass.to_str().unwrap_or_default()),
        deadline: call.deadline,
    };
    let answer = match state.drops.enter(attempt).await {
        Ok(Entered::Accepted(entry)) => {
            Ok((StatusCode::ACCEPTED, Json(EntryBody::of(drop_id, &entry))))
        }
        Ok(Entered::Already(entry)) => {
            let entry = EntryBody::of(drop_id, &entry);
            let detail = "the customer has entered the drop already";
            Err(problem(codes::ALREADY_ENTERED, detail)
                .with("entry_id", entry.entry_id)
                .with("drop_id", entry.drop_id)
                .with("entry_status", entry.status)
                .with("position", entry.position))
        }
        Err(error) => Err(failed(&state, &error)),
    };
    answer.inspect_err(|problem| {
        let refused = problem.status().is_client_error() && problem.code() != "not_found";
        if refused {
            let about = About::Drop(drop_id);
            state.refusals.about(about, "enter_drop", &call, problem);
        }
    })
}
