//! Metrics of the query API.

use metrics::{Unit, describe_counter, describe_gauge};

/// Gauge: seat maps in memory.
pub const SEAT_MAPS: &str = "frontrow_query_seat_maps";
/// Gauge: position up to which the seat maps in memory show the log.
pub const SEAT_MAPS_POSITION: &str = "frontrow_query_seat_maps_position";
/// Counter: seat maps loaded from the read model.
pub const SEAT_MAP_LOADS: &str = "frontrow_query_seat_map_loads_total";
/// Counter, by `answer` (`status`, `seats`): answers about seat maps rendered.
pub const RENDERINGS: &str = "frontrow_query_renderings_total";
/// Counter, by `encoding` (`gzip`, `zstd`): rendered answers compressed.
pub const COMPRESSIONS: &str = "frontrow_query_compressions_total";
/// Counter: failures of the subscription that feeds the seat maps.
pub const FEED_FAILURES: &str = "frontrow_query_feed_failures_total";
/// Gauge: open seat-map streams.
pub const STREAMS: &str = "frontrow_query_streams";
/// Counter: reads that waited for a position.
pub const WAITS: &str = "frontrow_query_waits_total";
/// Counter: reads whose position did not come in time.
pub const NOT_CAUGHT_UP: &str = "frontrow_query_not_caught_up_total";

/// Tells the recorder units and help. Call once, after it is installed.
pub fn describe() {
    describe_gauge!(SEAT_MAPS, Unit::Count, "Seat maps in memory");
    describe_gauge!(
        SEAT_MAPS_POSITION,
        Unit::Count,
        "Position up to which the seat maps in memory show the log"
    );
    describe_counter!(
        SEAT_MAP_LOADS,
        Unit::Count,
        "Seat maps loaded from the read model"
    );
    describe_counter!(RENDERINGS, Unit::Count, "Answers about seat maps rendered");
    describe_counter!(COMPRESSIONS, Unit::Count, "Rendered answers compressed");
    describe_counter!(
        FEED_FAILURES,
        Unit::Count,
        "Failures of the subscription that feeds the seat maps"
    );
    describe_gauge!(STREAMS, Unit::Count, "Open seat-map streams");
    describe_counter!(WAITS, Unit::Count, "Reads that waited for a position");
    describe_counter!(
        NOT_CAUGHT_UP,
        Unit::Count,
        "Reads whose position did not come in time: answered 503"
    );
}
