//! What came of the on-sale, as a table or as JSON.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde_json::{Value, json};

use crate::{
    catalogue::CAPACITY,
    driver::{CallStats, calls_json, calls_table, failed, list, refused},
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

    /// The report as one document.
    pub fn to_json(&self) -> Value {
        json!({
            "fans": self.fans,
            "capacity": CAPACITY,
            "sold": self.sold,
            "endings": self.endings,
            "seconds": self.elapsed.as_secs_f64(),
            "requests": self.requests(),
            "requests_per_second": self.requests_per_second(),
            "busiest_second": self.busiest_second,
            "refused": refused(&self.calls),
            "failed": failed(&self.calls),
            "calls": calls_json(&self.calls),
        })
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
        writeln!(f, "{}", calls_table(&self.calls))?;
        writeln!(f, "fans:    {}", list(&self.endings))?;
        writeln!(f, "refused: {}", list(&refused(&self.calls)))?;
        write!(f, "failed:  {}", list(&failed(&self.calls)))
    }
}
