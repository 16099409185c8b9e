//! Latencies in a few kilobytes: buckets that grow with the value.

use std::time::Duration;

/// Each power of two is cut into so many buckets: a percentile is at most 1/32 (3 %) too high.
const BUCKETS_PER_OCTAVE: usize = 1 << OCTAVE_BITS;
const OCTAVE_BITS: u32 = 5;
/// Values up to 2^36 us (19 hours) have buckets of their own.
const OCTAVES: usize = 32;

/// Counts of latencies in microseconds.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    sum_us: u128,
    max_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS_PER_OCTAVE * OCTAVES],
            total: 0,
            sum_us: 0,
            max_us: 0,
        }
    }
}

impl Histogram {
    /// Counts one latency.
    pub fn record(&mut self, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let bucket = bucket(us).min(self.counts.len() - 1);
        self.counts[bucket] += 1;
        self.total += 1;
        self.sum_us += u128::from(us);
        self.max_us = self.max_us.max(us);
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.sum_us += other.sum_us;
        self.max_us = self.max_us.max(other.max_us);
    }

    /// How many latencies were counted.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The greatest; zero where nothing was counted.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.max_us)
    }

    /// The mean; zero where nothing was counted.
    pub fn mean(&self) -> Duration {
        let mean = self.sum_us / u128::from(self.total.max(1));
        Duration::from_micros(u64::try_from(mean).unwrap_or(u64::MAX))
    }

    /// The latency that `per_mille` of the answers did not exceed, to the upper bound of its bucket; zero where nothing was counted.
    pub fn percentile(&self, per_mille: u64) -> Duration {
        let rank = (self.total * per_mille).div_ceil(1_000).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(upper_bound(index).min(self.max_us));
            }
        }
        self.max()
    }
}

/// Small values have a bucket each; above, the leading bits choose it.
fn bucket(us: u64) -> usize {
    let octave = us.checked_ilog2().unwrap_or(0).saturating_sub(OCTAVE_BITS);
    let within = us >> octave;
    usize::try_from(u64::from(octave) * BUCKETS_PER_OCTAVE as u64 + within)
        .expect("at most 64 octaves of buckets")
}

fn upper_bound(bucket: usize) -> u64 {
    if bucket < 2 * BUCKETS_PER_OCTAVE {
        return bucket as u64;
    }
    let octave = bucket / BUCKETS_PER_OCTAVE - 1;
    let within = bucket - octave * BUCKETS_PER_OCTAVE;
    ((within as u64 + 1) << octave) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket() {
        for us in (0..200).chain([1_000, 4_095, 4_096, 65_537, 10_000_000, 1 << 35]) {
            let index = bucket(us);
            let below = index.checked_sub(1).map_or(0, |b| upper_bound(b) + 1);
            assert!(
                (below..=upper_bound(index)).contains(&us),
                "{us} is not in bucket {index}"
            );
        }
    }

    #[test]
    fn percentiles_are_at_most_three_percent_high() {
        let mut histogram = Histogram::default();
        for us in 1..=100_000 {
            histogram.record(Duration::from_micros(us));
        }
        for (per_mille, exact) in [(500, 50_000.0), (950, 95_000.0), (990, 99_000.0)] {
            let got = histogram.percentile(per_mille).as_secs_f64() * 1e6;
            assert!((exact..exact * 1.032).contains(&got), "{per_mille}: {got}");
        }
        assert_eq!(histogram.percentile(1_000), Duration::from_millis(100));
    }

    #[test]
    fn an_empty_histogram_answers_zero() {
        assert_eq!(Histogram::default().percentile(950), Duration::ZERO);
    }
}
