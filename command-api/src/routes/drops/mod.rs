//! Drops: opened, entered, closed. How they stand, and the proof, are the query API's.

pub(super) mod close;
pub(super) mod enter;
pub(super) mod open;

use domain::drop::Status;
use edge::Problem;

use crate::{
    AppState, codes,
    drops::Error,
    error::{key_store_failed, log_failed, problem, refused},
};

/// A drop's error as an answer.
pub(crate) fn failed(state: &AppState, error: &Error) -> Problem {
    match error {
        Error::Drop(error) => refused(error, state.clock.now()),
        Error::NotAdmitted(pass) => {
            problem(codes::NOT_ADMITTED, error.to_string()).with("reason", pass.name())
        }
        Error::Log(error) => log_failed(error),
        Error::Keys(error) => key_store_failed(error),
        Error::SecretLost(_) => Problem::internal(error),
    }
}

/// How an entry stands, as clients read it.
fn status(status: Status) -> &'static str {
    match status {
        Status::Entered => "entered",
        Status::Won => "winning",
        Status::Standby => "standby",
        Status::Lost => "lost",
        Status::Paid => "won",
        Status::Forfeited => "forfeited",
    }
}
