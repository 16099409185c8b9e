//! 6 ANSWER: HTTP reads only.
//!
//! Everything but seat maps is a read of the read model; seat maps live in memory, fed from the bus. Every answer carries the
//! header `Position`: how much of the log it shows; a request may demand `At-Least-Position`.
//!
//! **Invariant.** This crate reads the read model and the bus; it never reads the log, and it writes nothing.

mod answer;
mod entry_feed;
mod error;
mod freshness;
mod lists;
pub mod metrics;
mod routes;
mod seat_map_cache;
mod state;
#[cfg(test)]
mod testing;

pub use crate::{
    error::Error,
    freshness::Progress,
    routes::{openapi, router},
    state::{AppState, Deps, run},
};
