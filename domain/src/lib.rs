//! 2 DECIDE: the rules of ticketing, pure.
//!
//! No I/O, no clock, no runtime: every rule is a function of a state, a command and a time.
//! One folder per aggregate, each with the same files: `mod.rs` (state, `decide`, `evolve`, the cqrs-es
//! adapter last), `command.rs`, `event.rs`, `error.rs`, `upcast.rs`, `tests.rs`.
#![warn(missing_docs)]
#![deny(clippy::float_arithmetic)]
// Rules name every variant, so that a new one can't slip through; tests look for one and may wave the rest by.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

pub mod aggregate;
pub mod concert;
pub mod customer;
pub mod drop;
pub mod ids;
pub mod operation;
pub mod payment;
pub mod point_account;
pub mod points;
pub mod refusal;
pub mod schema;
pub mod seating;
pub mod show;
pub mod stored;
#[cfg(test)]
mod testing;
mod text;
pub mod time;
pub mod venue;
pub mod waiting_room;

pub use crate::{
    aggregate::{Aggregate, ClaimChange},
    stored::{DecodeError, DomainEvent},
};
