//! Metrics of this crate, with unit and help.

use std::time::Duration;

use domain::time::Timestamp;
use read_model::ProjectionId;

use crate::Progress;

/// Position up to which a projection's rows show the log.
pub const POSITION: &str = "frontrow_projections_position";
/// Positions received and not in a projection's rows yet.
pub const LAG_POSITIONS: &str = "frontrow_projections_lag_positions";
/// Age of the oldest event received and not in a projection's rows yet; milliseconds.
pub const LAG_MS: &str = "frontrow_projections_lag_ms";
/// Events folded; counts.
pub const EVENTS: &str = "frontrow_projections_events_total";
/// Time from receiving a batch to its rows being readable; seconds.
pub const BATCH_SECONDS: &str = "frontrow_projections_batch_seconds";
/// Batches that had to be tried again; counts.
pub const RETRIES: &str = "frontrow_projections_retries_total";
/// Events parked, by `projection`; counts.
pub const PARKED: &str = "frontrow_projections_parked_total";

/// Registers help and unit of each metric with the recorder that is installed.
pub fn describe() {
    use ::metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_gauge!(
        POSITION,
        "Position up to which a projection's rows show the log"
    );
    describe_gauge!(
        LAG_POSITIONS,
        "Positions received and not in a projection's rows yet"
    );
    describe_gauge!(
        LAG_MS,
        Unit::Milliseconds,
        "Age of the oldest event received and not in a projection's rows yet"
    );
    describe_counter!(EVENTS, "Events folded");
    describe_histogram!(
        BATCH_SECONDS,
        Unit::Seconds,
        "Time from receiving a batch to its rows being readable"
    );
    describe_counter!(RETRIES, "Batches that had to be tried again");
    describe_counter!(
        PARKED,
        "Events that could not be projected, and those of the same key behind them"
    );
}

pub(crate) fn batch(events: usize, took: Duration) {
    ::metrics::counter!(EVENTS).increment(events as u64);
    ::metrics::histogram!(BATCH_SECONDS).record(took);
}

pub(crate) fn retry() {
    ::metrics::counter!(RETRIES).increment(1);
}

pub(crate) fn parked(projection: ProjectionId) {
    ::metrics::counter!(PARKED, "projection" => projection.name()).increment(1);
}

/// Sets the gauges to how far the projections are `now`: call before each scrape, so that a worker that stands still shows too.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; positions stay below 2^53"
)]
pub fn publish(progress: &Progress, now: Timestamp) {
    for id in ProjectionId::ALL {
        let lag = progress.lag(id, now);
        let label = [("projection", id.name())];
        ::metrics::gauge!(POSITION, &label).set(progress.position(id) as f64);
        ::metrics::gauge!(LAG_POSITIONS, &label).set(lag.positions as f64);
        ::metrics::gauge!(LAG_MS, &label).set(lag.ms as f64);
    }
}
