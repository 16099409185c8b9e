//! What came of the on-sale, as a table or as JSON.

use std::{collections::BTreeMap, fmt, time::Duration};

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};

use crate::{
    catalogue::CAPACITY,
    driver::{CallStats, Histogram},
};

/// What came of the on-sale.
#[derive(Debug)]
pub struct Report {
    /// Fans who came.
    pub fans: u32,
    /// Places that they paid for.
    pub sold: u32,
    /// Fans by how their evening ended.
    pub endings: BTreeMap<&'static str, u32>,
    /// From the first arrival to the last ending.
    pub elapsed: Duration,
    /// Most requests answered in one second.
    pub busiest_second: u64,
    /// Answers by call.
    pub calls: BTreeMap<&'static str, CallStats>,
}

impl Report {
    /// Requests answered.
    pub fn requests(&self) -> u64 {
        self.calls.values().map(|call| call.all.count()).sum()
    }

    /// On average.
    pub fn requests_per_second(&self) -> u64 {
        let ms = self.elapsed.as_millis().max(1);
        u64::try_from(u128::from(self.requests()) * 1_000 / ms).unwrap_or(u64::MAX)
    }

    /// Refusals of all calls by code.
    fn refused(&self) -> BTreeMap<&str, u64> {
        sum(self.calls.values().map(|call| &call.refused))
    }

    /// Failures of all calls by code.
    fn failed(&self) -> BTreeMap<&str, u64> {
        sum(self.calls.values().map(|call| &call.failed))
    }

    /// The report as one document.
    pub fn to_json(&self) -> Value {
        let calls: BTreeMap<_, _> = self
            .calls
            .iter()
            .map(|(name, call)| {
                let stats = json!({
                    "answers": call.all.count(),
                    "latency_ms": latencies(&call.all),
                    "created": call.created.count(),
                    "created_latency_ms": latencies(&call.created),
                    "refused": call.refused,
                    "failed": call.failed,
                    "unknown": call.unknown,
                });
                (*name, stats)
            })
            .collect();
        json!({
            "fans": self.fans,
            "capacity": CAPACITY,
            "sold": self.sold,
            "endings": self.endings,
            "seconds": self.elapsed.as_secs_f64(),
            "requests": self.requests(),
            "requests_per_second": self.requests_per_second(),
            "busiest_second": self.busiest_second,
            "refused": self.refused(),
            "failed": self.failed(),
            "calls": calls,
        })
    }

    fn latency_table(&self) -> Table {
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
        for (name, call) in &self.calls {
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
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64();
        writeln!(
            f,
            "{} fans, {} of {CAPACITY} places sold in {seconds:.1} s",
            self.fans, self.sold
        )?;
        writeln!(
            f,
            "{} requests, {}/s on average, {} in the busiest second",
            self.requests(),
            self.requests_per_second(),
            self.busiest_second
        )?;
        writeln!(f, "{}", self.latency_table())?;
        writeln!(f, "fans:    {}", list(&self.endings))?;
        writeln!(f, "refused: {}", list(&self.refused()))?;
        write!(f, "failed:  {}", list(&self.failed()))
    }
}

fn sum<'a>(maps: impl Iterator<Item = &'a BTreeMap<String, u64>>) -> BTreeMap<&'a str, u64> {
    let mut sums = BTreeMap::new();
    for (code, count) in maps.flatten() {
        *sums.entry(code.as_str()).or_default() += count;
    }
    sums
}

fn list(counts: &BTreeMap<&str, impl fmt::Display>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    let counts = counts.iter().map(|(code, count)| format!("{count} {code}"));
    counts.collect::<Vec<_>>().join(", ")
}

fn ms(latency: Duration) -> String {
    format!("{:.1}", latency.as_secs_f64() * 1_000.0)
}

fn latencies(histogram: &Histogram) -> Value {
    let ms = |latency: Duration| latency.as_secs_f64() * 1_000.0;
    json!({
        "p50": ms(histogram.percentile(500)),
        "p95": ms(histogram.percentile(950)),
        "p99": ms(histogram.percentile(990)),
        "max": ms(histogram.max()),
        "mean": ms(histogram.mean()),
    })
}
