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
//! not depend on how the log was cut into batches, nor on who folds which partition. An event is never passed over:
//!
//! - one that contradicts the rows, or is damaged, is parked with all later ones of its key, for that projection; other keys go on;
//! - one that a newer release wrote stops the worker, which then says that it is not ready.
#![warn(missing_docs)]
#![deny(clippy::wildcard_enum_match_arm)]

mod batch;
mod cache;
mod catalogue;
mod drops;
mod event;
mod fold;
mod folder;
mod gather;
pub mod metrics;
mod needs;
pub mod parked;
mod payments;
mod points;
mod progress;
pub mod rebuild;
mod reservations;
pub mod runner;
mod sagas;
mod seat_maps;
mod slice;
mod stands;
#[cfg(test)]
mod tests;

use std::fmt;

use domain::stored::DecodeError;
use read_model::{ProjectionId, Rows};

pub use crate::{
    event::Event,
    fold::{Fold, PartitionOf, fold_all},
    gather::MAX_BATCH,
    needs::{Effect, Needs},
    progress::{Lag, Progress, Readiness},
    rebuild::rebuild,
    runner::{Deps, LogSource, run},
    slice::{Slice, routing_key},
};

/// A writer of rows: a pure fold of events.
pub trait Projection: Send + Sync + fmt::Debug {
    /// Its name and fold.
    fn id(&self) -> ProjectionId;

    /// Notes the rows that `event` changes or makes; none where the event is of no interest.
    fn needs(&self, event: &Event, needs: &mut Needs);

    /// Applies `event` to the rows that it needs, of which those that exist are in `rows`; changes all of them or, with an error, none.
    ///
    /// # Errors
    /// [`Error::MissingRow`] where a row that the event changes is not there.
    fn apply(&self, event: &Event, rows: &mut Rows) -> Result<(), Error>;
}

/// All projections.
pub fn all() -> [Box<dyn Projection>; 7] {
    [
        Box::new(catalogue::Catalogue),
        Box::new(seat_maps::SeatMaps),
        Box::new(reservations::Reservations),
        Box::new(payments::Payments),
        Box::new(points::Points),
        Box::new(sagas::Sagas),
        Box::new(drops::Drops),
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
    /// An event is damaged, in whatever way.
    #[error("the event at position {position} can't be read: {reason}")]
    Damaged {
        /// Its place in the log.
        position: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing is parked under a key.
    #[error("{projection} has nothing parked for key {key}", projection = .projection.name())]
    NothingParked {
        /// The projection.
        projection: ProjectionId,
        /// The routing key.
        key: String,
    },
    /// A newer release's rows are live: this one can't go on with them.
    #[error(
        "the live rows of {projection} are of fold {fold}, this release knows {known}: run the newer release"
    )]
    Outdated {
        /// Name of the projection.
        projection: &'static str,
        /// Number of the live rows' fold.
        fold: u32,
        /// Number of this release's fold.
        known: u32,
    },
    /// The live rows were made by an older release, and there is no log to make them anew from.
    #[error(
        "the live rows of {projection} are of an older release: make them anew with `frontrow replay --projection {projection}`"
    )]
    NeedsReplay {
        /// Name of the projection.
        projection: &'static str,
    },
    /// A range of the log names more routing keys than a dry run keeps in memory.
    #[error(
        "the range names more than {} routing keys: take a shorter one",
        rebuild::MAX_KEYS
    )]
    TooManyKeys,
    /// There is no version to go back to.
    #[error("{projection} has no earlier version to go back to")]
    NoRetired {
        /// Name of the projection.
        projection: &'static str,
    },
    /// The log can't be read.
    #[error("the log can't be read")]
    Log(#[from] event_store::log::Error),
    /// The bus can't be followed any further.
    #[error(transparent)]
    Bus(#[from] event_store::bus::Error),
    /// The read model does not do its part.
    #[error(transparent)]
    ReadModel(#[from] read_model::Error),
}

impl Error {
    /// Whether an event, or what its routing key has in the rows, is to blame: other keys can go on.
    fn is_of_one_key(&self) -> bool {
        match self {
            Self::Undecodable { source, .. } => matches!(source, DecodeError::Malformed { .. }),
            Self::NotAnId { .. } | Self::MissingRow { .. } | Self::Damaged { .. } => true,
            Self::NothingParked { .. }
            | Self::Outdated { .. }
            | Self::NeedsReplay { .. }
            | Self::NoRetired { .. }
            | Self::TooManyKeys
            | Self::Log(_)
            | Self::Bus(_)
            | Self::ReadModel(_) => false,
        }
    }
}

/// An error with all its sources.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
