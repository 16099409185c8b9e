//! Metrics of this crate, with unit and help.

/// Appends refused because another writer was faster; counts.
pub const APPEND_CONFLICTS: &str = "event_store_append_conflicts_total";

/// Appends of the executor whose outcome had to be looked up; counts.
pub const UNKNOWN_OUTCOMES: &str = "event_store_unknown_outcomes_total";

/// Registers help and unit of each metric with the recorder that is installed.
pub fn describe() {
    metrics::describe_counter!(
        APPEND_CONFLICTS,
        "Appends refused because another writer was faster"
    );
    metrics::describe_counter!(
        UNKNOWN_OUTCOMES,
        "Appends whose outcome had to be looked up"
    );
}
