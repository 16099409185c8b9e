//! The route table: one endpoint per file.

mod drops;
mod get_cancellation;
mod get_concert;
mod get_payment;
mod get_reservation;
mod get_show;
mod list_concerts;
mod list_seats;
mod list_shows;
mod my_payments;
mod my_points;
mod my_reservations;
mod my_transactions;
mod seat_status;
mod seat_stream;
#[cfg(test)]
mod tests;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// Every query, without layers and fallbacks.
pub fn router(state: AppState) -> Router {
    table().with_state(state).split_for_parts().0
}

/// The description of every query.
pub fn openapi() -> OpenApi {
    edge::docs::with_bearer(table().split_for_parts().1)
}

fn table() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_concerts::list_concerts))
        .routes(routes!(get_concert::get_concert))
        .routes(routes!(list_shows::list_shows))
        .routes(routes!(get_show::get_show))
        .routes(routes!(get_cancellation::get_cancellation))
        .routes(routes!(list_seats::list_seats))
        .routes(routes!(seat_status::seat_status))
        .routes(routes!(seat_stream::seat_stream))
        .routes(routes!(get_reservation::get_reservation))
        .routes(routes!(my_reservations::my_reservations))
        .routes(routes!(get_payment::get_payment))
        .routes(routes!(my_payments::my_payments))
        .routes(routes!(my_points::my_points))
        .routes(routes!(my_transactions::my_transactions))
        .routes(routes!(drops::get_drop::get_drop))
        .routes(routes!(drops::get_entry::get_entry))
        .routes(routes!(drops::entry_stream::entry_stream))
        .routes(routes!(drops::get_proof::get_proof))
}
