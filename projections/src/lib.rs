//! 4 PROJECT: bus in, rows out.
//!
//! ```text
//!  bus ── deliveries ──▶ decode ──▶ fold per key, in memory ──▶ write(rows, checkpoints) ──▶ read model
//!                                   one file per projection       one transaction              │
//!                                        ▲                                                      │
//!                                        └────────────────── load(rows of the keys) ────────────┘
//! ```
//!
//! A projection is a pure fold: it has no side effects, and a row folds the events of one routing key only, so rows do
//! not depend on how the log was cut into batches. An event is never skipped: one that can't be understood, or that
//! contradicts the rows, stops the worker, which then says that it is not ready.
#![warn(missing_docs)]
#![deny(clippy::wildcard_enum_match_arm)]

mod batch;
mod cache;
mod catalogue;
mod event;
mod fold;
pub mod metrics;
mod payments;
mod points;
mod progress;
mod reservations;
pub mod runner;
mod sagas;
mod seat_maps;
mod slice;
#[cfg(test)]
mod tests;

use std::fmt;

use domain::stored::DecodeError;
use read_model::{Keys, ProjectionId, Rows};

pub use crate::{
    event::Event,
    fold::{Fold, fold_all},
    progress::{Lag, Progress, Readiness},
    runner::{Deps, run},
    slice::Slice,
};

/// A writer of rows: a pure fold of events.
pub trait Projection: Send + Sync + fmt::Debug {
    /// Its name and version.
    fn id(&self) -> ProjectionId;

    /// Adds the keys of the rows that `event` changes or makes; none where the event is of no interest.
    fn keys(&self, event: &Event, keys: &mut Keys);

    /// Applies `event` to the rows of its keys, of which those that exist are in `rows`.
    ///
    /// # Errors
    /// [`Error::MissingRow`] where a row that the event changes is not there.
    fn apply(&self, event: &Event, rows: &mut Rows) -> Result<(), Error>;
}

/// All projections.
pub fn all() -> [Box<dyn Projection>; 6] {
    [
        Box::new(catalogue::Catalogue),
        Box::new(seat_maps::SeatMaps),
        Box::new(reservations::Reservations),
        Box::new(payments::Payments),
        Box::new(points::Points),
        Box::new(sagas::Sagas),
    ]
}

/// Why the worker, or a fold, can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An event that this release does not understand: written by a newer one, or damaged.
    #[error("the event at position {position} is not understood")]
    Undecodable {
        /// Its place in the log.
        position: u64,
        /// Why.
        source: DecodeError,
    },
    /// An event of a stream whose id is none.
    #[error("the event at position {position} is of `{aggregate_id}`, which is no id")]
    NotAnId {
        /// Its place in the log.
        position: u64,
        /// As stored.
        aggregate_id: String,
    },
    /// An event changes a row that no earlier event made.
    #[error("the event at position {position} changes {table} {key}, which is not there")]
    MissingRow {
        /// Its place in the log.
        position: u64,
        /// The table.
        table: &'static str,
        /// The row's key.
        key: String,
    },
    /// The bus can't be followed any further.
    #[error(transparent)]
    Bus(#[from] event_store::bus::Error),
    /// The read model does not do its part.
    #[error(transparent)]
    ReadModel(#[from] read_model::Error),
}
