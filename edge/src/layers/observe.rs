//! Context, span, metrics and the headers that every answer carries.

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

use crate::{
    context::RequestContext,
    metrics::{REQUEST_DURATION, REQUESTS_IN_FLIGHT},
    problem::ProblemCode,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Set where a handler has not set its own: answers are data, never documents to be framed, sniffed or kept by others.
const DEFAULT_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

pub(super) async fn observe(mut request: Request, next: Next) -> Response {
    let context = RequestContext::from_headers(request.headers());
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let label = route.as_ref().map_or("none", MatchedPath::as_str);
    // Of the highest level, so that a warning keeps its trace id whatever the filter.
    let span = tracing::error_span!(
        "http.request",
        http.method = method,
        http.route = label,
        trace_id = context.trace_id(),
        correlation_id = &*context.correlation_id,
    );
    request.extensions_mut().insert(context.clone());

    let in_flight = InFlight::enter();
    let mut response = next.run(request).instrument(span.clone()).await;
    drop(in_flight);

    let elapsed = context.received_at.elapsed();
    let status = response.status();
    metrics::histogram!(
        REQUEST_DURATION,
        "method" => method, "route" => label.to_owned(), "status" => status.as_str().to_owned()
    )
    .record(elapsed.as_secs_f64());
    let code = response
        .extensions()
        .get::<ProblemCode>()
        .map_or("", |code| code.0);
    span.in_scope(|| {
        let (status, elapsed_ms) = (status.as_u16(), elapsed.as_millis());
        if status >= 500 {
            tracing::warn!(http.status = status, code, elapsed_ms, "request failed");
        } else {
            tracing::debug!(http.status = status, code, elapsed_ms, "request answered");
        }
    });

    let headers = response.headers_mut();
    for (name, value) in DEFAULT_HEADERS {
        headers.entry(name).or_insert(value);
    }
    if let Ok(id) = HeaderValue::from_str(&context.correlation_id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// Methods by name; anything a client made up is one label, so that it can't grow the metric.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Counts a request for as long as it lives, also when its client goes away.
struct InFlight;

impl InFlight {
    fn enter() -> Self {
        metrics::gauge!(REQUESTS_IN_FLIGHT).increment(1);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!(REQUESTS_IN_FLIGHT).decrement(1);
    }
}
