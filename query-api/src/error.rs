//! Why a query is not answered: the only place where it becomes a status.

use std::time::Duration;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use edge::{Problem, auth::Refusal};
use event_store::bus;

/// When a client should come back after a failure that passes by itself.
const RETRY: Duration = Duration::from_secs(1);

/// Why a query is not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token is missing, invalid, or of another role.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No such object, or another's.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// A parameter is outside its bounds.
    #[error("{name}: {detail}")]
    InvalidParameter {
        /// Its name.
        name: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// What was asked for is not known here yet.
    #[error("position {wanted} is not reached yet, only {reached}")]
    NotCaughtUp {
        /// What the request demanded.
        wanted: u64,
        /// What is known.
        reached: u64,
    },
    /// An event of it could not be projected: until an operator has seen to it, it stands still.
    #[error("the {0} stands still until an operator has seen to one of its events")]
    Parked(&'static str),
    /// The drop is not over.
    #[error("the drop is not over: its proof comes with its secret")]
    ProofNotReady,
    /// A bound is reached.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// The read model failed.
    #[error(transparent)]
    ReadModel(#[from] read_model::Error),
    /// The bus failed.
    #[error(transparent)]
    Bus(#[from] bus::Error),
    /// An event is of a form that this release doesn't know.
    #[error("an event can't be read")]
    Decode(#[from] domain::stored::DecodeError),
    /// Rendering an answer failed.
    #[error("an answer can't be rendered: {0}")]
    Render(String),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        let unavailable = |code| {
            Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail.clone()).retry_after(RETRY)
        };
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::NotFound(what) => Self::not_found(what),
            Error::InvalidParameter { name, .. } => {
                Self::new(StatusCode::BAD_REQUEST, "invalid_parameter", detail).with("at", name)
            }
            Error::NotCaughtUp { wanted, reached } => unavailable("not_caught_up")
                .with("wanted", wanted)
                .with("position", reached),
            Error::Parked(_) => unavailable("not_caught_up"),
            Error::ProofNotReady => Self::new(StatusCode::CONFLICT, "proof_not_ready", detail),
            Error::TooMany(_) => unavailable("overloaded"),
            Error::ReadModel(ref inner) => match inner {
                read_model::Error::BadCursor(_) => {
                    Self::new(StatusCode::BAD_REQUEST, "invalid_cursor", detail)
                        .with("at", "cursor")
                }
                read_model::Error::Unavailable(_) => {
                    tracing::warn!(error = %detail, "the read model does not answer");
                    Self::new(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "read_model_unavailable",
                        "the read model does not answer",
                    )
                    .retry_after(RETRY)
                }
                read_model::Error::CheckpointMoved { .. }
                | read_model::Error::NoVersion { .. }
                | read_model::Error::NotLive { .. }
                | read_model::Error::Live { .. }
                | read_model::Error::NotParked { .. }
                | read_model::Error::Corrupt(_)
                | read_model::Error::UnknownScheme(_) => Self::internal(&error),
            },
            Error::Bus(bus::Error::Unavailable(_)) => unavailable("bus_unavailable"),
            Error::Bus(
                bus::Error::Diverged(_) | bus::Error::Corrupt(_) | bus::Error::Refused(_),
            )
            | Error::Decode(_)
            | Error::Render(_) => Self::internal(&error),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            // It knows the challenge that a client without a token is owed.
            Self::Refused(refusal) => refusal.into_response(),
            other => Problem::from(other).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_is_documented() {
        let errors = [
            Error::NotFound("show"),
            Error::InvalidParameter {
                name: "limit",
                detail: "as told".to_owned(),
            },
            Error::NotCaughtUp {
                wanted: 2,
                reached: 1,
            },
            Error::Parked("show"),
            Error::TooMany("streams are open"),
            Error::ReadModel(read_model::Error::BadCursor("as told".to_owned())),
            Error::ReadModel(read_model::Error::Unavailable("as told".to_owned())),
            Error::ReadModel(read_model::Error::Corrupt("as told".to_owned())),
            Error::Bus(bus::Error::Unavailable("as told".to_owned())),
            Error::Bus(bus::Error::Corrupt("as told".to_owned())),
            Error::Render("as told".to_owned()),
        ];
        for error in errors {
            let problem = Problem::from(error);
            let row = format!("| `{}` | {} |", problem.code(), problem.status().as_u16());
            let documented = include_str!("../../docs/errors.md").contains(&row);
            assert!(documented, "docs/errors.md has no row {row}");
        }
    }
}
