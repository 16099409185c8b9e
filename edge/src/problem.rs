//! `application/problem+json` (RFC 9457): the one form of every error answer.

use std::{
    error::Error,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An error answer.
///
/// JSON: `{type, title, status, detail, code, ...}`, where `type` is `/problems/<code>`, `title` is the code in words and the
/// rest are fields that help ([`Problem::with`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    retry_after: Option<Duration>,
    fields: Map<String, Value>,
}

/// The code of the problem in a response, for logs and metrics (an extension of the response).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemCode(pub &'static str);

impl Problem {
    /// An answer with a stable `code` (`snake_case`) and a sentence for people.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            retry_after: None,
            fields: Map::new(),
        }
    }

    /// 404 `not_found`: no such object, or another's.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("no such {what}"),
        )
    }

    /// 500 `internal`: logs the whole chain of causes here, once, and tells the client nothing of it.
    pub fn internal(error: &(dyn Error + 'static)) -> Self {
        let mut chain = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            chain.push_str(": ");
            chain.push_str(&cause.to_string());
            source = cause.source();
        }
        tracing::error!(error = %chain, "a request failed for an internal reason");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the server failed; the cause is in its log",
        )
    }

    /// Adds a field. One that can't be serialized is `null`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or_default();
        self.fields.insert(name.to_owned(), value);
        self
    }

    /// Says when to try again: the header `Retry-After` (whole seconds, rounded up, at least 1) and the field `retry_after_ms`. Where it is
    /// the server that is in difficulties (5xx), a random time between `after` and three times that: those who were refused together are
    /// not to come back together.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        let after = if self.status.is_server_error() {
            after + (after * 2).mul_f64(random_part())
        } else {
            after
        };
        let ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        // What the header rounds up must be what the body says.
        self.retry_after = Some(Duration::from_millis(ms));
        self.with("retry_after_ms", ms)
    }

    /// Says that it isn't known whether the command was carried out: repeat it with the same key.
    #[must_use]
    pub fn outcome_unknown(self) -> Self {
        self.with("outcome", "unknown")
    }

    /// HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// A field added by [`Problem::with`].
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// The body.
    pub fn to_json(&self) -> Value {
        let mut body = Map::new();
        body.insert("type".to_owned(), format!("/problems/{}", self.code).into());
        body.insert("title".to_owned(), title(self.code).into());
        body.insert("status".to_owned(), self.status.as_u16().into());
        body.insert("detail".to_owned(), self.detail.clone().into());
        body.insert("code".to_owned(), self.code.into());
        body.extend(self.fields.clone());
        Value::Object(body)
    }
}

/// Evenly between 0 and 1. From the standard library's random keys: nobody gains by guessing it.
fn random_part() -> f64 {
    let bits = RandomState::new().hash_one(()) >> 32;
    f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(u32::MAX)
}

/// `seats_unavailable` -> "Seats unavailable".
fn title(code: &str) -> String {
    let mut words = code.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.to_json().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, seconds.max(1).into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(ProblemCode(self.code));
        response
    }
}

/// The form of every error answer (RFC 9457), for the API description. Some codes add fields of their own.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// `/problems/<code>`.
    #[schema(example = "/problems/not_found")]
    pub r#type: String,
    /// The code in words.
    #[schema(example = "Not found")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened, for people.
    pub detail: String,
    /// What happened, for programs: stable.
    #[schema(example = "not_found")]
    pub code: String,
    /// When to try again, in milliseconds; only where trying again helps.
    #[schema(required = false)]
    pub retry_after_ms: Option<u64>,
    /// `unknown`: the command may have been carried out; repeat it with the same `Idempotency-Key`.
    #[schema(required = false)]
    pub outcome: Option<String>,
    /// Where in the log the decision rests: the refusal holds at least up to there.
    #[schema(required = false)]
    pub position: Option<u64>,
    /// `seats_unavailable`, `stranded_seat` and others about seats: the `seat_guid`s that stand in the way.
    #[schema(required = false)]
    pub seats: Option<Vec<String>>,
    /// `seats_unavailable`, `hold_expired`: where in the log the seats went that are another's, or out of sale.
    #[schema(required = false)]
    pub taken: Option<Vec<TakenSeat>>,
    /// `seats_unavailable`, `stranded_seat`: `seat_guid`s free at the decision, near those asked for and of the same number and
    /// categories; empty where there are none.
    #[schema(required = false)]
    pub alternatives: Option<Vec<String>>,
    /// `too_many_requests`: the limits that the call exceeds, as the header `RateLimit` names them.
    #[schema(required = false)]
    pub violated_policies: Option<Vec<String>>,
}

/// A seat that is gone, and where in the log it went.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TakenSeat {
    /// The plan's id of the seat.
    pub seat_guid: String,
    /// Position of the event that took it.
    pub position: u64,
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn answers_in_the_standard_form_with_its_own_fields() {
        let problem = Problem::new(StatusCode::CONFLICT, "seats_unavailable", "taken")
            .with("seats", ["A-1"])
            .retry_after(Duration::from_millis(1500));
        let response = problem.into_response();
        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        assert_eq!(
            response.extensions().get::<ProblemCode>(),
            Some(&ProblemCode("seats_unavailable"))
        );
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "/problems/seats_unavailable", "title": "Seats unavailable", "status": 409, "detail": "taken",
                "code": "seats_unavailable", "seats": ["A-1"], "retry_after_ms": 1500
            })
        );
    }

    #[test]
    fn those_who_were_refused_together_come_back_apart() {
        let refuse = |status| {
            let problem = Problem::new(status, "busy", "").retry_after(Duration::from_secs(10));
            let ms = problem
                .field("retry_after_ms")
                .and_then(Value::as_u64)
                .unwrap();
            let header = problem.into_response().headers()[header::RETRY_AFTER].clone();
            let seconds: u64 = header.to_str().unwrap().parse().unwrap();
            assert_eq!(seconds, ms.div_ceil(1_000));
            ms
        };
        let times: Vec<_> = (0..100)
            .map(|_| refuse(StatusCode::SERVICE_UNAVAILABLE))
            .collect();
        assert!(times.iter().all(|ms| (10_000..=30_000).contains(ms)));
        assert!(times.iter().any(|ms| *ms < 20_000) && times.iter().any(|ms| *ms > 20_000));
        assert_eq!(refuse(StatusCode::TOO_MANY_REQUESTS), 10_000, "exact");
    }

    #[test]
    fn an_unauthorized_answer_names_the_scheme() {
        let response =
            Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "no token").into_response();
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }
}
