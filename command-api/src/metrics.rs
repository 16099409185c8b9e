//! What the command API measures.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::ShowId;
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use crate::{notifications::Counts, waiting_room::Depth};

const COMMANDS: &str = "frontrow_commands_total";
const SAGAS: &str = "frontrow_sagas_total";
const SAGAS_STUCK: &str = "frontrow_sagas_stuck";
const ABANDONED: &str = "frontrow_waiting_room_abandoned_total";
const WAITING: &str = "frontrow_waiting_room_depth";
pub(crate) const STREAMS: &str = "frontrow_waiting_room_streams";
const NOTIFICATIONS: &str = "frontrow_notifications_total";
const NOTIFICATIONS_LAG: &str = "frontrow_notifications_lag_ms";
const NOTIFICATION_STREAMS: &str = "frontrow_notification_streams";
const DELIVERIES: &str = "frontrow_notification_deliveries_total";
const DELIVERIES_STAND: &str = "frontrow_notification_deliveries";
const DELIVERIES_AGE: &str = "frontrow_notification_deliveries_oldest_ms";
const TIMERS: &str = "frontrow_timers_handled_total";

/// Names, units and help of the metrics: call once, after the recorder is installed.
pub fn describe() {
    describe_counter!(
        COMMANDS,
        Unit::Count,
        "Commands of clients, by command and outcome"
    );
    describe_counter!(SAGAS, Unit::Count, "Payments that came to an end, by end");
    describe_gauge!(
        SAGAS_STUCK,
        Unit::Count,
        "Timers that failed and wait for their next try, by aggregate type"
    );
    describe_counter!(
        ABANDONED,
        Unit::Count,
        "Entries of waiting rooms that were given up after a silence"
    );
    describe_gauge!(
        WAITING,
        Unit::Count,
        "Entries of a show's waiting room, by state: lobby, waiting, active"
    );
    describe_gauge!(STREAMS, Unit::Count, "Streams open to those who wait");
    describe_counter!(
        TIMERS,
        Unit::Count,
        "Due timers handled by process managers, by aggregate type and outcome"
    );
    describe_counter!(
        NOTIFICATIONS,
        Unit::Count,
        "Notifications that customers were told"
    );
    describe_gauge!(
        NOTIFICATIONS_LAG,
        Unit::Milliseconds,
        "Age of the event up to which notifications were told; 0 at the log's end"
    );
    describe_gauge!(
        NOTIFICATION_STREAMS,
        Unit::Count,
        "Streams of notifications that are open"
    );
    describe_counter!(
        DELIVERIES,
        Unit::Count,
        "Tries to deliver a notification, by channel and outcome: sent, retried, dropped, dead"
    );
    describe_gauge!(
        DELIVERIES_STAND,
        Unit::Count,
        "Deliveries of notifications, by state: pending, dead"
    );
    describe_gauge!(
        DELIVERIES_AGE,
        Unit::Milliseconds,
        "Age of what the oldest pending delivery tells"
    );
}

/// A client's command was answered; `refusal` says why not as wished.
pub(crate) fn command(name: &'static str, refusal: Option<&'static str>) {
    counter!(COMMANDS, "command" => name, "outcome" => refusal.unwrap_or("done")).increment(1);
}

/// A saga ended: `completed`, `failed` or `refunded`.
pub(crate) fn saga(end: &'static str) {
    counter!(SAGAS, "end" => end).increment(1);
}

/// A due timer was handled, or its handling failed.
pub(crate) fn timer(aggregate_type: &'static str, handled: bool) {
    let outcome = if handled { "handled" } else { "failed" };
    counter!(TIMERS, "aggregate_type" => aggregate_type, "outcome" => outcome).increment(1);
}

/// Silent entries were given up.
pub(crate) fn abandoned(entries: u64) {
    counter!(ABANDONED).increment(entries);
}

/// How a show's waiting room stands.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; there are never 2^52 of them"
)]
pub(crate) fn waiting(show: ShowId, depth: &Depth) {
    let states = [
        ("lobby", depth.lobby),
        ("waiting", depth.waiting),
        ("active", depth.active),
    ];
    for (state, entries) in states {
        gauge!(WAITING, "show" => show.to_string(), "state" => state).set(entries as f64);
    }
}

/// So many timers wait for their next try.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; there are never 2^52 of them"
)]
pub(crate) fn stuck(aggregate_type: &'static str, timers: usize) {
    gauge!(SAGAS_STUCK, "aggregate_type" => aggregate_type).set(timers as f64);
}

/// So many notifications were told.
pub(crate) fn told(notifications: usize) {
    counter!(NOTIFICATIONS).increment(notifications as u64);
}

/// How old the last event is that was read, where more wait.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; there are never 2^52 of them"
)]
pub(crate) fn notifications_lag(lag: TimeDelta) {
    gauge!(NOTIFICATIONS_LAG).set(lag.num_milliseconds().max(0) as f64);
}

/// A delivery was tried: `sent`, `retried`, `dropped` or `dead`.
pub(crate) fn delivered(channel: &'static str, outcome: &'static str) {
    counter!(DELIVERIES, "channel" => channel, "outcome" => outcome).increment(1);
}

/// How the deliveries stand.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; there are never 2^52 of them"
)]
pub(crate) fn deliveries(counts: &Counts, now: DateTime<Utc>) {
    for (state, count) in [("pending", counts.pending), ("dead", counts.dead)] {
        gauge!(DELIVERIES_STAND, "state" => state).set(count as f64);
    }
    let age = counts.oldest.map_or(TimeDelta::zero(), |at| now - at);
    gauge!(DELIVERIES_AGE).set(age.num_milliseconds().max(0) as f64);
}

/// An open stream, counted for as long as it is.
#[derive(Debug)]
pub(crate) struct Open(());

impl Open {
    /// A stream of notifications.
    pub(crate) fn notifications() -> Self {
        gauge!(NOTIFICATION_STREAMS).increment(1);
        Self(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        gauge!(NOTIFICATION_STREAMS).decrement(1);
    }
}
