//! The relay: log -> topic. One leader, who resumes from what the topic itself has.
//!
//! ```text
//!  log         1 2 3 4 5 6 7 8
//!                        │   └ read, claimed (one replicated write), produced
//!                        └──── acknowledged by the brokers: watermarks say so to every partition
//!  partition   tail 5 ──▶ a new leader reads on from the least tail, and skips what a partition has
//! ```
//!
//! - **Nothing is lost.** A failed delivery ends the producer, before anything could follow what failed; the next one resumes from the
//!   partitions' tails.
//! - **Nothing reaches the topic that a fail-over could take back.** Each batch is claimed first; see [`crate::leases`].
//! - **A leader that was cut off only adds duplicates**, which consumers drop. `docs/decisions/0012-kafka-bus.md` says why.
//! - **Second records.** An event may go to topics for others too, at least once: after a change of leader some come again.

mod producer;
mod session;
mod tails;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::{
    Clock,
    bus::{
        self,
        kafka::{self, client::blocking, topic},
    },
    leases::{self, Lease, Leases},
    log::{EventLog, RecordedEvent},
    metrics,
};

/// The lease of the relay's leader.
pub const LEASE: &str = "relay";

/// How long a leader waits before it starts over, after the brokers, the log or the leases failed it.
const PAUSE: Duration = Duration::from_millis(500);
/// How long the brokers may owe an acknowledgement before the relay calls itself unready.
const SILENCE: Duration = Duration::from_secs(5);

/// The topics for others that an event goes to, beside the log's own.
pub type Route = Arc<dyn Fn(&RecordedEvent) -> Vec<&'static str> + Send + Sync>;

/// What the relay works with.
#[derive(Clone)]
pub struct Deps {
    /// What is relayed.
    pub log: Arc<dyn EventLog>,
    /// Who relays.
    pub leases: Arc<dyn Leases>,
    /// This process, among the leases' holders.
    pub holder: Uuid,
    /// Measures the lag.
    pub clock: Arc<dyn Clock>,
    /// Where to.
    pub kafka: kafka::Options,
    /// Every topic that `route` may name: they are made at the start.
    pub integration: Vec<String>,
    /// The topics for others that an event goes to.
    pub route: Route,
    /// Where it says how it fares.
    pub status: Status,
}

/// How a relay fares, for whoever asks whether its process is ready.
#[derive(Debug, Clone, Default)]
pub struct Status(Arc<Mutex<Fares>>);

#[derive(Debug, Default)]
struct Fares {
    failure: Option<String>,
    /// Since when the brokers owe an acknowledgement.
    waits_since: Option<Instant>,
}

impl Status {
    /// Nothing is amiss, as for whoever stands by; or why the leader does not relay.
    ///
    /// # Errors
    /// What the brokers, the log or the leases failed it with last, or for how long the brokers have not answered.
    pub fn check(&self) -> Result<(), String> {
        let fares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = &fares.failure {
            return Err(failure.clone());
        }
        match fares.waits_since.map(|since| since.elapsed()) {
            Some(waited) if waited >= SILENCE => Err(format!(
                "the brokers have not acknowledged anything for {} s",
                waited.as_secs()
            )),
            _ => Ok(()),
        }
    }

    fn fails(&self, failure: String) {
        self.set(Fares {
            failure: Some(failure),
            waits_since: None,
        });
    }

    /// All is well; the brokers have owed an acknowledgement since then.
    fn waits_since(&self, waits_since: Option<Instant>) {
        self.set(Fares {
            failure: None,
            waits_since,
        });
    }

    fn set(&self, fares: Fares) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fares;
    }
}

impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deps")
            .field("holder", &self.holder)
            .field("kafka", &self.kafka)
            .field("integration", &self.integration)
            .finish_non_exhaustive()
    }
}

/// Why the relay ended, or a leader's term did.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Something is away; the relay tries again.
    #[error("the relay waits: {0}")]
    Unavailable(String),
    /// The lease is another's.
    #[error("the relay's lease of term {0} is over")]
    Lost(u64),
    /// The topic has what the log does not: an operator must decide.
    #[error("the topic and the log have diverged: {0}")]
    Diverged(String),
    /// The topic or the log is not as this program needs it.
    #[error("{0}")]
    Refused(String),
}

impl From<bus::Error> for Error {
    fn from(error: bus::Error) -> Self {
        match error {
            bus::Error::Unavailable(text) => Self::Unavailable(text),
            bus::Error::Diverged(text) => Self::Diverged(text),
            bus::Error::Corrupt(text) | bus::Error::Refused(text) => Self::Refused(text),
        }
    }
}

/// Relays, or stands by, until `shutdown`. What was read is finished then.
///
/// # Errors
/// [`Error::Diverged`], [`Error::Refused`]: trying again would not help.
pub async fn run(deps: Deps, shutdown: CancellationToken) -> Result<(), Error> {
    look(&deps).await;
    let (leases, holder) = (Arc::clone(&deps.leases), deps.holder);
    let (ends, failure) = (shutdown.child_token(), OnceLock::new());
    let term = |lease, stop| {
        let (deps, shutdown, ends, failure) = (&deps, &shutdown, &ends, &failure);
        async move {
            if let Err(error) = lead(deps, &lease, &stop, shutdown).await {
                error!(%error, "the relay ends");
                // There is one term at a time.
                let _ = failure.set(error);
                ends.cancel();
            }
        }
    };
    leases::lead(leases, LEASE, holder, ends.clone(), term).await;
    failure.into_inner().map_or(Ok(()), Err)
}

/// Whoever stands by looks at the topic once, too: what is configured wrongly is better told now than at a change of leader.
async fn look(deps: &Deps) {
    let options = deps.kafka.clone();
    let looked = blocking(move || topic::check(&topic::client(&options)?, &options)).await;
    match looked.map_err(Error::from) {
        // The leader makes a topic that is not there, and says what else is away.
        Ok(()) => {}
        Err(error @ Error::Unavailable(_)) => info!(%error, "the topic was not looked at"),
        Err(error) => {
            error!(%error, "this process can't relay");
            deps.status.fails(error.to_string());
        }
    }
}

/// One term, until `stop`: at the `shutdown`, what was sent is finished first; a lease that is lost throws it away.
async fn lead(
    deps: &Deps,
    lease: &Lease,
    stop: &CancellationToken,
    shutdown: &CancellationToken,
) -> Result<(), Error> {
    info!(term = lease.term, "this process relays");
    metrics::relay_leads(true);
    let lost = async {
        stop.cancelled().await;
        if shutdown.is_cancelled() {
            std::future::pending::<()>().await;
        }
    };
    let ended = tokio::select! {
        biased;
        // Dropping the session throws away what its producer still holds.
        () = lost => Ok(()),
        ended = serve(deps, lease, stop) => ended,
    };
    metrics::relay_leads(false);
    deps.status.waits_since(None);
    info!(term = lease.term, "this process relays no more");
    ended
}

/// Sessions, each with a producer of its own, until `stop`.
async fn serve(deps: &Deps, lease: &Lease, stop: &CancellationToken) -> Result<(), Error> {
    while !stop.is_cancelled() {
        match session(deps, lease, stop).await {
            Ok(()) => return Ok(()),
            Err(error @ Error::Lost(_)) => {
                warn!(%error, "another relays");
                return Ok(());
            }
            Err(error @ Error::Unavailable(_)) => {
                warn!(%error, "the relay starts over from the topic's tails");
                metrics::relay_restarted();
                deps.status.fails(error.to_string());
                tokio::select! {
                    () = sleep(PAUSE) => {}
                    () = stop.cancelled() => {}
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn session(deps: &Deps, lease: &Lease, stop: &CancellationToken) -> Result<(), Error> {
    topic::ensure(&deps.kafka, &deps.integration).await?;
    let tails = tails::read(deps).await?;
    let mut session = session::Session::start(deps, lease, tails)?;
    deps.status.waits_since(None);
    session.run(stop).await
}
