//! Leading: doing a job only while its lease is surely held.
//!
//! ```text
//!  asked      t          t + RENEW            answered late, or not at all
//!  lease      ├──────────┼──── ... ───────────────────────┤ over, by the store's clock, no sooner than t + LEASE
//!  work       ├──────────────────────────────┤ told to stop, a margin before
//!                                            ├────────────┤ dropped, if it has not
//! ```

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{LEASE, Lease, Leases, RENEW};

/// How a job is led.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long a lease lasts unless it is renewed.
    pub lease: Duration,
    /// How often it is renewed, or asked for by those who stand by.
    pub renew: Duration,
    /// How long before its end the work is told to stop.
    pub margin: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            lease: LEASE,
            renew: RENEW,
            margin: Duration::from_secs(1),
        }
    }
}

/// Does a job in one of several processes: stands by until `holder` has the lease, then runs `work` for as long as it surely has.
/// `work` is given the lease and a token that is cancelled when it must stop, for a lost lease as for `shutdown`; where it goes on, it
/// is dropped before the lease can be another's. Work that ends by itself is begun again, under the next lease. Returns after
/// `shutdown`, the lease given back.
pub async fn lead<W, F>(
    leases: Arc<dyn Leases>,
    name: &str,
    holder: Uuid,
    shutdown: CancellationToken,
    work: W,
) where
    W: FnMut(Lease, CancellationToken) -> F,
    F: Future<Output = ()>,
{
    lead_at(Pace::default(), leases, name, holder, shutdown, work).await;
}

/// [`lead`], at another pace.
pub async fn lead_at<W, F>(
    pace: Pace,
    leases: Arc<dyn Leases>,
    name: &str,
    holder: Uuid,
    shutdown: CancellationToken,
    mut work: W,
) where
    W: FnMut(Lease, CancellationToken) -> F,
    F: Future<Output = ()>,
{
    let leader = Leader {
        pace,
        leases,
        name,
        holder,
    };
    while !shutdown.is_cancelled() {
        let asked = Instant::now();
        let until = asked + pace.lease;
        let held = tokio::select! {
            () = shutdown.cancelled() => return,
            held = leader.hold(until) => held,
        };
        if let Some(Some(lease)) = held {
            tracing::info!(lease.name = name, lease.term = lease.term, "leads");
            let lost = shutdown.child_token();
            let working = work(lease.clone(), lost.clone());
            leader.run(&lease, until, &lost, working).await;
            leader.release(&lease).await;
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = sleep_until(asked + pace.renew) => {}
        }
    }
}

struct Leader<'a> {
    pace: Pace,
    leases: Arc<dyn Leases>,
    name: &'a str,
    holder: Uuid,
}

impl Leader<'_> {
    /// Runs the work and renews the lease, which lasts until `end`, beside it; until one of them ends.
    async fn run(
        &self,
        lease: &Lease,
        end: Instant,
        lost: &CancellationToken,
        working: impl Future<Output = ()>,
    ) {
        let mut working = pin!(working);
        let end = tokio::select! {
            () = &mut working => return,
            end = self.renew(lease, end, lost) => end,
        };
        lost.cancel();
        if timeout_at(end, working).await.is_err() {
            tracing::error!(
                lease.name = self.name,
                lease.term = lease.term,
                "the work did not stop in time and is cut off"
            );
        }
    }

    /// Renews until the lease is lost or the work is to stop; answers when the lease may be another's.
    async fn renew(&self, lease: &Lease, mut end: Instant, stop: &CancellationToken) -> Instant {
        let mut next = Instant::now() + self.pace.renew;
        loop {
            let until = end - self.pace.margin;
            let renewed = async {
                sleep_until(next.min(until)).await;
                // A lease that is renewed begins when it was asked for, at the earliest.
                let asked = Instant::now();
                (asked, self.hold(until).await)
            };
            let (asked, renewed) = tokio::select! {
                () = stop.cancelled() => return end,
                renewed = renewed => renewed,
            };
            match renewed {
                Some(Some(renewed)) if renewed.term == lease.term => end = asked + self.pace.lease,
                // Another has it, or had it in between.
                Some(_) => {
                    tracing::warn!(
                        lease.name = self.name,
                        lease.term = lease.term,
                        "lost the lead"
                    );
                    return Instant::now();
                }
                None if Instant::now() >= until => {
                    tracing::warn!(
                        lease.name = self.name,
                        lease.term = lease.term,
                        "may lose the lead"
                    );
                    return end;
                }
                None => {}
            }
            next = asked + self.pace.renew;
        }
    }

    /// Asks for the lease; `None` without an answer by `until`.
    async fn hold(&self, until: Instant) -> Option<Option<Lease>> {
        let held = self.leases.hold(self.name, self.holder, self.pace.lease);
        match timeout_at(until, held).await {
            Ok(Ok(held)) => Some(held),
            Ok(Err(error)) => {
                tracing::warn!(lease.name = self.name, %error, "can't ask for the lease");
                None
            }
            Err(_) => None,
        }
    }

    async fn release(&self, lease: &Lease) {
        // It ends by itself, if later, where it can't be given back.
        let released = self.leases.release(lease);
        if let Ok(Err(error)) = timeout(self.pace.renew, released).await {
            tracing::warn!(lease.name = self.name, %error, "can't give the lease back");
        }
    }
}
