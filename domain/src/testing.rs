//! The words that the tests of all aggregates share: given these events, when this is asked, then that happens.

use std::fmt::Debug;

use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use crate::{aggregate::Aggregate, time::Timestamp};

/// A fixed instant, `seconds` after the tests' beginning of time.
pub(crate) fn at(seconds: i64) -> Timestamp {
    let noon = DateTime::from_timestamp(1_800_000_000, 0).expect("in range");
    noon + TimeDelta::seconds(seconds)
}

/// The `n`th id of any kind.
pub(crate) fn id<T: From<Uuid>>(n: u128) -> T {
    T::from(Uuid::from_u128(n))
}

/// The state after `events`, each of them stored and read back.
pub(crate) fn given<A: Aggregate>(events: &[A::Event]) -> A {
    let mut state = A::default();
    for event in events {
        state.evolve(&stored(event));
    }
    state
}

/// An event as it comes back from the log.
pub(crate) fn stored<T: serde::Serialize + serde::de::DeserializeOwned>(event: &T) -> T {
    let text = serde_json::to_string(event).expect("events serialise");
    serde_json::from_str(&text).expect("events deserialise")
}

/// The second half of a sentence.
pub(crate) trait When<A: Aggregate> {
    /// What comes of `command` at `now`.
    fn when(&self, command: &A::Command, now: Timestamp) -> Then<A>;
}

impl<A: Aggregate> When<A> for A {
    fn when(&self, command: &A::Command, now: Timestamp) -> Then<A> {
        Then(self.decide(command, now))
    }
}

/// What came of a command.
pub(crate) struct Then<A: Aggregate>(Result<Vec<A::Event>, A::Error>);

impl<A: Aggregate> Then<A>
where
    A::Event: Debug,
{
    #[track_caller]
    pub(crate) fn then(self, events: &[A::Event]) {
        assert_eq!(self.0.as_deref(), Ok(events));
    }

    #[track_caller]
    pub(crate) fn then_nothing(self) {
        self.then(&[]);
    }

    #[track_caller]
    pub(crate) fn refused(self, refusal: &A::Error) {
        assert_eq!(self.0.as_ref(), Err(refusal));
    }
}
