//! What the limits told about one call, and how its answer says so: `RateLimit-Policy` and `RateLimit` of
//! draft-ietf-httpapi-ratelimit-headers-10.

use std::{fmt::Write as _, time::Duration};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::limit::{Standing, WINDOW};
use crate::{metrics::REQUESTS_LIMITED, problem::Problem};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The limits that a call counted under.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    policy: String,
    limit: String,
}

impl Tally {
    /// Notes how the caller stands under one limit.
    pub(super) fn count(&mut self, standing: Standing) -> Result<(), Problem> {
        let Standing {
            name,
            quota,
            remaining,
            reset,
            is_refused,
        } = standing;
        let next = if self.policy.is_empty() { "" } else { ", " };
        let (window, reset_seconds) = (WINDOW.as_secs(), whole_seconds(reset));
        // Writing into a string can't fail.
        let _ = write!(self.policy, "{next}\"{name}\";q={quota};w={window}");
        let _ = write!(
            self.limit,
            "{next}\"{name}\";r={remaining};t={reset_seconds}"
        );
        if !is_refused {
            return Ok(());
        }
        metrics::counter!(REQUESTS_LIMITED, "policy" => name).increment(1);
        let detail = format!("more than {quota} calls in {window} s; nothing was done");
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail);
        Err(problem.with("violated_policies", [name]).retry_after(reset))
    }

    /// Tells it in an answer's head; nothing where nothing was counted.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        for (name, text) in [(POLICY, self.policy), (LIMIT, self.limit)] {
            if let Some(value) = HeaderValue::from_str(&text)
                .ok()
                .filter(|_| !text.is_empty())
            {
                headers.insert(name, value);
            }
        }
    }
}

/// Rounded up: who comes back then is not too early.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
