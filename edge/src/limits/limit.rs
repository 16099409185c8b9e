//! One limit: so many calls a minute by each caller.

use std::{fmt, hash::Hash, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::StateInformationMiddleware,
};

use super::store::Bounded;

/// What a limit counts over. The same for all: callers see one kind of number.
pub(super) const WINDOW: Duration = Duration::from_mins(1);

/// Calls that may come at once, and come back evenly over [`WINDOW`] (GCRA): nobody waits for a window to end, and nobody gets twice the
/// quota around the end of one.
pub(super) struct Limit<K: Hash + Eq + Clone, C: Clock = MonotonicClock> {
    name: &'static str,
    quota: NonZeroU32,
    /// The time in which one call comes back.
    period: Duration,
    clock: C,
    limiter: RateLimiter<K, Bounded<K>, C, StateInformationMiddleware>,
}

/// How a caller stands after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// The limit's name.
    pub(super) name: &'static str,
    /// Calls a minute.
    pub(super) quota: u32,
    /// Calls left.
    pub(super) remaining: u32,
    /// The time until all are back; after a refusal, until one is.
    pub(super) reset: Duration,
    /// Whether the call is one too many.
    pub(super) is_refused: bool,
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Limit<K, C> {
    /// `quota` calls a minute by each of at most `max_keys` callers; `None` for a quota of 0, which means no limit.
    pub(super) fn new(name: &'static str, quota: u32, max_keys: usize, clock: C) -> Option<Self> {
        let quota = NonZeroU32::new(quota)?;
        let period = WINDOW / quota.get();
        let quotas = Quota::with_period(period)?.allow_burst(quota);
        let store = Bounded::new(max_keys);
        Some(Self {
            name,
            quota,
            period,
            limiter: RateLimiter::new(quotas, store, clock.clone()),
            clock,
        })
    }

    /// Counts a call.
    pub(super) fn take(&self, key: &K) -> Standing {
        let quota = self.quota.get();
        let (remaining, reset) = match self.limiter.check_key(key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                (remaining, self.period * quota.saturating_sub(remaining))
            }
            Err(until) => {
                let wait = until.wait_time_from(self.clock.now());
                return self.standing(0, wait, true);
            }
        };
        self.standing(remaining, reset, false)
    }

    /// Forgets whose calls are all back.
    pub(super) fn sweep(&self) {
        self.limiter.retain_recent();
    }

    /// Callers remembered.
    pub(super) fn len(&self) -> usize {
        self.limiter.len()
    }

    /// Its name.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    fn standing(&self, remaining: u32, reset: Duration, is_refused: bool) -> Standing {
        Standing {
            name: self.name,
            quota: self.quota.get(),
            remaining,
            reset,
            is_refused,
        }
    }
}

impl<K: Hash + Eq + Clone, C: Clock> fmt::Debug for Limit<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit")
            .field("name", &self.name)
            .field("quota", &self.quota)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limit(quota: u32) -> (Limit<u8, FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let limit = Limit::new("calls", quota, 1_000, clock.clone());
        (limit.unwrap(), clock)
    }

    fn remaining(standing: Standing) -> Option<u32> {
        (!standing.is_refused).then_some(standing.remaining)
    }

    #[test]
    fn a_quota_is_spent_at_once_and_comes_back_call_by_call() {
        let (limit, clock) = limit(6);
        for left in (0..6).rev() {
            assert_eq!(remaining(limit.take(&1)), Some(left));
        }
        let refused = limit.take(&1);
        assert!(refused.is_refused);
        assert_eq!(refused.reset, Duration::from_secs(10));
        assert_eq!(remaining(limit.take(&2)), Some(5), "each has its own");
        clock.advance(Duration::from_secs(9));
        let refused = limit.take(&1);
        assert_eq!(
            refused.reset,
            Duration::from_secs(1),
            "refusals cost nothing"
        );
        clock.advance(Duration::from_secs(1));
        let taken = limit.take(&1);
        assert_eq!((remaining(taken), taken.reset), (Some(0), WINDOW));
        clock.advance(WINDOW);
        assert_eq!(remaining(limit.take(&1)), Some(5));
    }

    #[test]
    fn whose_calls_are_back_is_forgotten_and_nobody_else() {
        let (limit, clock) = limit(6);
        for _ in 0..6 {
            limit.take(&1);
        }
        limit.take(&2);
        clock.advance(Duration::from_secs(30));
        limit.sweep();
        assert_eq!(limit.len(), 1);
        assert_eq!(remaining(limit.take(&1)), Some(2));
        clock.advance(2 * WINDOW);
        limit.sweep();
        assert_eq!(limit.len(), 0);
    }

    #[test]
    fn a_quota_of_0_is_no_limit() {
        let none = Limit::<u8, _>::new("calls", 0, 1, FakeRelativeClock::default());
        assert!(none.is_none());
    }
}
