//! Where the system, not the schedule, is the limit.

use std::time::Duration;

use anyhow::Context;

use super::{
    GOAL, Size,
    crowd::{JOURNEY, Measured},
};

/// Each step offers so much more than the one before, until one fails.
const GROWTH: f64 = 1.25;
/// Then the space between the highest rate that held and the lowest that failed is halved until it is this part of the former.
const PRECISION: f64 = 0.03;
/// A ramp ends here whatever came of it: at 1.25 a step, 200 times the first rate.
const MAX_STEPS: usize = 24;
/// Of what is offered, so much must be served.
const SERVED: f64 = 0.99;

/// Something that can be offered a rate.
pub(super) trait Offered {
    /// Within what 95 of 100 answers of each kind must come for a rate to count as one that the system keeps up with.
    const GOAL: Duration = GOAL;

    /// Offers so many a second for so long.
    ///
    /// # Errors
    /// What kept it from being measured.
    async fn offer(&mut self, rate: f64, seconds: u64) -> anyhow::Result<Measured>;
}

/// One window of a search.
#[derive(Debug)]
pub struct Step {
    /// What was measured.
    pub measured: Measured,
    /// Whether the system kept up: it served what was offered, and 95 of 100 answers of each kind within the goal.
    pub held: bool,
}

/// One window at the size's rate; or, from there on, as many as it takes to find the limit. The window that counts, and all of a search.
///
/// # Errors
/// What kept a window from being measured.
pub(super) async fn measure(
    system: &mut impl Offered,
    size: Size,
    find_limit: bool,
) -> anyhow::Result<(Measured, Vec<Step>)> {
    if !find_limit {
        return Ok((system.offer(size.rate, size.seconds).await?, Vec::new()));
    }
    let steps = find(system, size.rate, size.seconds).await?;
    let counts = best(&steps).or(steps.last());
    let counts = counts.context("a search without a step")?;
    Ok((counts.measured.clone(), steps))
}

/// The worst p95 of any call: a journey is several, one after the other, and their goal is not its.
pub(super) fn slowest(measured: &Measured) -> Duration {
    let calls = measured.calls.iter().filter(|(name, _)| **name != JOURNEY);
    calls
        .map(|(_, call)| call.all.percentile(950))
        .max()
        .unwrap_or_default()
}

/// Raises the rate from `first` until the system falls behind, then closes in. Every step, in the order in which they ran.
///
/// # Errors
/// What kept a step from being measured.
async fn find<S: Offered>(system: &mut S, first: f64, seconds: u64) -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    let (mut good, mut bad) = (0.0, f64::INFINITY);
    let mut rate = first;
    while steps.len() < MAX_STEPS && bad - good > PRECISION * good {
        let measured = system.offer(rate, seconds).await?;
        let held = measured.served >= SERVED * measured.offered && slowest(&measured) <= S::GOAL;
        if held {
            good = rate;
        } else {
            bad = rate;
        }
        steps.push(Step { measured, held });
        rate = if bad.is_infinite() {
            rate * GROWTH
        } else {
            f64::midpoint(good, bad)
        };
    }
    Ok(steps)
}

/// The step of the highest rate at which the system kept up.
fn best(steps: &[Step]) -> Option<&Step> {
    let held = steps.iter().filter(|step| step.held);
    held.max_by(|one, other| one.measured.offered.total_cmp(&other.measured.offered))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::crowd::number;

    /// Serves up to `capacity`.
    struct Bounded {
        capacity: f64,
    }

    impl Offered for Bounded {
        async fn offer(&mut self, rate: f64, seconds: u64) -> anyhow::Result<Measured> {
            let window = Duration::from_secs(seconds);
            Ok(Measured {
                offered: rate,
                served: rate.min(self.capacity),
                window,
                unsent: 0,
                calls: std::collections::BTreeMap::default(),
                late: crate::driver::Histogram::default(),
                generator: Duration::ZERO,
                elapsed: window,
            })
        }
    }

    #[tokio::test]
    async fn the_limit_is_found_from_below_and_from_above() {
        for first in [100, 1_000, 5_000] {
            let mut system = Bounded { capacity: 4_321.0 };
            let steps = find(&mut system, number(first), 1).await.unwrap();
            let best = best(&steps).unwrap().measured.offered;
            assert!((4_150.0..4_365.0).contains(&best), "from {first}: {best}");
            assert!(steps.len() < MAX_STEPS);
        }
    }
}
