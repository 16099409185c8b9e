//! What was counted, as a table and as JSON.

use std::{collections::BTreeMap, fmt, time::Duration};

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};

use super::{CallStats, Histogram};

/// Answers by call.
type Calls = BTreeMap<&'static str, CallStats>;

/// A row for each kind of call.
pub(crate) fn calls_table(calls: &Calls) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header([
        "call",
        "answers",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "max ms",
        "201s",
        "p95 ms of 201s",
        "refused",
        "failed",
        "unknown",
    ]);
    for (name, call) in calls {
        let all = &call.all;
        let of_created = match call.created.count() {
            0 => String::new(),
            _ => ms(call.created.percentile(950)),
        };
        table.add_row([
            (*name).to_owned(),
            all.count().to_string(),
            ms(all.percentile(500)),
            ms(all.percentile(950)),
            ms(all.percentile(990)),
            ms(all.max()),
            call.created.count().to_string(),
            of_created,
            call.refused.values().sum::<u64>().to_string(),
            call.failed.values().sum::<u64>().to_string(),
            call.unknown.to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// An object for each kind of call.
pub(crate) fn calls_json(calls: &Calls) -> Value {
    let calls: BTreeMap<_, _> = calls
        .iter()
        .map(|(name, call)| {
            let stats = json!({
                "answers": call.all.count(),
                "latency_ms": latencies_json(&call.all),
                "created": call.created.count(),
                "created_latency_ms": latencies_json(&call.created),
                "refused": call.refused,
                "failed": call.failed,
                "unknown": call.unknown,
            });
            (*name, stats)
        })
        .collect();
    json!(calls)
}

/// Refusals of all calls by code.
pub(crate) fn refused(calls: &Calls) -> BTreeMap<&str, u64> {
    sum(calls.values().map(|call| &call.refused))
}

/// Failures of all calls by code.
pub(crate) fn failed(calls: &Calls) -> BTreeMap<&str, u64> {
    sum(calls.values().map(|call| &call.failed))
}

/// `3 this, 4 that`.
pub(crate) fn list(counts: &BTreeMap<&str, impl fmt::Display>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    let counts = counts.iter().map(|(code, count)| format!("{count} {code}"));
    counts.collect::<Vec<_>>().join(", ")
}

/// Percentiles in milliseconds.
pub(crate) fn latencies_json(histogram: &Histogram) -> Value {
    let ms = |latency: Duration| latency.as_secs_f64() * 1_000.0;
    json!({
        "p50": ms(histogram.percentile(500)),
        "p95": ms(histogram.percentile(950)),
        "p99": ms(histogram.percentile(990)),
        "max": ms(histogram.max()),
        "mean": ms(histogram.mean()),
    })
}

fn sum<'a>(maps: impl Iterator<Item = &'a BTreeMap<String, u64>>) -> BTreeMap<&'a str, u64> {
    let mut sums = BTreeMap::new();
    for (code, count) in maps.flatten() {
        *sums.entry(code.as_str()).or_default() += count;
    }
    sums
}

fn ms(latency: Duration) -> String {
    format!("{:.1}", latency.as_secs_f64() * 1_000.0)
}
