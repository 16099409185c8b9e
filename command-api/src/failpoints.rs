//! Named places at which a test, or a rehearsal, can make the process stop: after each durable step of a saga.

use std::{
    fmt,
    future::{Future, ready},
    pin::Pin,
    str::FromStr,
    sync::Arc,
};

/// The places, each right after the append of the same name was acknowledged. `payment.refused`: a debit or a confirmation was refused,
/// and the payment not given up yet. `cancellation.told`: one payment of a cancelled show was told to refund itself,
/// `cancellation.requested`: all of them were; `cancellation.wound_up`: a batch of its places is free. `drop.drawn`: a
/// batch of entries is drawn, `drop.beacon`: a value that was fetched is recorded, `drop.debited`: one winner has paid or could not, `drop.settled`: a round of them is recorded.
/// `notifications.told`: a batch of them is in the ledger, `notifications.sent`: some were sent elsewhere, and the ledger does not know it yet.
/// `erasure.recorded`: nothing of an erased customer is destroyed yet, `erasure.key_destroyed`: the key is, `erasure.destroyed`: so are password
/// and sessions.
pub const NAMES: [&str; 29] = [
    "payment.requested",
    "payment.debited",
    "payment.confirmed",
    "payment.completed",
    "payment.refused",
    "payment.abandoned",
    "payment.credited",
    "payment.failed",
    "refund.requested",
    "refund.cancelled",
    "refund.credited",
    "refund.completed",
    "cancellation.told",
    "cancellation.requested",
    "cancellation.wound_up",
    "drop.closed",
    "drop.sealed",
    "drop.beacon",
    "drop.drawn",
    "drop.debited",
    "drop.settled",
    "drop.released",
    "drop.dismissed",
    "drop.revealed",
    "notifications.told",
    "notifications.sent",
    "erasure.recorded",
    "erasure.key_destroyed",
    "erasure.destroyed",
];

type Pause = Pin<Box<dyn Future<Output = ()> + Send>>;
type Hook = dyn Fn(&'static str) -> Pause + Send + Sync;

/// What happens at the named places: nothing, unless set otherwise.
#[derive(Clone, Default)]
pub struct Failpoints(Option<Arc<Hook>>);

impl Failpoints {
    /// Calls `hook` with the name of each place that is passed, and waits for what it answers. One that never ends lets
    /// a test drop the caller right there.
    pub fn new(hook: impl Fn(&'static str) -> Pause + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    /// Aborts the process at the place `at`, as a crash would: nothing is flushed or finished.
    pub fn abort_at(at: Failpoint) -> Self {
        Self::new(move |name| {
            if name == at.0 {
                tracing::error!(failpoint = name, "aborting, as the failpoint demands");
                std::process::abort();
            }
            Box::pin(ready(()))
        })
    }

    /// These, then those.
    #[must_use]
    pub fn and(self, then: Self) -> Self {
        Self::new(move |name| {
            let (first, then) = (self.clone(), then.clone());
            Box::pin(async move {
                first.pass(name).await;
                then.pass(name).await;
            })
        })
    }

    /// A place is passed.
    pub(crate) async fn pass(&self, name: &'static str) {
        debug_assert!(NAMES.contains(&name), "an unknown failpoint: {name}");
        if let Some(hook) = &self.0 {
            hook(name).await;
        }
    }
}

impl fmt::Debug for Failpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Failpoints")
            .field(&self.0.is_some())
            .finish()
    }
}

/// The name of a place. Parsed from one of [`NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failpoint(&'static str);

/// A name that is not one of [`NAMES`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown failpoint {0:?}; there are: {list}", list = NAMES.join(", "))]
pub struct UnknownFailpoint(String);

impl FromStr for Failpoint {
    type Err = UnknownFailpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = NAMES.into_iter().find(|name| *name == text);
        known
            .map(Self)
            .ok_or_else(|| UnknownFailpoint(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_its_names_and_lists_them_otherwise() {
        assert_eq!("payment.debited".parse(), Ok(Failpoint("payment.debited")));
        let error = "payment.paid".parse::<Failpoint>().unwrap_err();
        assert!(error.to_string().contains("payment.completed"), "{error}");
    }
}
