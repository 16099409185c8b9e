//! Clears away secrets that nothing was ever made of. A secret is made before what rests on it: before a drop is opened, before a webhook
//! is kept. Where that did not come about, or nobody knows whether it did, the secret is left behind, until here the log and the ledger
//! are asked.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Aggregate, drop::FairDrop};
use event_store::{EventLog, Position, StreamId, log};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Deps;
use crate::{
    drops::fairness,
    key_store::{self, KeyStore},
    notifications::{self, Ledger, webhook},
};

/// Opening a drop and making a webhook take milliseconds; what is not there after so long will not come any more.
const UNUSED: TimeDelta = TimeDelta::days(1);
/// How often the sweep runs: what it clears away harms nobody meanwhile.
const EVERY: Duration = Duration::from_hours(1);
/// Names read at a time.
const BATCH: usize = 100;

/// Why a sweep stopped early; the next goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Keys(#[from] key_store::Error),
    #[error(transparent)]
    Log(#[from] log::Error),
    #[error(transparent)]
    Ledger(#[from] notifications::Error),
}

/// Sweeps at once and each hour, until `shutdown`.
pub(super) async fn run(deps: &Deps, shutdown: &CancellationToken) {
    let sweep = Sweep {
        keys: &*deps.keys,
        log: &*deps.core.log,
        ledger: &*deps.notifications.ledger,
    };
    let work = async {
        loop {
            match sweep.run(deps.core.clock.now()).await {
                Ok(0) => {}
                Ok(gone) => tracing::info!(gone, "secrets of which nothing was made are destroyed"),
                Err(error) => tracing::warn!(%error, "sweeping unused secrets stopped early"),
            }
            sleep(EVERY).await;
        }
    };
    shutdown.run_until_cancelled(work).await;
}

/// What secrets there are, and what rests on them.
pub(crate) struct Sweep<'a> {
    pub(crate) keys: &'a dyn KeyStore,
    pub(crate) log: &'a dyn EventLog,
    pub(crate) ledger: &'a dyn Ledger,
}

impl Sweep<'_> {
    /// Destroys secrets that are older than a day and on which nothing rests; how many.
    ///
    /// # Errors
    /// [`Error`].
    pub(crate) async fn run(&self, now: DateTime<Utc>) -> Result<usize, Error> {
        // A log that is younger than a secret can't tell what rests on it: it may be another one, opened by mistake.
        let first = self.log.read_all(Position(0), 1).await?;
        let Some(begun) = first.first().map(|event| event.recorded_at) else {
            return Ok(0);
        };
        let is_due =
            |id: &Uuid| made_at(*id).is_some_and(|made| made > begun && made < now - UNUSED);
        let mut gone = 0;
        for (prefix, kind) in [
            (fairness::SECRETS, Kind::Drop),
            (webhook::SECRETS, Kind::Webhook),
        ] {
            let mut after = prefix.to_owned();
            loop {
                let names = self.keys.secret_names(prefix, &after, BATCH).await?;
                let ids = names
                    .iter()
                    .filter_map(|name| name[prefix.len()..].parse().ok());
                let due: Vec<Uuid> = ids.filter(is_due).collect();
                for id in self.unused(kind, &due).await? {
                    self.keys.destroy_secret(&format!("{prefix}{id}")).await?;
                    gone += 1;
                }
                match names.into_iter().last() {
                    Some(last) => after = last,
                    None => break,
                }
            }
        }
        Ok(gone)
    }

    /// Those of which there is nothing.
    async fn unused(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Uuid>, Error> {
        let mut unused = Vec::new();
        match kind {
            Kind::Drop => {
                let stream = |id: &Uuid| StreamId::new(FairDrop::TYPE, id.to_string());
                let streams: Vec<_> = ids.iter().map(stream).collect();
                let heads = self.log.stream_heads(&streams).await?;
                let none = ids.iter().zip(heads).filter(|(_, head)| head.is_none());
                unused.extend(none.map(|(id, _)| *id));
            }
            Kind::Webhook => {
                for id in ids {
                    if self.ledger.webhook(*id).await?.is_none() {
                        unused.push(*id);
                    }
                }
            }
        }
        Ok(unused)
    }
}

/// What a secret was made for.
#[derive(Clone, Copy)]
enum Kind {
    Drop,
    Webhook,
}

/// When an id was made, by itself.
fn made_at(id: Uuid) -> Option<DateTime<Utc>> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}
