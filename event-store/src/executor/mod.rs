//! The executor: commands for one aggregate, decided in batches on cached state.
//!
//! ```text
//!  execute ─▶ mailbox of the aggregate ─▶ take ALL waiting ─▶ due events, then decide one after another
//!                   ▲                                              │ on a working copy of the state
//!                   │ next batch                                   ▼
//!                   └────────── answer ◀── evolve durable ◀── ONE append of all their events
//! ```
//!
//! - One append is in flight for each aggregate; the next batch is decided, and anything answered, only on durable state.
//! - **Idempotency.** The log's append refuses a command id it knows, so an ordinary batch asks nothing beforehand. Ids are looked
//!   up where the append can't do it: before a refusal, or an answer without events, is given; and after the log refused one, for
//!   the whole batch. A known command is answered from its events in the log; equal ids in one batch are decided once.
//! - **Conflicts.** The durable state is kept, the stream's tail folded on, and everything decided again until its deadline.
//! - **Other processes** may append to a shared log. Then what leaves nothing that could fail, a refusal above all, is answered once
//!   one statement has shown the stream unmoved and the id unknown, a look folds on what they wrote, and a stream that several
//!   write to is left to the others for a moment after each append.
//! - **Unknown outcomes** are resolved by the log's record of commands. Deciding again cannot apply a command twice: the id is
//!   unique in the log and the expected version exact, so of two appends one at most is stored. Until the stream has moved beyond
//!   the lost append it may be stored yet, so that its commands are not refused.
//! - **Tasks** exist only while an aggregate has work. Its state stays in memory until it was idle for long, or others need the room.

mod answer;
mod batch;
mod contended;
mod decider;
mod live;
mod mailbox;
mod record;
mod request;
mod settle;
mod unknown;
mod worker;

#[cfg(test)]
mod tests;

use std::{
    fmt::{self, Debug},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    batch::due_id,
    decider::{Decider, Encoded},
    request::{Answer, Config, Decided, Error, Metadata, Request},
};
use self::{
    mailbox::{Job, Mailboxes, Pending, Posted},
    worker::Worker,
};
use crate::{clock::Clock, committer::Committer, log::EventLog};

/// How long past its deadline a command that is being recorded is waited for before its outcome is called unknown: a slow commit's
/// worth, so that an answer on its way still arrives.
const GRACE: Duration = Duration::from_millis(500);

/// Snapshots serialised and saved at once: they compete with the commands for processors and for the log.
const CONCURRENT_SNAPSHOTS: usize = 2;

/// Runs the commands of one kind of aggregate. Cheap to clone.
pub struct Executor<D: Decider> {
    shared: Arc<Shared<D>>,
}

/// What all mailboxes of an executor have in common.
struct Shared<D: Decider> {
    log: Arc<dyn EventLog>,
    committer: Committer,
    clock: Arc<dyn Clock>,
    config: Config,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    mailboxes: Mailboxes<D>,
    snapshots: Arc<Semaphore>,
}

impl<D: Decider> Clone for Executor<D> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<D: Decider> Debug for Executor<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("aggregate_type", &D::TYPE)
            .finish_non_exhaustive()
    }
}

impl<D: Decider> Executor<D> {
    /// An executor over `log` that appends through `committer`. Its mailboxes run on `tasks`. After `shutdown` it accepts nothing
    /// more and answers what it had accepted; keep the committer running until `tasks` are through.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(
        log: Arc<dyn EventLog>,
        committer: Committer,
        clock: Arc<dyn Clock>,
        config: Config,
        tasks: TaskTracker,
        shutdown: CancellationToken,
    ) -> Self {
        let shared = Arc::new(Shared {
            mailboxes: Mailboxes::new(&config),
            log,
            committer,
            clock,
            config,
            tasks,
            shutdown,
            snapshots: Arc::new(Semaphore::new(CONCURRENT_SNAPSHOTS)),
        });
        mailbox::spawn_sweeper(&shared);
        Self { shared }
    }

    /// Carries out a command on the aggregate `id`. Dropping the future does not take the command back: it is then carried out
    /// whole, or not at all.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn execute(
        &self,
        id: &str,
        request: Request<D::Command>,
    ) -> Result<Answer<D::Event>, Error<D::Error>> {
        let deadline = request
            .deadline
            .unwrap_or_else(|| Instant::now() + self.shared.config.deadline);
        let metadata = serde_json::to_string(&request.metadata.0)
            .map_err(|error| Error::Broken(format!("metadata can't be written: {error}")))?;
        let (reply, mut answer) = oneshot::channel();
        let pending = Pending {
            command_id: request.command_id,
            fingerprint: request.fingerprint,
            command: request.command,
            metadata: metadata.into(),
            claims: request.claims,
            deadline,
            unresolved: None,
            reply,
        };
        let ticket = self.post(id, Job::Command(Box::new(pending)))?;
        let answered = match timeout_at(deadline, &mut answer).await {
            Ok(answered) => answered,
            Err(_) if self.shared.mailboxes.withdraw(id, ticket) => return Err(Error::Busy),
            Err(_) => match timeout_at(deadline + GRACE, answer).await {
                Ok(answered) => answered,
                Err(_) => return Err(Error::Unknown("the log is slow".to_owned())),
            },
        };
        answered.unwrap_or_else(|_| Err(Error::Unknown("the mailbox was lost".to_owned())))
    }

    /// Looks at the aggregate's durable state, which holds everything answered before by this executor, and on a shared log by any:
    /// `look` gets the state, the stream's version and the time of the look.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Overloaded`], [`Error::Broken`]; [`Error::Busy`] after [`Config::deadline`].
    pub async fn read<R: Send + 'static>(
        &self,
        id: &str,
        look: impl FnOnce(&D::State, u64, DateTime<Utc>) -> R + Send + 'static,
    ) -> Result<R, Error<D::Error>> {
        let (reply, seen) = oneshot::channel();
        let look: mailbox::Look<D> = Box::new(move |state| {
            // Nobody waits any more: then nobody misses the answer.
            let _ = reply.send(state.map(|(state, version, now)| look(state, version, now)));
        });
        self.post(id, Job::Look(look))?;
        match timeout_at(Instant::now() + self.shared.config.deadline, seen).await {
            Ok(Ok(seen)) => seen,
            Ok(Err(_)) => Err(Error::Broken("the look panicked".to_owned())),
            Err(_) => Err(Error::Busy),
        }
    }

    /// Number of aggregates in memory.
    pub fn live_aggregates(&self) -> usize {
        self.shared.mailboxes.len()
    }

    /// Puts a job into the aggregate's mailbox and sees to it that somebody works there.
    fn post(&self, id: &str, job: Job<D>) -> Result<u64, Error<D::Error>> {
        if self.shared.shutdown.is_cancelled() {
            return Err(Error::Unavailable("shutting down".to_owned()));
        }
        match self.shared.mailboxes.post(id, job) {
            Posted::Queued { ticket } => Ok(ticket),
            Posted::Start { ticket, id, live } => {
                let worker = Worker::new(Arc::clone(&self.shared), id, live);
                self.shared.tasks.spawn(worker.run());
                Ok(ticket)
            }
            Posted::Full => Err(Error::Overloaded),
        }
    }
}
