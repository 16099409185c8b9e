//! Overload and deadlines: refuse before any work, give up in time.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::{
    limits::{Limits, Tally},
    metrics::REQUESTS_SHED,
    problem::Problem,
};

/// When a client refused for overload should come back.
const OVERLOAD_RETRY: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(super) struct Guard {
    pub(super) request_timeout: Duration,
    pub(super) slots: Arc<Semaphore>,
    pub(super) limits: Option<Arc<Limits>>,
}

pub(super) async fn guard(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut tally = Tally::default();
    let mut response = match guard.admit(&mut request, &mut tally) {
        Ok(_slot) => guard.answer(request, next).await,
        Err(problem) => problem.into_response(),
    };
    tally.write(response.headers_mut());
    response
}

impl Guard {
    /// A slot for a request that may go on: by its head alone, cheapest check first.
    fn admit(
        &self,
        request: &mut Request,
        tally: &mut Tally,
    ) -> Result<SemaphorePermit<'_>, Problem> {
        let limits = self.limits.as_deref();
        let caller = limits.map(|limits| (limits, limits.caller(request)));
        if let Some((limits, caller)) = caller {
            limits.count_address(caller, request, tally)?;
        }
        let slot = self.slots.try_acquire().map_err(|_| overloaded())?;
        if let Some((limits, caller)) = caller {
            limits.count_customer(caller, request, tally)?;
        }
        Ok(slot)
    }

    async fn answer(&self, request: Request, next: Next) -> Response {
        let is_read = request.method().is_safe();
        if let Ok(response) = timeout(self.request_timeout, next.run(request)).await {
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
}

/// 503, as a problem, for a request that nothing was done about.
pub(crate) fn overloaded() -> Problem {
    metrics::counter!(REQUESTS_SHED, "reason" => "overloaded").increment(1);
    let detail = "too many requests are being answered; nothing was done";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(OVERLOAD_RETRY)
}
