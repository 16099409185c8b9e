//! The clock port: the one source of time.

mod database;
mod estimate;

use std::{
    fmt::Debug,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

pub use crate::clock::database::DatabaseClock;

/// Tells the time, in UTC with microsecond resolution.
pub trait Clock: Send + Sync + Debug {
    /// The present.
    fn now(&self) -> DateTime<Utc>;

    /// Whether the time can be trusted.
    ///
    /// # Errors
    /// Why it can't: what is decided by it might be wrong.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one adapter that reads the machine's clock"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }
}

/// A clock that stands still until it is moved: for tests and rehearsals.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now.trunc_subsecs(6)))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: TimeDelta) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
