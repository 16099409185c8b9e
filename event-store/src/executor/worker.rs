//! The worker: the task that serves one mailbox while something waits in it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tokio::task::yield_now;

use super::{
    Decider, Error, Shared,
    live::Live,
    mailbox::{Job, Look, Open},
};

/// How often a batch is held open for one more turn of the scheduler, as long as it grows: callers woken by the last answer
/// come into this batch instead of the next one. A timer would round up to a millisecond.
const SPINS: usize = 3;

/// Serves one aggregate.
pub(super) struct Worker<D: Decider> {
    pub(super) shared: Arc<Shared<D>>,
    pub(super) id: Arc<str>,
    pub(super) live: Option<Box<Live<D>>>,
    /// Decide commands one by one: one of the batch can't be stored, and which one must be found.
    pub(super) single: bool,
    finished: bool,
}

impl<D: Decider> Worker<D> {
    pub(super) fn new(shared: Arc<Shared<D>>, id: Arc<str>, live: Option<Box<Live<D>>>) -> Self {
        Self {
            shared,
            id,
            live,
            single: false,
            finished: false,
        }
    }

    /// Works until nothing waits.
    pub(super) async fn run(mut self) {
        loop {
            let (looks, commands) = self.take().await;
            if !looks.is_empty() {
                self.look(looks).await;
            }
            if !commands.is_empty() {
                self.execute(commands).await;
            }
            // An aggregate without events is not worth keeping: anybody may ask for ids that do not exist.
            let live = self.live.take().filter(|live| live.version > 0);
            match self.shared.mailboxes.park(&self.id, live) {
                Ok(()) => break,
                Err(live) => self.live = live,
            }
        }
        self.finished = true;
    }

    /// Takes all that waits.
    async fn take(&mut self) -> (Vec<Look<D>>, Open<D>) {
        let limit = self.shared.config.batch.max(1);
        let mut jobs = Vec::new();
        self.shared.mailboxes.take(&self.id, &mut jobs, limit);
        for _ in 0..SPINS {
            yield_now().await;
            if self.shared.mailboxes.take(&self.id, &mut jobs, limit) == 0 {
                break;
            }
        }
        let mut looks = Vec::new();
        let mut commands = Vec::with_capacity(jobs.len());
        for job in jobs {
            match job {
                Job::Command(pending) => commands.push(pending),
                Job::Look(look) => looks.push(look),
            }
        }
        (looks, commands)
    }

    async fn look(&mut self, looks: Vec<Look<D>>) {
        let now = match self.freshen().await {
            Ok(()) => self.shared.now(),
            Err(error) => Err(error),
        };
        let seen = match (&self.live, now) {
            (Some(live), Ok(now)) => Ok((&live.durable, live.version, live.not_before(now))),
            (None, Ok(_)) => Err(Error::Broken(format!("{} was not loaded", self.id))),
            (_, Err(error)) => Err(error),
        };
        for look in looks {
            let seen = seen.clone();
            // The panic drops the reply, which tells the one who asked; the state was only lent.
            let _ = catch_unwind(AssertUnwindSafe(|| look(seen)));
        }
    }

    /// Has the aggregate in memory as the log shows it now: with what other processes have appended to a shared log.
    async fn freshen(&mut self) -> Result<(), Error<D::Error>> {
        if self.shared.log.is_shared() {
            self.advance().await?;
        }
        self.load().await
    }

    /// Folds on what others have appended. What may be history that was cut is forgotten.
    pub(super) async fn advance(&mut self) -> Result<(), Error<D::Error>> {
        if let Some(mut live) = self.live.take()
            && live.catch_up(&*self.shared.log).await?
        {
            self.live = Some(live);
        }
        Ok(())
    }

    /// Has the aggregate in memory.
    pub(super) async fn load(&mut self) -> Result<(), Error<D::Error>> {
        if self.live.is_none() {
            self.live = Some(Live::load(&self.shared, &self.id).await?);
        }
        Ok(())
    }
}

impl<D: Decider> Drop for Worker<D> {
    /// A worker lost to a panic, or with its runtime, must not leave a mailbox behind that nobody serves.
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        for job in self.shared.mailboxes.abandon(&self.id) {
            job.fail(Error::Unavailable(
                "the aggregate's worker was lost".to_owned(),
            ));
        }
    }
}
