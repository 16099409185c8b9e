//! cqrs-es over the log: aggregates, queries, views and replays written for it run unchanged.
//!
//! - [`LogEventStore`] is an `EventStore`: the one to give to a `CqrsFramework`. The envelopes it returns say where in the log each
//!   event stands.
//! - [`LogRepository`] is a `PersistedEventRepository`: for `PersistedEventStore`, `QueryReplay` and what else takes one.
//! - [`CqrsDecider`] runs an aggregate in the [`crate::Executor`], with batches, cached state and idempotent commands.
//!
//! Where cqrs-es 0.5.0 is unsafe, this is not:
//!
//! - The snapshot that `PersistedEventStore` hands to `persist` has the commit's events applied twice. It is never used: snapshots
//!   here are folds of the stored events, and a snapshot read is folded on to the stream's end.
//! - A conflict is found before anything is stored, never after.
//! - Replays go in the log's order over all aggregates. An error is passed on; it never looks like the end. `QueryReplay` itself
//!   hands errors to its error handler and then returns `Ok`: use [`LogRepository::replay`], which returns them.
//! - Queries that a `CqrsFramework` dispatches to run after the commit and are lost in a crash, as ever; those that must not be
//!   belong on the [`crate::bus`].

mod decider;
mod fold;
mod repository;
mod store;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, fmt};

use chrono::{DateTime, SecondsFormat, Utc};
use cqrs_es::{AggregateError, persist::PersistenceError};
use uuid::Uuid;

pub use self::{
    decider::{CqrsDecider, Refusal},
    repository::{LogRepository, Options},
    store::{LogContext, LogEventStore},
};
use crate::{
    committer::CommitError,
    log::{self, Outcome, Position, RecordedEvent},
};

/// Metadata key, in events that are read, for the event's position in the log. Never stored.
pub const POSITION: &str = "$position";
/// Metadata key, in events that are read, for the event's id. Never stored.
pub const EVENT_ID: &str = "$event_id";
/// Metadata key, in events that are read, for when the event was recorded (RFC 3339, UTC, microseconds). Never stored.
pub const RECORDED_AT: &str = "$recorded_at";

/// Schema numbers of the bridge's snapshots begin here, apart from those that deciders choose.
const SNAPSHOT_SCHEMAS: u32 = 1 << 30;

/// The metadata of an event as it is read.
fn metadata_of(event: &RecordedEvent) -> Result<HashMap<String, String>, serde_json::Error> {
    let mut metadata: HashMap<String, String> = serde_json::from_str(&event.metadata)?;
    read_keys(
        &mut metadata,
        event.position,
        event.event_id,
        event.recorded_at,
    );
    Ok(metadata)
}

/// Adds what readers are told of an event.
fn read_keys(
    metadata: &mut HashMap<String, String>,
    position: Position,
    event_id: Uuid,
    recorded_at: DateTime<Utc>,
) {
    let recorded_at = recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true);
    metadata.insert(POSITION.to_owned(), position.to_string());
    metadata.insert(EVENT_ID.to_owned(), event_id.to_string());
    metadata.insert(RECORDED_AT.to_owned(), recorded_at);
}

/// A failure of the log in cqrs-es's terms.
fn failed(error: log::Error) -> PersistenceError {
    match error {
        log::Error::Unavailable(_) => PersistenceError::ConnectionError(Box::new(error)),
        log::Error::Unknown(_)
        | log::Error::Invalid(_)
        | log::Error::Corrupt(_)
        | log::Error::Refused(_) => PersistenceError::UnknownError(Box::new(error)),
    }
}

/// Where the events were stored, or why not.
fn committed(outcome: Result<Outcome, CommitError>) -> Result<Position, PersistenceError> {
    match outcome {
        Ok(Outcome::Committed { first, .. }) => Ok(first),
        Ok(Outcome::VersionConflict { .. }) => Err(PersistenceError::OptimisticLockError),
        Ok(
            other
            @ (Outcome::Known(_) | Outcome::CommandPruned { .. } | Outcome::ClaimTaken { .. }),
        ) => Err(defect(format_args!("the log answered {other:?}"))),
        Err(CommitError::Log(error)) => Err(failed(error)),
        Err(error @ (CommitError::Overloaded | CommitError::Closed)) => {
            Err(PersistenceError::ConnectionError(Box::new(error)))
        }
    }
}

fn defect(text: fmt::Arguments<'_>) -> PersistenceError {
    PersistenceError::UnknownError(text.to_string().into())
}

fn aggregate_error<E: std::error::Error>(error: PersistenceError) -> AggregateError<E> {
    error.into()
}
