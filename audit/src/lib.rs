//! Checks and explains the log at its own pace.
//!
//! Everything here but the sealer reads only, takes no lock, and works beside a running server.
#![warn(missing_docs)]

pub mod as_of;
mod error;
pub mod events;
pub mod export;
pub mod export_rows;
pub mod history;
mod lag;
mod projections;
mod routes;
mod sagas;
pub mod seals;
mod state;
#[cfg(test)]
mod testing;
pub mod verify;
pub mod verify_draw;

pub use crate::{
    error::Error,
    projections::{ParkedKeyView, PartitionView, ProjectionView, ProjectionsView, projections},
    routes::{openapi, router},
    sagas::{STUCK_AFTER, SagaCountsView, SagaView, SagasView},
    state::{AppState, Deps, Sealing},
    verify::verify,
};
