//! When calls are due.

use std::time::Duration;

use super::Random;

/// Offsets from the start, never falling. An iterator.
#[derive(Debug, Clone)]
pub struct Schedule {
    left: usize,
    at: Duration,
    gap: Gap,
}

#[derive(Debug, Clone)]
enum Gap {
    Even(Duration),
    Exponential { mean: Duration, random: Random },
}

impl Schedule {
    /// `count` arrivals at even gaps within `window`, the first at once.
    pub fn even(count: usize, window: Duration) -> Self {
        Self {
            left: count,
            at: Duration::ZERO,
            gap: Gap::Even(mean_gap(count, window)),
        }
    }

    /// `count` arrivals that know nothing of each other (a Poisson process), in `window` on average.
    pub fn random(count: usize, window: Duration, seed: u64) -> Self {
        Self {
            left: count,
            at: Duration::ZERO,
            gap: Gap::Exponential {
                mean: mean_gap(count, window),
                random: Random::new(seed),
            },
        }
    }
}

fn mean_gap(count: usize, window: Duration) -> Duration {
    window / u32::try_from(count.max(1)).unwrap_or(u32::MAX)
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let due = self.at;
        self.at += match &mut self.gap {
            Gap::Even(gap) => *gap,
            Gap::Exponential { mean, random } => mean.mul_f64(-(1.0 - random.unit()).ln()),
        };
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_arrivals_fill_the_window() {
        let due: Vec<_> = Schedule::even(4, Duration::from_secs(1)).collect();
        assert_eq!(due, [0, 250, 500, 750].map(Duration::from_millis));
    }

    #[test]
    fn random_arrivals_keep_the_mean_rate() {
        let last = Schedule::random(10_000, Duration::from_secs(10), 3).last();
        let last = last.expect("10,000 arrivals").as_secs_f64();
        assert!((9.5..10.5).contains(&last), "{last}");
    }
}
