//! Every answer that no handler gives is a problem, and every answer carries the headers.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::header,
    routing::{get, post},
};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::{context::RequestContext, json::Json};

fn router(config: &LayersConfig) -> Router {
    let router = Router::new()
        .route(
            "/ok",
            get(|context: RequestContext| async move { context.traceparent.to_string() }),
        )
        .route("/panic", get(panics))
        .route(
            "/never",
            get(std::future::pending::<()>).post(std::future::pending::<()>),
        )
        .route("/small", post(|_: Json<Value>| async {}))
        .route(
            "/large",
            post(|_: Json<Value>| async {}).layer(body_limit(1_000)),
        );
    apply(router, config)
}

async fn panics() -> &'static str {
    panic!("oh no")
}

async fn ask(method: &str, path: &str, body: &str) -> (Response, Value) {
    let config = LayersConfig {
        request_timeout: Duration::from_millis(30),
        body_limit_bytes: 100,
        ..LayersConfig::default()
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-request-id", "it is me")
        .body(Body::from(body.to_owned()))
        .unwrap();
    let response = router(&config).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, 100_000).await.unwrap();
    let json = serde_json::from_slice(&bytes).unwrap_or_default();
    (Response::from_parts(parts, Body::empty()), json)
}

#[tokio::test]
async fn every_failure_is_a_problem() {
    let long = format!("\"{}\"", "x".repeat(200));
    for (method, path, body, status, code) in [
        ("GET", "/nowhere", "", 404, "no_such_route"),
        ("DELETE", "/ok", "", 405, "method_not_allowed"),
        ("GET", "/panic", "", 500, "internal"),
        ("GET", "/never", "", 503, "deadline"),
        ("POST", "/small", &*long, 413, "body_too_large"),
        ("POST", "/small", "{", 400, "malformed_json"),
    ] {
        let (response, problem) = ask(method, path, body).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(problem["code"], code, "{path}");
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
        assert_eq!(response.headers()["x-request-id"], "it is me");
    }
    let (response, _) = ask("POST", "/large", &long).await;
    assert_eq!(response.status(), StatusCode::OK, "a route may accept more");
}

#[tokio::test]
async fn a_write_that_ran_out_of_time_has_an_unknown_outcome() {
    let (response, problem) = ask("POST", "/never", "").await;
    assert_eq!(problem["outcome"], "unknown");
    let seconds = response.headers()[header::RETRY_AFTER].to_str().unwrap();
    assert!(
        ["1", "2", "3"].contains(&seconds),
        "1 s, or up to three times that: {seconds}"
    );
    let (_, problem) = ask("GET", "/never", "").await;
    assert_eq!(problem.get("outcome"), None);
}

#[tokio::test]
async fn a_405_says_what_is_allowed() {
    let (response, _) = ask("DELETE", "/ok", "").await;
    let allow = response.headers()[header::ALLOW].to_str().unwrap();
    assert!(allow.contains("GET"), "{allow}");
}

#[tokio::test]
async fn answers_carry_the_security_headers() {
    let (response, _) = ask("GET", "/ok", "").await;
    assert_eq!(
        response.headers()[header::X_CONTENT_TYPE_OPTIONS],
        "nosniff"
    );
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert!(
        response
            .headers()
            .contains_key(header::CONTENT_SECURITY_POLICY)
    );
}

#[tokio::test]
async fn beyond_the_bound_nothing_is_begun() {
    let config = LayersConfig {
        max_requests_in_flight: 0,
        ..LayersConfig::default()
    };
    let request = Request::get("/ok").body(Body::empty()).unwrap();
    let response = router(&config).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key(header::RETRY_AFTER));
}
