//! Metrics of HTTP.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Histogram, seconds, by `method`, `route` (the template) and `status`: from the request's head to the response's head.
pub const REQUEST_DURATION: &str = "frontrow_http_request_duration_seconds";
/// Gauge: requests being answered.
pub const REQUESTS_IN_FLIGHT: &str = "frontrow_http_requests_in_flight";
/// Counter, by `reason` (`overloaded`, `deadline`): requests given up.
pub const REQUESTS_SHED: &str = "frontrow_http_requests_shed_total";
/// Counter, by `policy`: requests refused because their caller has sent too many.
pub const REQUESTS_LIMITED: &str = "frontrow_http_requests_limited_total";
/// Gauge, by `policy`: callers that a limit remembers.
pub const RATE_LIMITED_CALLERS: &str = "frontrow_http_limited_callers";
/// Gauge: open connections.
pub const CONNECTIONS: &str = "frontrow_http_connections";

/// Tells the recorder units and help. Call once, after it is installed.
pub fn describe() {
    describe_histogram!(
        REQUEST_DURATION,
        Unit::Seconds,
        "Time from the head of a request to the head of its response, by route"
    );
    describe_gauge!(REQUESTS_IN_FLIGHT, Unit::Count, "Requests being answered");
    describe_counter!(
        REQUESTS_SHED,
        Unit::Count,
        "Requests refused before any work (overloaded) or given up at their deadline (deadline)"
    );
    describe_counter!(
        REQUESTS_LIMITED,
        Unit::Count,
        "Requests refused because their address or customer has sent too many, by policy"
    );
    describe_gauge!(
        RATE_LIMITED_CALLERS,
        Unit::Count,
        "Addresses or customers that a limit remembers, by policy"
    );
    describe_gauge!(CONNECTIONS, Unit::Count, "Open HTTP connections");
}
