//! The sealer: follows the log, grows the tree, signs its heads and copies them elsewhere.

use std::{io, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use event_store::{
    Clock, EventLog, Position,
    log::Error as LogError,
    seals::{
        Seal, SealedHead, Seals,
        merkle::{Edge, Missing, event_hash},
    },
};
use tokio::{task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    copies::Copies,
    note::{self, SealingKey, VerificationKey},
};

/// Events that one seal covers at most: half a megabyte of hashes in one transaction.
const MAX_EVENTS: u64 = 16_384;
/// Events read at a time: at most half a megabyte each, usually less than one.
const PAGE: usize = 500;
/// Between two seals while the sealer is behind: others want the processor and the log's lock, too.
const BREATH: Duration = Duration::from_millis(50);
/// After a seal that failed.
const RETRY: Duration = Duration::from_secs(5);
/// Heads copied at a time.
const HEADS: usize = 1_000;

/// Why the log could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log, or what it is sealed with, can't be reached.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The tree is not what its newest head says: nothing is put on top of it.
    #[error("the tree of {size} events is not the one that was sealed: {why}")]
    Damaged {
        /// Of which head.
        size: u64,
        /// What was found.
        why: String,
    },
    /// The newest head is not of this key: heads of a key that nobody knows would make the log look changed.
    #[error(
        "the newest head is none of this sealing key's ({why}): set the key that it is signed with, or name that one's public half in \
         audit.replaced_keys"
    )]
    OtherKey {
        /// What is wrong with its signature.
        why: note::Error,
    },
    /// The log has a hole.
    #[error("the log has no event at position {0}")]
    Hole(u64),
    /// The copies can't be written.
    #[error("the heads can't be copied to {path}")]
    Copies {
        /// Where to.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What the sealer works with.
#[derive(Debug, Clone)]
pub struct Sealer {
    /// What is sealed.
    pub log: Arc<dyn EventLog>,
    /// Where the tree is kept.
    pub seals: Arc<dyn Seals>,
    /// What signs its heads.
    pub key: Arc<SealingKey>,
    /// What signed them before.
    pub replaced: Vec<VerificationKey>,
    /// Where they are copied to.
    pub copies: Copies,
    /// The time that heads are stored with.
    pub clock: Arc<dyn Clock>,
}

impl Sealer {
    /// Seals until `shutdown`, at most once in `every`.
    pub async fn run(&self, every: Duration, shutdown: &CancellationToken) {
        let work = async {
            let mut head = self.log.head_changes();
            loop {
                let pause = match self.round().await {
                    Ok(Some(sealed)) if sealed.size < self.behind().await => BREATH,
                    Ok(_) => every,
                    Err(error @ (Error::Damaged { .. } | Error::OtherKey { .. })) => {
                        tracing::error!(error = %chain(&error), "the log is not sealed: `frontrow audit seal --check` tells more");
                        RETRY.max(every)
                    }
                    Err(error) => {
                        tracing::warn!(error = %chain(&error), "the log can't be sealed now");
                        RETRY.max(every)
                    }
                };
                sleep(pause).await;
                if pause == every {
                    // A log that rests is not looked at: a log that is gone ends the wait.
                    let newest = self.seals.newest().await.ok().flatten();
                    let sealed = newest.map_or(0, |head| head.size);
                    let grown = head.wait_for(|head| head.0 > sealed).await.is_ok();
                    if !grown {
                        return;
                    }
                }
            }
        };
        shutdown.run_until_cancelled(work).await;
    }

    /// Where the log ends; 0 where that can't be told.
    async fn behind(&self) -> u64 {
        self.log.head().await.map_or(0, |head| head.position.0)
    }

    /// Seals what the log has beyond the newest head, but not more than one seal covers, and copies the heads. `None`: nothing is new.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn round(&self) -> Result<Option<SealedHead>, Error> {
        if let Some(head) = self.seals.newest().await? {
            let own = self.key.verification().clone();
            let keys: Vec<_> = [own].into_iter().chain(self.replaced.clone()).collect();
            note::open(&head.note, &keys).map_err(|why| Error::OtherKey { why })?;
        }
        let sealed = seal(&*self.log, &*self.seals, &self.key, self.clock.now()).await?;
        self.copy().await?;
        Ok(sealed)
    }

    /// Seals everything that the log has now. Answers the newest head, where there is one; `progress` is told how far it is.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn everything(
        &self,
        progress: impl Fn(u64, u64),
    ) -> Result<Option<SealedHead>, Error> {
        let end = self.log.head().await?.position.0;
        while let Some(head) = self.round().await? {
            progress(head.size, end);
            if head.size >= end {
                break;
            }
        }
        Ok(self.seals.newest().await?)
    }

    /// Copies the heads that have no copy yet.
    async fn copy(&self) -> Result<(), Error> {
        let mut after = self.blocking(Copies::newest).await?;
        loop {
            let heads = self.seals.heads(after, HEADS).await?;
            let Some(last) = heads.last() else {
                return Ok(());
            };
            after = last.size;
            self.blocking(move |copies| copies.append(&heads)).await?;
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Copies) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let copies = self.copies.clone();
        let done = spawn_blocking(move || work(&copies)).await;
        done.unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|source| Error::Copies {
                path: self.copies.path().display().to_string(),
                source,
            })
    }
}

/// Grows the tree by what the log has beyond its newest head, and signs the new one.
async fn seal(
    log: &dyn EventLog,
    seals: &dyn Seals,
    key: &SealingKey,
    now: DateTime<Utc>,
) -> Result<Option<SealedHead>, Error> {
    let newest = seals.newest().await?;
    let on = newest.as_ref().map_or(0, |head| head.size);
    let end = log.head().await?.position.0.min(on + MAX_EVENTS);
    if end <= on {
        return Ok(None);
    }
    let tiles = seals.tiles(&Edge::tiles(on)).await?;
    let damaged = |why: String| Error::Damaged { size: on, why };
    let edge = Edge::new(on, &tiles);
    let mut edge = edge.map_err(|missing: Missing| damaged(missing.to_string()))?;
    if newest.is_some_and(|head| head.root != edge.root()) {
        return Err(damaged("its hashes make another one".to_owned()));
    }
    while edge.size() < end {
        let limit = PAGE.min(usize::try_from(end - edge.size()).unwrap_or(PAGE));
        let events = log.read_all(Position(edge.size()), limit).await?;
        if events.is_empty() {
            return Err(Error::Hole(edge.size() + 1));
        }
        for event in &events {
            if event.position.0 != edge.size() + 1 {
                return Err(Error::Hole(edge.size() + 1));
            }
            edge.push(event_hash(event));
        }
    }
    let (size, root) = (edge.size(), edge.root());
    let head = SealedHead {
        size,
        root,
        note: key.sign(size, root),
        sealed_at: now,
    };
    let seal = Seal {
        on,
        head: head.clone(),
        tiles: edge.take_changed(),
    };
    // Another sealer was faster: its head is as good.
    Ok(seals.seal(seal).await?.then_some(head))
}

/// The whole chain of causes in a line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
