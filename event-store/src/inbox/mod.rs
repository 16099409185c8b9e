//! The inbox: a topic that others write to, each of whose records asks for something.
//!
//! ```text
//!  topic   a b c d e f g h │ i
//!          └── committed ──┘ └ being handled: the group goes on behind h should this process end now
//!          each of a..h has its outcome: carried out, or a letter on TOPIC.dlq that says why not
//! ```
//!
//! - **Nothing is lost.** The group's offset moves only past records whose outcome is durable. While the handler can't tell yet (the log is
//!   away), partitions are paused and the record is tried again, for as long as it takes.
//! - **At least once.** After a crash, or as partitions move to another member, records come again. The handler makes that harmless: it
//!   derives the id of what it does from the record ([`Record::id`]).
//! - **Nothing stands in the way.** A record that can't be carried out, or breaks the handler, goes to `TOPIC.dlq` with the reason.
//! - **Order.** Partitions are taken in order, some records at a time ([`BATCH`]); those of one such batch are handled side by side.

mod consumer;
mod letters;
mod record;
#[cfg(test)]
mod tests;

use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::{FutureExt, future::join_all};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub use self::record::Record;
use self::{consumer::Consumer, letters::Letters};
use crate::{
    bus::{
        Error,
        kafka::{self, topic},
    },
    metrics,
};

/// Most records handled side by side: enough for the log to commit them together, and as many are repeated after a crash.
pub const BATCH: usize = 64;

/// What follows the topic's name in that of its dead letters.
pub const DEAD_LETTERS: &str = ".dlq";

/// How long a session waits before it starts over, after the brokers failed it.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a record that could not be carried out yet waits before it is tried again: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Why a record was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It never will be.
    #[error("{code}: {reason}")]
    Refused {
        /// Stable name of the reason.
        code: String,
        /// For people.
        reason: String,
    },
    /// It may be, later.
    #[error("{0}")]
    Unavailable(String),
}

impl Failure {
    /// A refusal.
    pub fn refused(code: &str, reason: impl Into<String>) -> Self {
        Self::Refused {
            code: code.to_owned(),
            reason: reason.into(),
        }
    }
}

/// What carries records out.
#[async_trait]
pub trait Handler: Send + Sync + fmt::Debug {
    /// Carries a record out; `Ok` once what it asked for is durable, or it asked for nothing. May be called again for the same record.
    ///
    /// # Errors
    /// [`Failure`].
    async fn handle(&self, record: &Record) -> Result<(), Failure>;
}

/// What an inbox works with.
#[derive(Debug, Clone)]
pub struct Deps {
    /// Where the brokers are.
    pub kafka: kafka::Options,
    /// The topic; made where it is missing, as is that of its dead letters.
    pub topic: String,
    /// The group of all who read it for the same purpose: they share the partitions.
    pub group: String,
    /// What carries the records out.
    pub handler: Arc<dyn Handler>,
}

impl Deps {
    /// The topic of the records that were not carried out.
    pub fn dead_letters(&self) -> String {
        format!("{}{DEAD_LETTERS}", self.topic)
    }
}

/// Reads the topic until `shutdown`. Brokers that are away are waited for.
pub async fn run(deps: Deps, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let Err(error) = session(&deps, &shutdown).await else {
            return;
        };
        warn!(topic = deps.topic, %error, "the inbox starts over from what was committed");
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

async fn session(deps: &Deps, shutdown: &CancellationToken) -> Result<(), Error> {
    let topics = [
        (deps.topic.clone(), deps.kafka.partitions),
        (deps.dead_letters(), topic::DEAD_LETTER_PARTITIONS),
    ];
    for (name, partitions) in &topics {
        topic::ensure_one(&deps.kafka, name, *partitions).await?;
    }
    let letters = Letters::open(deps)?;
    let mut consumer = Consumer::open(deps)?;
    info!(topic = deps.topic, group = deps.group, "the inbox is open");
    while let Some(batch) = consumer.next(BATCH, shutdown).await? {
        let work = settle_all(deps, &letters, &batch, shutdown);
        if !consumer.meanwhile(work).await? {
            break;
        }
        consumer.commit(&batch)?;
    }
    consumer.leave().await;
    Ok(())
}

/// Whether each record has its outcome; not, where `shutdown` came while one had to wait for it.
async fn settle_all(
    deps: &Deps,
    letters: &Letters,
    batch: &[Record],
    shutdown: &CancellationToken,
) -> bool {
    let settling = batch
        .iter()
        .map(|record| settle(deps, letters, record, shutdown));
    let settled = join_all(settling).await;
    settled.into_iter().all(|is_settled| is_settled)
}

async fn settle(
    deps: &Deps,
    letters: &Letters,
    record: &Record,
    shutdown: &CancellationToken,
) -> bool {
    let mut wait = RETRY.0;
    loop {
        match attempt(deps, letters, record).await {
            Ok(outcome) => {
                metrics::inbox_record(&deps.topic, outcome);
                return true;
            }
            Err(error) => warn!(%record, %error, "a record waits"),
        }
        metrics::inbox_record(&deps.topic, "retried");
        tokio::select! {
            () = sleep(wait) => {}
            () = shutdown.cancelled() => return false,
        }
        wait = (wait * 2).min(RETRY.1);
    }
}

/// Carries a record out, or puts it aside; says which.
async fn attempt(deps: &Deps, letters: &Letters, record: &Record) -> Result<&'static str, String> {
    let handled = AssertUnwindSafe(deps.handler.handle(record)).catch_unwind();
    let (code, reason) = match handled.await {
        Ok(Ok(())) => return Ok("handled"),
        Ok(Err(Failure::Unavailable(error))) => return Err(error),
        Ok(Err(Failure::Refused { code, reason })) => (code, reason),
        // It would again: those behind it must not wait for that.
        Err(_) => ("internal".to_owned(), "the handler panicked".to_owned()),
    };
    if code == "internal" {
        error!(%record, reason, "a record broke its handler");
    }
    let sent = letters.send(record, &code, &reason).await;
    sent.map_err(|error| error.to_string())?;
    Ok("refused")
}
