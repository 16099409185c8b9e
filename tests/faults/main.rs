//! Faults under load: what a client saw acknowledged is there, what it saw refused is not, and the bus equals the log.
//!
//! Each test is one fault. One runs at a time. `FRONTROW_FAULT_ROUNDS` is how often each runs (1); a row of the report tells of each
//! round what was killed, the commands acknowledged before and after, not served meanwhile, unknown, and lost, and the time from the
//! fault to the first command that was acknowledged again.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on fails where it stands"
)]

mod journal;
mod load;
mod log;
mod middle;
mod roles;
mod round;
mod stage;
