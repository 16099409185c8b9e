//! Metrics of this crate, with unit and help.

use std::time::Duration;

use metrics::{Unit, counter, gauge, histogram};

use crate::log::Outcome;

/// Appends refused because another writer was faster; counts.
pub const APPEND_CONFLICTS: &str = "event_store_append_conflicts_total";

/// Appends of the executor whose outcome had to be looked up; counts.
pub const UNKNOWN_OUTCOMES: &str = "event_store_unknown_outcomes_total";

const APPENDS: &str = "event_store_appends_total";
const EVENTS: &str = "event_store_events_total";
const REFUSED: &str = "event_store_appends_refused_total";
const BATCH_APPENDS: &str = "event_store_batch_appends";
const COMMIT_SECONDS: &str = "event_store_commit_seconds";
const QUEUE_DEPTH: &str = "event_store_queue_depth";

/// Describes every metric of this crate to the recorder; call it once, after the recorder is installed.
pub fn describe() {
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
