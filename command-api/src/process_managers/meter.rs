//! How fast a waiting room really lets customers in.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

/// What the rate is measured over: long enough to be steady, short enough to tell of a change.
const WINDOW: TimeDelta = TimeDelta::seconds(30);
/// Below it, the measurement says nothing yet.
const LEAST: TimeDelta = TimeDelta::seconds(2);

/// Admissions of the last half minute.
#[derive(Debug, Default)]
pub(super) struct Meter {
    since: Option<DateTime<Utc>>,
    counts: VecDeque<(DateTime<Utc>, u64)>,
}

impl Meter {
    /// So many were let in.
    pub(super) fn count(&mut self, admitted: u64, now: DateTime<Utc>) {
        if admitted > 0 {
            self.since.get_or_insert(now);
            self.counts.push_back((now, admitted));
        }
        while self
            .counts
            .front()
            .is_some_and(|(at, _)| *at <= now - WINDOW)
        {
            self.counts.pop_front();
        }
    }

    /// Customers let in per thousand seconds: as measured, or as it is set while nothing is measured yet.
    pub(super) fn rate_milli(&self, set_per_second: u32, now: DateTime<Utc>) -> u64 {
        let begun = self.since.map(|since| since.max(now - WINDOW));
        match begun.map(|begun| now - begun) {
            Some(over) if over >= LEAST => {
                let counted = self.counts.iter().filter(|(at, _)| *at > now - WINDOW);
                let admitted: u64 = counted.map(|(_, count)| count).sum();
                let over = u64::try_from(over.num_milliseconds()).unwrap_or(u64::MAX);
                admitted * 1_000_000 / over
            }
            Some(_) | None => u64::from(set_per_second) * 1_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::milliseconds(ms)
    }

    #[test]
    fn says_what_is_set_until_it_has_measured_and_then_what_it_measured() {
        let mut meter = Meter::default();
        assert_eq!(meter.rate_milli(50, at(0)), 50_000);
        for second in 0..10 {
            meter.count(20, at(second * 1_000));
        }
        assert_eq!(meter.rate_milli(50, at(10_000)), 20_000);
        meter.count(0, at(39_000));
        assert_eq!(
            meter.rate_milli(50, at(39_000)),
            0,
            "nobody for half a minute"
        );
    }
}
