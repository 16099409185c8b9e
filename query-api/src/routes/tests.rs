//! The routes over a real log, bus and read model.

mod cancellation;
mod catalogue;
mod entries;
mod freshness;
mod owned;
mod seats;
mod stream;

use crate::routes::openapi;

#[test]
fn every_call_is_described() {
    let described = openapi();
    let paths: Vec<&str> = described.paths.paths.keys().map(String::as_str).collect();
    for path in [
        "/v1/concerts",
        "/v1/concerts/{id}",
        "/v1/shows",
        "/v1/shows/{id}",
        "/v1/shows/{id}/cancellation",
        "/v1/shows/{id}/seats",
        "/v1/shows/{id}/seats/status",
        "/v1/shows/{id}/seats/stream",
        "/v1/reservations/{id}",
        "/v1/me/reservations",
        "/v1/payments/{id}",
        "/v1/me/payments",
        "/v1/me/points",
        "/v1/me/points/transactions",
        "/v1/drops/{id}",
        "/v1/drops/{id}/entries/{entry_id}",
        "/v1/drops/{id}/entries/{entry_id}/stream",
        "/v1/drops/{id}/proof",
    ] {
        assert!(paths.contains(&path), "{path}");
    }
    assert_eq!(paths.len(), 18);
}
