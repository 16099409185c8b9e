//! The composition root: joins the crates into one program. No business logic lives here.
//!
//! [`app::App`] is the all-in-one server as a value, for `serve`, for the demo and for tests; [`driver`] generates load, and [`bench`]
//! measures by it.

pub mod adapters;
pub mod api;
pub mod app;
pub mod asyncapi;
pub mod bench;
pub mod catalogue;
pub mod cli;
pub mod commands;
pub mod config;
pub mod data_folder;
pub mod demo;
pub mod driver;
pub mod importing;
pub mod integration;
pub mod migration;
mod newcomer;
pub mod operator;
pub mod rehearsal;
pub mod roles;
pub mod schemas;
pub mod sealing;
pub mod shutdown;
pub mod signing;
pub mod telemetry;
