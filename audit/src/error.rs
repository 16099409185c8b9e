//! Why a question is not answered: the only place where it becomes a status.

use std::time::Duration;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use edge::{Problem, auth::Refusal};
use event_store::{log, seals::merkle::Missing};

use crate::seals::proof;

/// When a client should come back after a failure that passes by itself.
const RETRY: Duration = Duration::from_secs(1);

/// Why a question is not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token is missing, invalid, or of another role.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A parameter is outside its bounds.
    #[error("{name}: {detail}")]
    InvalidParameter {
        /// Its name.
        name: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// There is no such thing, or was none at that moment.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// An event can't be folded.
    #[error(transparent)]
    Fold(#[from] projections::Error),
    /// This installation signs no heads.
    #[error("the log of this installation is not sealed")]
    NotSealing,
    /// The event is younger than the newest signed head.
    #[error("position {position} is not sealed yet: the newest head covers {sealed} events")]
    NotSealedYet {
        /// Where it is.
        position: u64,
        /// Up to where there are proofs.
        sealed: u64,
    },
    /// The tree lacks what its head says it has.
    #[error(transparent)]
    Tree(#[from] Missing),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] log::Error),
    /// The read model failed.
    #[error(transparent)]
    ReadModel(#[from] read_model::Error),
}

impl From<proof::Error> for Error {
    fn from(error: proof::Error) -> Self {
        match error {
            proof::Error::Log(error) => error.into(),
            proof::Error::Missing(missing) => missing.into(),
            proof::Error::NoEvent(_) => Self::NotFound("event"),
            proof::Error::NotSealed { position, sealed } => Self::NotSealedYet { position, sealed },
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let unavailable = |code, detail: &str| {
            tracing::warn!(error = ?error, "{detail}");
            Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail.to_owned()).retry_after(RETRY)
        };
        let malformed = |code, at: &str| {
            Self::new(StatusCode::BAD_REQUEST, code, error.to_string()).with("at", at)
        };
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::InvalidParameter { name, .. } => malformed("invalid_parameter", name),
            Error::NotFound(what) => Self::not_found(what),
            Error::NotSealing => Self::new(StatusCode::NOT_FOUND, "not_sealing", error.to_string()),
            Error::NotSealedYet { sealed, .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "not_sealed_yet",
                error.to_string(),
            )
            .with("sealed", sealed)
            .retry_after(RETRY),
            Error::ReadModel(read_model::Error::BadCursor(_)) => {
                malformed("invalid_cursor", "cursor")
            }
            Error::Log(log::Error::Unavailable(_)) => {
                unavailable("unavailable", "the log can't be reached")
            }
            Error::ReadModel(read_model::Error::Unavailable(_)) => {
                unavailable("read_model_unavailable", "the read model does not answer")
            }
            Error::Tree(_) | Error::Log(_) | Error::ReadModel(_) | Error::Fold(_) => {
                Self::internal(&error)
            }
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
            Error::InvalidParameter {
                name: "limit",
                detail: "as told".to_owned(),
            },
            Error::NotFound("show"),
            Error::NotSealing,
            Error::NotSealedYet {
                position: 2,
                sealed: 1,
            },
            Error::Log(log::Error::Unavailable("as told".to_owned())),
            Error::Log(log::Error::Corrupt("as told".to_owned())),
            Error::ReadModel(read_model::Error::BadCursor("as told".to_owned())),
            Error::ReadModel(read_model::Error::Unavailable("as told".to_owned())),
            Error::ReadModel(read_model::Error::Corrupt("as told".to_owned())),
        ];
        for error in errors {
            let problem = Problem::from(error);
            let row = format!("| `{}` | {} |", problem.code(), problem.status().as_u16());
            let documented = include_str!("../../docs/errors.md").contains(&row);
            assert!(documented, "docs/errors.md has no row {row}");
        }
    }
}
