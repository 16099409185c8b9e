//! How fast events are replayed: not faster than the system beside can bear.

use std::{num::NonZeroU32, time::Duration};

use tokio::time::{Instant, sleep_until};

/// Pages of a second: the load is spread over it.
const PAGES_PER_SECOND: usize = 4;

/// Holds a replay back to so many events a second.
#[derive(Debug)]
pub struct Pace {
    limit: Option<(NonZeroU32, Instant)>,
    events: u64,
}

impl Pace {
    /// At most `per_second`; as fast as it goes without.
    pub fn new(per_second: Option<NonZeroU32>) -> Self {
        Self {
            limit: per_second.map(|per_second| (per_second, Instant::now())),
            events: 0,
        }
    }

    /// Events to read at a time, at most `most`.
    pub fn page(&self, most: usize) -> usize {
        let of_second = |(per_second, _): (NonZeroU32, Instant)| {
            let per_second = usize::try_from(per_second.get()).unwrap_or(usize::MAX);
            per_second.div_ceil(PAGES_PER_SECOND)
        };
        self.limit.map_or(most, of_second).min(most)
    }

    /// Waits until it is time for what comes behind `events` more.
    pub async fn after(&mut self, events: usize) {
        self.events += u64::try_from(events).unwrap_or(u64::MAX);
        if let Some((per_second, began)) = self.limit {
            sleep_until(began + due(self.events, per_second)).await;
        }
    }
}

/// When, after the beginning, so many events may have been read.
fn due(events: u64, per_second: NonZeroU32) -> Duration {
    let micros = u128::from(events) * 1_000_000 / u128::from(per_second.get());
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_events_take_so_many_seconds() {
        let hundred = NonZeroU32::new(100).unwrap();
        assert_eq!(Pace::new(Some(hundred)).page(5_000), 25);
        assert_eq!(due(300, hundred), Duration::from_secs(3));
        assert_eq!(Pace::new(NonZeroU32::new(1)).page(5_000), 1);
        assert_eq!(Pace::new(NonZeroU32::new(1_000_000)).page(5_000), 5_000);
    }

    #[tokio::test]
    async fn without_a_limit_nothing_waits() {
        let mut pace = Pace::new(None);
        assert_eq!(pace.page(5_000), 5_000);
        pace.after(usize::MAX).await;
    }
}
