//! Sealing the log: the key, the copies of the heads, and the one process that does it.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use audit::seals::{
    copies::Copies,
    note::{SEALING_KEY_FILE, SealingKey, VerificationKey},
    sealer::Sealer,
};
use event_store::{
    Clock,
    leases::{Leases, lead},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    adapters::{Adapters, Port},
    config::Settings,
    data_folder,
};

/// The lease's name.
const LEASE: &str = "sealer";

/// The key that signs heads: the configured one, or the data folder's, which is made where it is missing; `None`: the log is not sealed.
///
/// # Errors
/// A file that can't be used, or a name that can't stand in a head.
pub fn key(settings: &Settings) -> anyhow::Result<Option<SealingKey>> {
    let (path, origin) = (&settings.audit.sealing_key, &settings.audit.origin);
    if !path.is_empty() {
        check_apart(path, &settings.auth.signing_key)?;
        return Ok(Some(SealingKey::read(Path::new(path), origin)?));
    }
    if !Port::Log.is_embedded(settings)? {
        return Ok(None);
    }
    data_folder::create(&settings.server.data)?;
    let path = settings.server.data.join(SEALING_KEY_FILE);
    Ok(Some(SealingKey::open(&path, origin)?))
}

/// Refuses to seal with the key that signs tokens: every command API has that one, and could sign heads then.
fn check_apart(sealing: &str, signing: &str) -> anyhow::Result<()> {
    if signing.is_empty() {
        return Ok(());
    }
    if let (Ok(one), Ok(other)) = (fs::read(sealing), fs::read(signing)) {
        ensure!(
            one != other,
            "audit.sealing_key ({sealing}) is the key of auth.signing_key: it must be one of its own"
        );
    }
    Ok(())
}

/// Public halves of the keys that signed heads before the present one.
///
/// # Errors
/// A text that is no key.
pub fn replaced(settings: &Settings) -> anyhow::Result<Vec<VerificationKey>> {
    let keys = settings.audit.replaced_keys.iter();
    keys.map(|key| key.parse().context("audit.replaced_keys can't be used"))
        .collect()
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
        replaced: replaced(settings)?,
        copies,
        clock,
    })
}

/// What heads are checked with: the configured key, or the public half of the one that signs; `None`: the log is not sealed.
///
/// # Errors
/// As [`key`]; a text that is no key.
pub fn verification(settings: &Settings) -> anyhow::Result<Option<VerificationKey>> {
    let text = &settings.audit.verification_key;
    if !text.is_empty() {
        let key = text
            .parse()
            .context("audit.verification_key can't be used")?;
        return Ok(Some(key));
    }
    Ok(key(settings)?.map(|key| key.verification().clone()))
}

/// Seals while this process leads, until `shutdown`.
pub async fn run(
    sealer: Sealer,
    every: Duration,
    leases: Arc<dyn Leases>,
    holder: Uuid,
    shutdown: CancellationToken,
) {
    let sealer = &sealer;
    lead(leases, LEASE, holder, shutdown, |_, stop| async move {
        sealer.run(every, &stop).await;
    })
    .await;
}
