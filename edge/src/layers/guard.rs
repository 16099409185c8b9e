//! Overload and deadlines: refuse before any work, give up in time.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::{sync::Semaphore, time::timeout};

use crate::{metrics::REQUESTS_SHED, problem::Problem};

/// When a client refused for overload should come back.
const OVERLOAD_RETRY: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) request_timeout: Duration,
    pub(super) slots: Arc<Semaphore>,
}

pub(super) async fn guard(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let Ok(_slot) = limits.slots.try_acquire() else {
        return overloaded().into_response();
    };
    let is_read = request.method().is_safe();
    if let Ok(response) = timeout(limits.request_timeout, next.run(request)).await {
        return response;
    }
    metrics::counter!(REQUESTS_SHED, "reason" => "deadline").increment(1);
    let detail = "the answer was not ready in time";
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "deadline", detail)
        .retry_after(OVERLOAD_RETRY);
    // What was begun may still be recorded: only a repeat with the same key can tell.
    let problem = if is_read {
        problem
    } else {
        problem.outcome_unknown()
    };
    problem.into_response()
}

/// 503, as a problem, for a request that nothing was done about.
pub(crate) fn overloaded() -> Problem {
    metrics::counter!(REQUESTS_SHED, "reason" => "overloaded").increment(1);
    let detail = "too many requests are being answered; nothing was done";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(OVERLOAD_RETRY)
}
