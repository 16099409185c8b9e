//! When a delivery that failed is tried again.
//!
//! ```text
//!  try    1   2    3     4      5       6        7         8         9         10
//!  pause    5 s  20 s  80 s  5.3 min  21 min   1.4 h     5.7 h     6 h       6 h        each ± 20 %; some 20 hours in all
//! ```

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// Tries of one delivery, the first included: a receiver may be down for a night.
pub const MAX_ATTEMPTS: u32 = 10;

/// Pause before the second try, seconds; each further one is [`FACTOR`] times as long.
const FIRST_PAUSE: i64 = 5;
const FACTOR: i64 = 4;
/// Longest pause, seconds.
const LONGEST_PAUSE: i64 = 6 * 3_600;
/// How far a pause may be off to either side, in percent: those that failed together don't come back together.
const JITTER: i64 = 20;

/// When delivery `id` is tried again, after its try number `attempt` (from 1) failed at `now`; `None` after the last. What is random about it is
/// drawn from the id, so that it needs no other source.
pub fn next_try(id: Uuid, attempt: u32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if attempt >= MAX_ATTEMPTS {
        return None;
    }
    let growth = FACTOR.saturating_pow(attempt.saturating_sub(1));
    let pause_ms = 1_000 * FIRST_PAUSE.saturating_mul(growth).min(LONGEST_PAUSE);
    let draw = Uuid::new_v5(&id, &attempt.to_be_bytes());
    let draw = i64::from(u16::from_be_bytes([draw.as_bytes()[0], draw.as_bytes()[1]]));
    let widest = pause_ms * JITTER / 100;
    let jitter = draw * (2 * widest) / i64::from(u16::MAX) - widest;
    Some(now + TimeDelta::milliseconds(pause_ms + jitter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_differ_and_end() {
        let now = DateTime::UNIX_EPOCH;
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut waited = TimeDelta::zero();
        for attempt in 1..MAX_ATTEMPTS {
            let pause = next_try(one, attempt, now).unwrap() - now;
            let middle = (5 * 4_i64.pow(attempt - 1)).min(6 * 3_600);
            assert!((pause.num_milliseconds() - middle * 1_000).abs() <= middle * 200);
            assert_ne!(Some(now + pause), next_try(other, attempt, now));
            assert_eq!(Some(now + pause), next_try(one, attempt, now));
            waited += pause;
        }
        assert!((TimeDelta::hours(15)..TimeDelta::hours(25)).contains(&waited));
        assert_eq!(next_try(one, MAX_ATTEMPTS, now), None);
    }
}
