//! The route table.

mod announce_concert;
mod block_seats;
mod cancel_reservation;
mod cancel_show;
mod charge_points;
mod create_venue;
mod credentials_body;
mod dead_letters;
pub(crate) mod drops;
mod erase_customer;
mod erase_me;
mod extend_hold;
mod hold_seats;
mod notifications;
mod pay;
mod refresh_session;
mod refund_payment;
mod register_customer;
mod release_blocks;
mod schedule_show;
pub(crate) mod sign_in;
mod sign_out;
mod waiting_room;
mod webhooks;

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRequest, Request},
};
use domain::ids::{ReservationId, ShowId};
use edge::{
    Problem, json,
    layers::VENUE_BODY_LIMIT_BYTES,
    problem::{ProblemBody, TakenSeat},
};
use serde::Deserialize;
use tower::limit::GlobalConcurrencyLimitLayer;
use utoipa::{
    IntoParams, IntoResponses, OpenApi, ToSchema,
    openapi::{self, ContentBuilder, Ref, RefOr, Response, ResponseBuilder},
};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::waiting_room::Streams;
use crate::{error::log_failed, state::AppState};

/// Venues read at once: a plan of 16 MiB takes several times that while it is read. More wait, their bodies unread, until they
/// run out of time.
const VENUES_AT_ONCE: usize = 2;

/// Paths of the calls that hash a password: a caller may have fewer of them than of others.
pub const COSTLY: [&str; 2] = ["/v1/customers", "/v1/sessions"];

/// Every call of the command API.
pub fn router(state: AppState) -> Router {
    table().with_state(state).split_for_parts().0
}

/// The description of every call.
pub fn openapi() -> openapi::OpenApi {
    table().split_for_parts().1
}

fn table() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Schemas::openapi())
        .merge(
            OpenApiRouter::new()
                .routes(routes!(create_venue::create_venue))
                .layer(DefaultBodyLimit::max(VENUE_BODY_LIMIT_BYTES))
                .layer(GlobalConcurrencyLimitLayer::new(VENUES_AT_ONCE)),
        )
        .routes(routes!(announce_concert::announce_concert))
        .routes(routes!(schedule_show::schedule_show))
        .routes(routes!(cancel_show::cancel_show))
        .routes(routes!(block_seats::block_seats))
        .routes(routes!(release_blocks::release_blocks))
        .routes(routes!(erase_customer::erase_customer))
        .routes(routes!(erase_me::erase_me))
        .routes(routes!(hold_seats::hold_seats))
        .routes(routes!(extend_hold::extend_hold))
        .routes(routes!(cancel_reservation::cancel_reservation))
        .routes(routes!(waiting_room::enter::enter))
        .routes(routes!(
            waiting_room::look::look,
            waiting_room::leave::leave
        ))
        .routes(routes!(waiting_room::stream::stream))
        .routes(routes!(waiting_room::pause::pause))
        .routes(routes!(waiting_room::resume::resume))
        .routes(routes!(waiting_room::change::change))
        .routes(routes!(drops::open::open_drop))
        .routes(routes!(drops::enter::enter_drop))
        .routes(routes!(drops::close::close_drop))
        .routes(routes!(charge_points::charge_points))
        .routes(routes!(pay::pay))
        .routes(routes!(refund_payment::refund_payment))
        .routes(routes!(register_customer::register_customer))
        .routes(routes!(sign_in::sign_in))
        .routes(routes!(refresh_session::refresh_session))
        .routes(routes!(sign_out::sign_out))
        .routes(routes!(notifications::list::list))
        .routes(routes!(notifications::stream::stream))
        .routes(routes!(
            webhooks::create_webhook::create_webhook,
            webhooks::list_webhooks::list_webhooks
        ))
        .routes(routes!(webhooks::remove_webhook::remove_webhook))
        .routes(routes!(dead_letters::list_dead_letters::list_dead_letters))
        .routes(routes!(dead_letters::retry_dead_letter::retry_dead_letter))
}

/// What the descriptions of several calls refer to.
#[derive(OpenApi)]
#[openapi(components(schemas(ProblemBody, TakenSeat)))]
struct Schemas;

/// Headers that every command accepts.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes headers that extractors read")]
pub(crate) struct Headers {
    /// The client's name for one attempt, up to 255 bytes: repeated with the same key, a command takes effect once and
    /// a success is answered again.
    #[param(rename = "Idempotency-Key")]
    idempotency_key: Option<String>,
}

/// How every command may be refused; `docs/errors.md` lists the codes.
#[derive(Debug)]
pub(crate) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let problem = |description| {
            let schema = Ref::from_schema_name(ProblemBody::name());
            let content = ContentBuilder::new().schema(Some(schema)).build();
            let response = ResponseBuilder::new()
                .description(description)
                .content("application/problem+json", content);
            RefOr::T(response.build())
        };
        [
            ("400", "Malformed."),
            ("401", "No valid token."),
            ("403", "A token for another role, or no valid pass."),
            ("404", "Unknown, or another's."),
            ("409", "In conflict with what stands, or already done."),
            ("413", "The body is too large."),
            ("422", "Refused by a rule."),
            ("425", "Not on sale yet."),
            ("503", "Overloaded, busy, unavailable, or the outcome is unknown: repeat with the same key."),
        ]
        .into_iter()
        .map(|(status, description)| (status.to_owned(), problem(description)))
        .collect()
    }
}

/// A body without content: none at all, or `{}`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nothing;

impl FromRequest<AppState> for Nothing {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Empty {}
        let bytes = axum::body::Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|_| {
            Problem::new(
                axum::http::StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "no body is expected",
            )
        })?;
        if !bytes.is_empty() {
            let Empty {} = json::parse(&bytes)?;
        }
        Ok(Self)
    }
}

/// The show that a reservation belongs to.
async fn show_of(state: &AppState, reservation: ReservationId) -> Result<ShowId, Problem> {
    let show = state
        .reservations
        .show_of(reservation)
        .await
        .map_err(|error| log_failed(&error))?;
    show.ok_or_else(|| Problem::not_found("reservation"))
}
