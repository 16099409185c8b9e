//! Metrics of this crate, with unit and help.

use std::time::Duration;

use metrics::{Unit, counter, gauge, histogram};

use crate::log::Outcome;

/// Appends refused because another writer was faster; counts.
pub const APPEND_CONFLICTS: &str = "event_store_append_conflicts_total";

/// Appends of the executor whose outcome had to be looked up; counts.
pub const UNKNOWN_OUTCOMES: &str = "event_store_unknown_outcomes_total";

/// How far the topic is behind the log; positions.
pub const RELAY_LAG: &str = "event_store_relay_lag_positions";

/// Age of the oldest event on its way to the topic; milliseconds.
pub const RELAY_LAG_MS: &str = "event_store_relay_lag_ms";

#[cfg(feature = "kafka")]
const RELAY_LEADER: &str = "event_store_relay_leader";
#[cfg(feature = "kafka")]
const RELAY_RESTARTS: &str = "event_store_relay_restarts_total";
#[cfg(feature = "kafka")]
const INBOX_RECORDS: &str = "event_store_inbox_records_total";
const APPENDS: &str = "event_store_appends_total";
const EVENTS: &str = "event_store_events_total";
const REFUSED: &str = "event_store_appends_refused_total";
const BATCH_APPENDS: &str = "event_store_batch_appends";
const COMMIT_SECONDS: &str = "event_store_commit_seconds";
const QUEUE_DEPTH: &str = "event_store_queue_depth";
const REFUSALS: &str = "event_store_refusals_total";

/// Describes every metric of this crate to the recorder; call it once, after the recorder is installed.
pub fn describe() {
    #[cfg(feature = "kafka")]
    describe_relay();
    metrics::describe_counter!(
        APPEND_CONFLICTS,
        Unit::Count,
        "Appends refused because another writer was faster"
    );
    metrics::describe_counter!(
        UNKNOWN_OUTCOMES,
        Unit::Count,
        "Appends whose outcome had to be looked up"
    );
    metrics::describe_counter!(
        APPENDS,
        Unit::Count,
        "Appends handed to the log, whatever their outcome"
    );
    metrics::describe_counter!(EVENTS, Unit::Count, "Events handed to the log");
    metrics::describe_counter!(
        REFUSED,
        Unit::Count,
        "Appends that the log refused, by kind: known, pruned, claim_taken, version_conflict"
    );
    metrics::describe_histogram!(BATCH_APPENDS, Unit::Count, "Appends in one transaction");
    metrics::describe_histogram!(
        COMMIT_SECONDS,
        Unit::Seconds,
        "Time from handing a batch to the log until it is durable"
    );
    metrics::describe_gauge!(
        QUEUE_DEPTH,
        Unit::Count,
        "Appends that waited when the last batch was closed, its own included"
    );
    metrics::describe_counter!(
        REFUSALS,
        Unit::Count,
        "Refused commands that were told of, by outcome: written (kept or counted), left_out (too many at once, or no store)"
    );
}

/// Refusals were counted in their store, the first of each subject kept.
pub(crate) fn refusals_written(refused: u64) {
    counter!(REFUSALS, "outcome" => "written").increment(refused);
}

/// Refusals were not.
pub(crate) fn refusals_left_out(refused: u64) {
    counter!(REFUSALS, "outcome" => "left_out").increment(refused);
}

/// Describes what the relay and inboxes measure.
#[cfg(feature = "kafka")]
fn describe_relay() {
    metrics::describe_counter!(
        INBOX_RECORDS,
        Unit::Count,
        "Records that others wrote, by topic and outcome: handled, refused (now on the topic's .dlq), retried"
    );
    metrics::describe_gauge!(
        RELAY_LAG,
        Unit::Count,
        "Positions of the log that the bus has not acknowledged; told by the relay's leader"
    );
    metrics::describe_gauge!(
        RELAY_LAG_MS,
        Unit::Milliseconds,
        "Age of the oldest event on its way to the bus; told by the relay's leader"
    );
    metrics::describe_gauge!(RELAY_LEADER, Unit::Count, "1 where this process relays");
    metrics::describe_counter!(
        RELAY_RESTARTS,
        Unit::Count,
        "Times that the relay's leader started over from the topic's tails"
    );
}

/// How far the topic is behind the log, in positions, and the age of what is on its way.
#[cfg(feature = "kafka")]
#[expect(
    clippy::cast_precision_loss,
    reason = "positions and ages are far smaller than 2^52"
)]
pub(crate) fn relay_lag(positions: u64, age: chrono::TimeDelta) {
    gauge!(RELAY_LAG).set(positions as f64);
    gauge!(RELAY_LAG_MS).set(age.num_milliseconds().max(0) as f64);
}

/// Whether this process relays.
#[cfg(feature = "kafka")]
pub(crate) fn relay_leads(leads: bool) {
    gauge!(RELAY_LEADER).set(if leads { 1.0 } else { 0.0 });
    if !leads {
        // Another tells of it now.
        relay_lag(0, chrono::TimeDelta::zero());
    }
}

/// The relay's leader starts over.
#[cfg(feature = "kafka")]
pub(crate) fn relay_restarted() {
    counter!(RELAY_RESTARTS).increment(1);
}

/// What became of a record that others wrote.
#[cfg(feature = "kafka")]
pub(crate) fn inbox_record(topic: &str, outcome: &'static str) {
    counter!(INBOX_RECORDS, "topic" => topic.to_owned(), "outcome" => outcome).increment(1);
}

/// A batch of `appends` goes to the log.
#[expect(
    clippy::cast_precision_loss,
    reason = "batches are far smaller than 2^52"
)]
pub(crate) fn batch(appends: usize, events: usize) {
    counter!(APPENDS).increment(appends as u64);
    counter!(EVENTS).increment(events as u64);
    histogram!(BATCH_APPENDS).record(appends as f64);
}

/// A batch became durable, or failed, after `elapsed`.
pub(crate) fn commit_seconds(elapsed: Duration) {
    histogram!(COMMIT_SECONDS).record(elapsed.as_secs_f64());
}

/// So many appends wait.
#[expect(
    clippy::cast_precision_loss,
    reason = "queues are far smaller than 2^52"
)]
pub(crate) fn queue_depth(appends: usize) {
    gauge!(QUEUE_DEPTH).set(appends as f64);
}

/// Counts the appends that were refused.
pub(crate) fn refused(outcomes: &[Outcome]) {
    for outcome in outcomes {
        let kind = match outcome {
            Outcome::Committed { .. } => continue,
            Outcome::Known(_) => "known",
            Outcome::CommandPruned { .. } => "pruned",
            Outcome::ClaimTaken { .. } => "claim_taken",
            Outcome::VersionConflict { .. } => "version_conflict",
        };
        counter!(REFUSED, "kind" => kind).increment(1);
    }
}
