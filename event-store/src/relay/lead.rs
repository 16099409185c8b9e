//! Holds a lease while there is work to do under it.

use std::sync::Arc;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use super::Error;
use crate::leases::{LEASE, Lease, Leases, RENEW};

/// Runs `work` while the lease is surely held, stands by otherwise, and gives the lease back at `shutdown`. `lost` ends when the lease
/// may be over by this machine's own clock, which is before it is over by the store's.
pub(super) async fn lead<W, F>(
    leases: Arc<dyn Leases>,
    name: &str,
    holder: Uuid,
    shutdown: CancellationToken,
    work: W,
) -> Result<(), Error>
where
    W: Fn(Lease, CancellationToken) -> F,
    F: Future<Output = Result<(), Error>>,
{
    while !shutdown.is_cancelled() {
        let asked = Instant::now();
        match leases.hold(name, holder, LEASE).await {
            Ok(Some(lease)) => {
                let lost = CancellationToken::new();
                let ended = tokio::select! {
                    ended = work(lease.clone(), lost.clone()) => ended,
                    () = keep(&*leases, &lease, asked, lost) => Ok(()),
                };
                // One that is over is left as it is; one that can't be given back runs out.
                let _ = leases.release(&lease).await;
                ended?;
            }
            Ok(None) => {}
            Err(error) => warn!(%error, lease = name, "a lease could not be asked for"),
        }
        tokio::select! {
            () = sleep(RENEW) => {}
            () = shutdown.cancelled() => {}
        }
    }
    Ok(())
}

/// Renews until that fails for too long.
async fn keep(leases: &dyn Leases, lease: &Lease, asked: Instant, lost: CancellationToken) {
    let mut sure_until = asked + LEASE - RENEW;
    loop {
        sleep(RENEW).await;
        let asked = Instant::now();
        let renewed = tokio::select! {
            renewed = leases.hold(&lease.name, lease.holder, LEASE) => renewed,
            () = sleep_until(sure_until) => break,
        };
        match renewed {
            Ok(Some(renewed)) if renewed.term == lease.term => sure_until = asked + LEASE - RENEW,
            Ok(_) => break,
            Err(_) if Instant::now() >= sure_until => break,
            Err(_) => {}
        }
    }
    lost.cancel();
}
