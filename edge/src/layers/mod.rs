//! What every route gets: context, telemetry, limits, deadlines, bounds, and problems for what no handler answers.

mod guard;
mod observe;

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, OriginalUri},
    http::{Method, StatusCode},
    middleware,
    response::{IntoResponse, Response},
};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

pub(crate) use self::guard::overloaded;
use crate::{
    limits::Limits,
    problem::Problem,
    security::{self, Ear},
};

/// Most bytes of a body where a route says nothing else.
pub const BODY_LIMIT_BYTES: usize = 64 * 1024;
/// Most bytes of a venue's body: a plan of 50,000 seats.
pub const VENUE_BODY_LIMIT_BYTES: usize = 16 * 1024 * 1024;
/// Longest time from a request's head to its response's head. Longer than any bounded wait inside a handler.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Most requests being answered at once; more are refused before any work. What is let in must be done before its caller gives up: on two small
/// cores this is less than a second's work, and four times as many left nobody served in time under three times the load. An answer that is
/// streamed counts until its head is out; streams have bounds of their own.
pub const MAX_REQUESTS_IN_FLIGHT: usize = 2_048;

/// Bounds of the layers.
#[derive(Debug, Clone)]
pub struct LayersConfig {
    /// See [`REQUEST_TIMEOUT`].
    pub request_timeout: Duration,
    /// See [`BODY_LIMIT_BYTES`].
    pub body_limit_bytes: usize,
    /// See [`MAX_REQUESTS_IN_FLIGHT`].
    pub max_requests_in_flight: usize,
    /// What one caller may ask; `None`: anything.
    pub limits: Option<Arc<Limits>>,
    /// Who is told of sign-ins and refusals; `None`: nobody.
    pub security: Option<Ear>,
}

impl Default for LayersConfig {
    fn default() -> Self {
        Self {
            request_timeout: REQUEST_TIMEOUT,
            body_limit_bytes: BODY_LIMIT_BYTES,
            max_requests_in_flight: MAX_REQUESTS_IN_FLIGHT,
            limits: None,
            security: None,
        }
    }
}

/// Puts the layers around a finished router, with fallbacks for unknown routes (404 `no_such_route`) and methods
/// (405 `method_not_allowed`). Outside in: context and telemetry, security headers, panics, limits, overload and deadline, body limit.
pub fn apply(router: Router, config: &LayersConfig) -> Router {
    let guard = guard::Guard {
        request_timeout: config.request_timeout,
        slots: Arc::new(Semaphore::new(config.max_requests_in_flight)),
        limits: config.limits.clone(),
    };
    router
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(config.body_limit_bytes))
        .layer(middleware::from_fn_with_state(
            config.security.clone(),
            security::listen,
        ))
        .layer(middleware::from_fn_with_state(guard, guard::guard))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(observe::observe))
}

/// A body limit for one route: put it on the route, inside of [`apply`].
pub fn body_limit(bytes: usize) -> DefaultBodyLimit {
    DefaultBodyLimit::max(bytes)
}

/// 404, as a problem: for routers that stand outside of [`apply`].
pub(crate) async fn no_such_route(OriginalUri(uri): OriginalUri) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no_such_route",
        format!("nothing is served at {}", uri.path()),
    )
}

/// 405, as a problem: for routers that stand outside of [`apply`].
pub(crate) async fn method_not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("{} can't be asked to {method}", uri.path()),
    )
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands the payload over"
)]
fn panicked(payload: Box<dyn Any + Send + 'static>) -> Response {
    let message = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = message, "a handler panicked");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "the server failed; the cause is in its log",
    )
    .into_response()
}

#[cfg(test)]
mod tests;
