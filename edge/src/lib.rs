//! What both HTTP APIs share: problems, extractors, tokens, the accept loop, telemetry, probes.
//!
//! Neither API may depend on the other, and both must answer alike; so what they have in common lives here.
#![warn(missing_docs)]

pub mod auth;
pub mod context;
pub mod docs;
pub mod idempotency;
pub mod json;
pub mod layers;
pub mod limits;
pub mod metrics;
pub mod path;
pub mod probes;
pub mod problem;
pub mod query;
pub mod schemas;
pub mod security;
pub mod server;

pub use crate::{
    context::RequestContext, idempotency::IdempotencyKey, json::Json, path::Path, problem::Problem,
    query::Query,
};
