//! A database's clock, as a process knows it.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use chrono::{DateTime, Utc};

use super::{
    Clock, SystemClock,
    estimate::{Estimate, Sample},
};

/// The clock of a database: that of one's own machine, set right by every look at the other. All processes that use one database
/// agree on the time to within a round trip.
#[derive(Debug)]
pub struct DatabaseClock {
    /// One's own clock counts from here: it never steps.
    origin: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    estimate: Estimate,
    /// Kept, so that telling the time costs no more than an addition.
    offset: Option<i64>,
    /// Which of several servers was looked at: each has a clock of its own.
    server: u64,
}

impl Default for DatabaseClock {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            state: Mutex::default(),
        }
    }
}

impl DatabaseClock {
    /// Takes in what the clock of the server number `server` said between two instants. Another number than before begins anew, a
    /// smaller one is from a server that was left.
    pub fn observe(&self, server: u64, sent: Instant, received: Instant, told: DateTime<Utc>) {
        let sample = Sample {
            sent: self.micros(sent),
            received: self.micros(received),
            told: told.timestamp_micros(),
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if server < state.server {
            return;
        }
        if server > state.server {
            state.server = server;
            state.estimate = Estimate::default();
        }
        state.estimate.observe(sample);
        state.offset = state.estimate.offset();
    }

    fn micros(&self, instant: Instant) -> i64 {
        let since = instant.saturating_duration_since(self.origin);
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}

impl Clock for DatabaseClock {
    /// Before the first look the machine's own time.
    fn now(&self) -> DateTime<Utc> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state.offset.and_then(|offset| {
            DateTime::from_timestamp_micros(self.micros(Instant::now()) + offset)
        });
        now.unwrap_or_else(|| SystemClock.now())
    }

    fn check(&self) -> Result<(), String> {
        let now = self.micros(Instant::now());
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.estimate.contradiction(now) {
            None => Ok(()),
            Some(apart) => Err(format!(
                "what the log's server told of its clock within seconds lies {} ms apart",
                apart / 1_000
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::TimeDelta;

    use super::*;

    fn told(clock: &DatabaseClock, server: u64, at: Instant, time: DateTime<Utc>) {
        clock.observe(server, at, at + Duration::from_micros(100), time);
    }

    #[test]
    fn it_shows_what_the_database_shows() {
        let clock = DatabaseClock::default();
        let apart = (clock.now() - SystemClock.now()).abs();
        assert!(apart < TimeDelta::seconds(5), "before the first look");
        let then = DateTime::UNIX_EPOCH + TimeDelta::days(9);
        told(&clock, 1, Instant::now(), then);
        let now = clock.now();
        assert!(now > then - TimeDelta::milliseconds(1), "{now}");
        assert!(now < then + TimeDelta::seconds(5), "{now}");
    }

    #[test]
    fn it_stands_up_only_for_what_agrees() {
        let (clock, at) = (DatabaseClock::default(), Instant::now());
        let then = DateTime::UNIX_EPOCH + TimeDelta::days(9);
        told(&clock, 1, at, then);
        assert_eq!(clock.check(), Ok(()));
        told(&clock, 1, at, then + TimeDelta::milliseconds(900));
        let error = clock.check().unwrap_err();
        assert!(error.contains("899 ms apart"), "{error}");
        // Another server has another clock.
        told(&clock, 2, at, then + TimeDelta::seconds(60));
        assert_eq!(clock.check(), Ok(()));
        told(&clock, 1, at, then);
        assert_eq!(clock.check(), Ok(()), "told by the server that was left");
    }
}
