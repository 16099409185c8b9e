//! How an answer counts.

use hyper::StatusCode;
use serde::Deserialize;

use super::{Failure, Reply};

/// What a call came to. Refusals are the product at work; failures and unknowns are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// 201: something was won.
    Created,
    /// Any other success, 304 included.
    Done,
    /// 4xx: refused, with the problem's code.
    Refused(String),
    /// 5xx, 429 or not sent: nothing happened. With the problem's code or the transport's word.
    Failed(String),
    /// Sent, and no telling what came of it: to be repeated with its key.
    Unknown,
}

/// The fields of a problem document that matter here.
#[derive(Deserialize)]
struct Problem {
    code: Option<String>,
    outcome: Option<String>,
}

impl Outcome {
    /// Classifies what came of a call.
    pub fn of(result: &Result<Reply, Failure>) -> Self {
        match result {
            Ok(reply) => Self::of_answer(reply.status, &reply.body),
            Err(Failure::NotSent(why)) => Self::Failed(why.clone()),
            Err(Failure::Unknown(_)) => Self::Unknown,
        }
    }

    /// Classifies an answer.
    pub fn of_answer(status: StatusCode, body: &[u8]) -> Self {
        if status == StatusCode::CREATED {
            return Self::Created;
        }
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Self::Done;
        }
        let problem = serde_json::from_slice::<Problem>(body).ok();
        if let Some(problem) = &problem
            && problem.outcome.as_deref() == Some("unknown")
        {
            return Self::Unknown;
        }
        let code = problem
            .and_then(|problem| problem.code)
            .unwrap_or_else(|| format!("http_{}", status.as_u16()));
        // Who asks too often was not served, whatever was asked for.
        if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
            Self::Refused(code)
        } else {
            Self::Failed(code)
        }
    }

    /// The code of a refusal.
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Self::Refused(code) => Some(code),
            Self::Created | Self::Done | Self::Failed(_) | Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::http::HeaderMap;

    use super::*;

    fn reply(status: StatusCode, body: &'static str) -> Reply {
        Reply {
            status,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn answers_are_told_apart() {
        let refused = r#"{"code":"seats_unavailable"}"#;
        let unknown = r#"{"code":"unavailable","outcome":"unknown"}"#;
        for (result, expected) in [
            (Ok(reply(StatusCode::CREATED, "{}")), Outcome::Created),
            (Ok(reply(StatusCode::NOT_MODIFIED, "")), Outcome::Done),
            (
                Ok(reply(StatusCode::CONFLICT, refused)),
                Outcome::Refused("seats_unavailable".into()),
            ),
            (
                Ok(reply(StatusCode::SERVICE_UNAVAILABLE, unknown)),
                Outcome::Unknown,
            ),
            (
                Ok(reply(StatusCode::INTERNAL_SERVER_ERROR, "oops")),
                Outcome::Failed("http_500".into()),
            ),
            (
                Ok(reply(StatusCode::TOO_MANY_REQUESTS, "{}")),
                Outcome::Failed("http_429".into()),
            ),
            (Err(Failure::Unknown("reset".into())), Outcome::Unknown),
        ] {
            assert_eq!(Outcome::of(&result), expected);
        }
    }
}
