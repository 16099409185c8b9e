//! 3 RECORD: one ordered log of events, its executor and its bus. Knows no ticketing: any cqrs-es project can use it.
#![warn(missing_docs)]

pub mod bus;
pub mod claims;
pub mod clock;
pub mod commands;
pub mod committer;
pub mod cqrs_es;
pub mod executor;
#[cfg(feature = "kafka")]
pub mod inbox;
pub mod leases;
pub mod log;
pub mod metrics;
pub mod refusals;
#[cfg(feature = "kafka")]
pub mod relay;
pub mod seals;
pub mod security_log;
pub mod snapshot;
pub mod sqlite_file;
#[cfg(test)]
mod testing;
pub mod timers;
pub mod upcast;

pub use crate::{
    clock::{Clock, DatabaseClock, SystemClock},
    committer::Committer,
    executor::Executor,
    log::{EventLog, Position, PostgresEventLog, RecordedEvent, SqliteEventLog, StreamId},
};

/// The README's examples, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
