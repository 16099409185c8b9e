//! Metrics of this crate, with unit and help.

use crate::{ServerRole, ServerState};

/// Gauge, by `server`: positions that a server of the read model is behind the one that is ahead.
pub const LAG_POSITIONS: &str = "frontrow_read_model_lag_positions";
/// Gauge, by `server`: for how long it has been behind; milliseconds.
pub const LAG_MS: &str = "frontrow_read_model_lag_ms";
/// Gauge, by `server`: 1 where it is used, 0 where it does not answer or another was promoted in its stead.
pub const USABLE: &str = "frontrow_read_model_server_usable";

/// Registers help and unit of each metric with the recorder that is installed.
pub fn describe() {
    use ::metrics::{Unit, describe_gauge};
    describe_gauge!(
        LAG_POSITIONS,
        "Positions that a server of the read model is behind the one that is ahead"
    );
    describe_gauge!(
        LAG_MS,
        Unit::Milliseconds,
        "For how long a server of the read model has been behind"
    );
    describe_gauge!(
        USABLE,
        "1 where a server of the read model is used, 0 where it does not answer or was replaced"
    );
}

/// Notes what was measured. The gauges take a number of this size without loss.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn servers(states: &[ServerState]) {
    for state in states {
        let label = || state.server.clone();
        let used = matches!(state.role, ServerRole::Primary | ServerRole::Replica);
        ::metrics::gauge!(USABLE, "server" => label()).set(f64::from(u8::from(used)));
        ::metrics::gauge!(LAG_POSITIONS, "server" => label()).set(state.lag_positions as f64);
        ::metrics::gauge!(LAG_MS, "server" => label()).set(state.lag_ms as f64);
    }
}
