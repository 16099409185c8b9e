//! `GET /v1/audit/history`

use axum::{extract::State, response::Response};
use edge::{
    Json, Query,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use serde::Deserialize;
use uuid::Uuid;

use super::{at, limit};
use crate::{
    error::Error,
    history::{History, Subject, history},
    state::AppState,
};

/// Most decisions of a page.
pub(super) const MAX_LIMIT: usize = 1_000;

/// Of what, and which page. Exactly one thing is named.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// The show of `seat_guid`.
    show_id: Option<Uuid>,
    /// A seat of `show_id`.
    seat_guid: Option<String>,
    /// A reservation.
    reservation_id: Option<Uuid>,
    /// A customer.
    customer_id: Option<Uuid>,
    /// A payment.
    payment_id: Option<Uuid>,
    /// A saga: a payment, or a show that was called off.
    saga_id: Option<Uuid>,
    /// A drop.
    drop_id: Option<Uuid>,
    /// What one act of a client brought about.
    correlation_id: Option<String>,
    /// With `correlation_id`: the last position that is looked through.
    to: Option<u64>,
    /// Decisions behind this position: `next_cursor` of the page before. With `correlation_id`, the log is looked through from there on.
    after: Option<u64>,
    /// 1 to 1,000; 100 unless given.
    limit: Option<u32>,
}

impl Params {
    fn subject(&mut self) -> Result<Subject, Error> {
        let seat = match (self.show_id, self.seat_guid.take()) {
            (Some(show), Some(guid)) => Some(Subject::Seat { show, guid }),
            (None, None) => None,
            _ => {
                return Err(Error::InvalidParameter {
                    name: "seat_guid",
                    detail: "a seat is named by show_id and seat_guid".to_owned(),
                });
            }
        };
        let named = [
            seat,
            self.reservation_id.map(Subject::Reservation),
            self.customer_id.map(Subject::Customer),
            self.payment_id.map(Subject::Payment),
            self.saga_id.map(Subject::Saga),
            self.drop_id.map(Subject::Drop),
            self.correlation_id.take().map(|id| Subject::Correlation {
                id,
                to: self.to.unwrap_or(u64::MAX),
            }),
        ];
        let mut named = named.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(subject), None) => Ok(subject),
            _ => Err(Error::InvalidParameter {
                name: "reservation_id",
                detail: "one thing must be named: show_id with seat_guid, reservation_id, customer_id, payment_id, saga_id, \
                         drop_id or correlation_id"
                    .to_owned(),
            }),
        }
    }
}

/// Tells every decision about one thing, in order, and beside them what was refused.
#[utoipa::path(
    get,
    path = "/v1/audit/history",
    tag = "audit",
    security(("bearer" = [])),
    params(Params),
    responses(
        (status = 200, description = "Decisions, in order", body = History, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_history(
    State(state): State<AppState>,
    principal: Principal,
    Query(mut params): Query<Params>,
) -> Result<Response, Error> {
    principal.require(Role::Auditor)?;
    let subject = params.subject()?;
    let limit = limit(params.limit, MAX_LIMIT)?;
    let after = params.after.unwrap_or_default();
    let told = history(state.histories(), &subject, after, limit).await?;
    Ok(at(told.position, Json(told)))
}
