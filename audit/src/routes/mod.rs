//! The route table: one endpoint per file.

mod as_of;
mod get_checkpoint;
mod get_history;
mod get_receipt;
mod list_events;
mod list_projections;
mod list_sagas;
mod list_security_entries;
mod prove_consistency;
mod prove_event;
mod seat_history;
mod seats_as_of;
#[cfg(test)]
mod tests;

use axum::{
    Router,
    http::{HeaderName, HeaderValue},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use event_store::EventLog;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{as_of::Moment, error::Error, state::AppState};

/// The header of an answer: the position that it shows.
const POSITION: HeaderName = HeaderName::from_static("position");
/// Items of a page unless the caller says otherwise.
const DEFAULT_LIMIT: usize = 100;

/// Every question, without layers and fallbacks.
pub fn router(state: AppState) -> Router {
    table().with_state(state).split_for_parts().0
}

/// The description of every question.
pub fn openapi() -> OpenApi {
    edge::docs::with_bearer(table().split_for_parts().1)
}

fn table() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_projections::list_projections))
        .routes(routes!(list_sagas::list_sagas))
        .routes(routes!(list_events::list_events))
        .routes(routes!(get_history::get_history))
        .routes(routes!(seat_history::seat_history))
        .routes(routes!(seats_as_of::seats_as_of))
        .routes(routes!(as_of::catalogue_as_of))
        .routes(routes!(as_of::row_as_of))
        .routes(routes!(list_security_entries::list_security_entries))
        .routes(routes!(prove_event::prove_event))
        .routes(routes!(prove_consistency::prove_log_consistency))
        .routes(routes!(get_checkpoint::get_checkpoint))
        .routes(routes!(get_checkpoint::get_verification_key))
        .routes(routes!(get_receipt::get_receipt))
}

/// An answer, and the position that it shows.
fn at(position: u64, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response
        .headers_mut()
        .insert(POSITION, HeaderValue::from(position));
    response
}

/// A limit within its bounds.
fn limit(given: Option<u32>, most: usize) -> Result<usize, Error> {
    let limit = given.map_or(DEFAULT_LIMIT, |limit| limit as usize);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    Err(Error::InvalidParameter {
        name: "limit",
        detail: format!("1 to {most}"),
    })
}

/// A moment of the log, or the present.
async fn moment(
    log: &dyn EventLog,
    as_of: Option<DateTime<Utc>>,
    as_of_position: Option<u64>,
) -> Result<Moment, Error> {
    let head = log.head().await?.position.0;
    let invalid = |detail: String| Error::InvalidParameter {
        name: "as_of_position",
        detail,
    };
    match (as_of, as_of_position) {
        (Some(_), Some(_)) => Err(invalid("either a time or a position, not both".to_owned())),
        (_, Some(position)) if position > head => Err(invalid(format!("the log ends at {head}"))),
        (_, Some(position)) => Ok(Moment::Position(position)),
        (Some(time), None) => Ok(Moment::Time(time)),
        (None, None) => Ok(Moment::Position(head)),
    }
}
