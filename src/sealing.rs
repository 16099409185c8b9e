//! Sealing the log: the key, the copies of the heads, and the one process that does it.

use std::{path::Path, sync::Arc, time::Duration};

use audit::seals::{
    copies::Copies,
    note::{SEALING_KEY_FILE, SealingKey},
    sealer::Sealer,
};
use event_store::{Clock, leases::lead, log::postgres::Access};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    adapters::{Adapters, Port},
    config::Settings,
    data_folder,
};

/// The lease's name.
const LEASE: &str = "sealer";
/// How long after a failure the stores are opened again.
const RETRY: Duration = Duration::from_secs(5);

/// The key that signs heads: the configured one, or the data folder's, which is made where it is missing; `None`: the log is not sealed.
///
/// # Errors
/// A file that can't be used, or a name that can't stand in a head.
pub fn key(settings: &Settings) -> anyhow::Result<Option<SealingKey>> {
    let (path, origin) = (&settings.audit.sealing_key, &settings.audit.origin);
    if !path.is_empty() {
        return Ok(Some(SealingKey::read(Path::new(path), origin)?));
    }
    if !Port::Log.is_embedded(settings)? {
        return Ok(None);
    }
    data_folder::create(&settings.server.data)?;
    let path = settings.server.data.join(SEALING_KEY_FILE);
    Ok(Some(SealingKey::open(&path, origin)?))
}

/// Where heads are copied to.
pub fn copies(settings: &Settings) -> Copies {
    Copies::new(settings.server.data.join(&settings.audit.heads_file))
}

/// What seals the configured log.
///
/// # Errors
/// A store that can't be opened.
pub async fn sealer(
    settings: &Settings,
    adapters: &Adapters,
    key: Arc<SealingKey>,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Sealer> {
    let copies = copies(settings);
    if let Some(folder) = copies.path().parent() {
        data_folder::create(folder)?;
    }
    Ok(Sealer {
        log: adapters.log().await?.log.clone(),
        seals: adapters.seals().await?,
        key,
        copies,
        clock,
    })
}

/// Seals while this process leads, until `shutdown`. It opens stores of its own: a process that only reads the log seals it, too.
pub async fn run(
    settings: Settings,
    key: Arc<SealingKey>,
    clock: Arc<dyn Clock>,
    holder: Uuid,
    shutdown: CancellationToken,
) {
    let every = Duration::from_millis(settings.audit.seal_every_ms);
    let adapters = Adapters::new(&settings, Access::ReadWrite);
    let open = async || {
        let sealer = sealer(&settings, &adapters, key.clone(), clock.clone()).await?;
        anyhow::Ok((sealer, adapters.leases().await?))
    };
    while !shutdown.is_cancelled() {
        let opened = shutdown.run_until_cancelled(open()).await;
        match opened {
            None => break,
            Some(Ok((sealer, leases))) => {
                let sealer = &sealer;
                lead(
                    leases,
                    LEASE,
                    holder,
                    shutdown.clone(),
                    |_, stop| async move {
                        sealer.run(every, &stop).await;
                    },
                )
                .await;
            }
            Some(Err(error)) => {
                tracing::warn!(error = %format!("{error:#}"), "the log can't be sealed now");
                shutdown.run_until_cancelled(sleep(RETRY)).await;
            }
        }
    }
    adapters.close().await;
}
