//! The journeys, over HTTP, against the all-in-one.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on fails where it stands"
)]

mod harness;

mod audit;
mod cancellation;
mod catalogue;
mod checkout;
mod contention;
mod drops;
mod drops_beacon;
mod drops_crowd;
mod drops_stream;
mod edge_cases;
mod example;
mod expiry;
mod holds;
mod identity;
mod kill;
mod limits;
mod load;
mod migrate;
mod notifications;
mod operation;
mod points;
mod projections;
mod proofs;
mod queries;
mod quickstart;
mod refusals;
mod refused;
mod replay;
mod secrets;
mod security_log;
mod streams;
mod topics;
mod waiting_room;
