//! What both HTTP APIs share: problems, tokens, the accept loop, telemetry.

pub mod auth;
pub mod problem;
