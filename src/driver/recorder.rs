//! Where answers are counted.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use super::{Histogram, Outcome};

/// The answers to one kind of call.
#[derive(Debug, Clone, Default)]
pub struct CallStats {
    /// Latencies of all answers.
    pub all: Histogram,
    /// Latencies of the 201s alone: refusals are cheaper and would flatter the figure.
    pub created: Histogram,
    /// Refusals by code.
    pub refused: BTreeMap<String, u64>,
    /// Failures by code or transport error.
    pub failed: BTreeMap<String, u64>,
    /// Calls whose outcome no one told.
    pub unknown: u64,
}

/// Counts answers by call. One lock for all: held for a microsecond, a few ten thousand times a second at most.
#[derive(Debug, Default)]
pub struct Recorder {
    calls: Mutex<BTreeMap<&'static str, CallStats>>,
}

impl Recorder {
    /// Counts one answer.
    pub fn record(&self, call: &'static str, latency: Duration, outcome: &Outcome) {
        let mut calls = self.lock();
        let stats = calls.entry(call).or_default();
        stats.all.record(latency);
        match outcome {
            Outcome::Created => stats.created.record(latency),
            Outcome::Done => {}
            Outcome::Refused(code) => *stats.refused.entry(code.clone()).or_default() += 1,
            Outcome::Failed(code) => *stats.failed.entry(code.clone()).or_default() += 1,
            Outcome::Unknown => stats.unknown += 1,
        }
    }

    /// What was counted so far.
    pub fn snapshot(&self) -> BTreeMap<&'static str, CallStats> {
        self.lock().clone()
    }

    /// Answers counted so far, of every kind.
    pub fn total(&self) -> u64 {
        self.lock().values().map(|stats| stats.all.count()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, CallStats>> {
        self.calls.lock().expect("no holder of this lock can panic")
    }
}
