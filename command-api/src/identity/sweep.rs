//! Clears away what registrations left behind that never came to an end, and sessions whose time is over.

use chrono::TimeDelta;
use domain::{Aggregate, customer::Customer};
use event_store::{EventLog, StreamId, log};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    credentials::{self, Credentials},
    key_store::{self, KeyStore},
    process_managers::Deps,
};

/// A registration takes milliseconds; whatever is pending for so long will not come to an end any more.
const PENDING: TimeDelta = TimeDelta::days(1);
/// How often the sweep runs: what it clears away harms nobody meanwhile.
const EVERY: std::time::Duration = std::time::Duration::from_hours(1);
/// Rows handled at a time: writes into the log's file must stay short.
const BATCH: usize = 100;

/// Why a sweep stopped early; the next goes on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key store's.
    #[error(transparent)]
    Keys(#[from] key_store::Error),
    /// The credentials'.
    #[error(transparent)]
    Credentials(#[from] credentials::Error),
    /// The log's.
    #[error(transparent)]
    Log(#[from] log::Error),
}

/// Sweeps at once and each hour, until `shutdown`.
pub async fn run(deps: &Deps, shutdown: &CancellationToken) {
    let (core, keys, credentials) = (&deps.core, &*deps.keys, &*deps.credentials);
    loop {
        if let Err(error) = sweep(keys, credentials, &*core.log, core.clock.now()).await {
            tracing::warn!(%error, "sweeping unfinished registrations stopped early");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Settles keys and passwords of customers that exist, discards those of customers that don't, each after a day; removes sessions
/// whose time is over.
///
/// # Errors
/// [`Error`].
pub async fn sweep(
    keys: &dyn KeyStore,
    credentials: &dyn Credentials,
    log: &dyn EventLog,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), Error> {
    let before = now - PENDING;
    // Each round takes what it listed off the list, so the rounds come to an end.
    loop {
        let pending = keys.pending_keys(before, BATCH).await?;
        for (customer, exists) in exist(log, &pending).await? {
            if exists {
                keys.settle_key(customer).await?;
            } else {
                keys.discard_key(customer).await?;
            }
        }
        if pending.len() < BATCH {
            break;
        }
    }
    loop {
        let pending = credentials.pending_passwords(before, BATCH).await?;
        for (customer, exists) in exist(log, &pending).await? {
            if exists {
                credentials.settle_password(customer).await?;
            } else {
                credentials.discard_password(customer).await?;
            }
        }
        if pending.len() < BATCH {
            break;
        }
    }
    while credentials.sweep_sessions(now, BATCH).await? == BATCH as u64 {}
    Ok(())
}

/// Which of these customers the log knows.
async fn exist(log: &dyn EventLog, customers: &[Uuid]) -> Result<Vec<(Uuid, bool)>, Error> {
    let streams: Vec<_> = customers
        .iter()
        .map(|customer| StreamId::new(Customer::TYPE, customer.to_string()))
        .collect();
    let heads = log.stream_heads(&streams).await?;
    let exists = heads.into_iter().map(|head| head.is_some());
    Ok(customers.iter().copied().zip(exists).collect())
}
