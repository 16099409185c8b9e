//! 1 ACCEPT: HTTP in, events out.
//!
//! A route checks who asks, turns the body into a command of the domain and hands it to the command's executor; the
//! answer is built from the events alone, so that a repeat of the request can be answered from the log. Process managers
//! finish what a request began and carry out what time alone makes due.

pub mod call;
pub mod codes;
pub mod commands;
pub mod credentials;
pub mod deciding;
pub mod drops;
mod ensure;
pub mod erasure;
pub mod error;
pub mod failpoints;
mod generations;
pub mod identity;
pub mod inbound;
pub mod key_store;
pub mod metrics;
pub mod notifications;
pub mod operations;
pub mod passwords;
pub mod payment_provider;
pub mod personal_data;
mod postgres;
pub mod process_managers;
pub mod refusals;
pub mod reservations;
pub mod routes;
pub mod state;
mod tables;
pub mod taken_seats;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod waiting_room;

pub use crate::{
    routes::{openapi, router},
    state::{AppState, Core, Deps, Executors, Notifications, Settings},
};
