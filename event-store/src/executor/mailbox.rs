//! Mailboxes: which aggregates are in memory, and what waits for each.
//!
//! An aggregate is *working* while a task owns its state, else *idle* with the state parked here. All of it stands behind one lock
//! that is held for a few map operations only; states are dropped outside it.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};
use uuid::Uuid;

use super::{Config, Decider, Error, Shared, live::Live, request::Outcome};
use crate::{claims::ClaimChange, commands::Fingerprint};

/// How often idle aggregates are looked for, as a part of [`Config::idle`].
const SWEEPS_PER_IDLE: u32 = 4;

/// Aggregates evicted in one hold of the lock.
const SWEEP: usize = 256;

/// Why an outcome is unknown.
const UNRESOLVED: &str = "the log did not tell whether it was recorded";

/// A command that waits or is being carried out.
pub(super) struct Pending<D: Decider> {
    pub(super) command_id: Uuid,
    pub(super) fingerprint: Fingerprint,
    pub(super) command: D::Command,
    /// As it is stored.
    pub(super) metadata: Arc<str>,
    pub(super) claims: Vec<ClaimChange>,
    pub(super) deadline: Instant,
    /// An append that held it, at this version of the stream, had no outcome: it may be stored yet, as long as the stream stands
    /// there. Until then nothing may be called undone.
    pub(super) unresolved: Option<u64>,
    pub(super) reply: oneshot::Sender<Outcome<D>>,
}

impl<D: Decider> Pending<D> {
    /// Answers that nothing was recorded, where the stream is known to stand at `stands_at` or beyond.
    pub(super) fn answer_undone(self, stands_at: u64, answer: Outcome<D>) {
        let answer = match self.unresolved {
            Some(lost) if stands_at <= lost => Err(Error::Unknown(UNRESOLVED.to_owned())),
            _ => answer,
        };
        self.answer(answer);
    }

    pub(super) fn answer(self, mut answer: Outcome<D>) {
        let undone = matches!(
            answer,
            Err(Error::Busy | Error::Overloaded | Error::Unavailable(_))
        );
        if undone && self.unresolved.is_some() {
            answer = Err(Error::Unknown(UNRESOLVED.to_owned()));
        }
        // The caller may have gone; the command stands all the same.
        let _ = self.reply.send(answer);
    }
}

/// Commands that are being carried out.
pub(super) type Open<D> = Vec<Box<Pending<D>>>;

/// What a look gets: state, version, time.
pub(super) type Seen<'a, D> =
    Result<(&'a <D as Decider>::State, u64, DateTime<Utc>), Error<<D as Decider>::Error>>;

/// A look at the durable state.
pub(super) type Look<D> = Box<dyn FnOnce(Seen<'_, D>) + Send>;

/// What a mailbox takes.
pub(super) enum Job<D: Decider> {
    Command(Box<Pending<D>>),
    Look(Look<D>),
}

impl<D: Decider> Job<D> {
    pub(super) fn fail(self, error: Error<D::Error>) {
        match self {
            Self::Command(pending) => pending.answer(Err(error)),
            Self::Look(look) => look(Err(error)),
        }
    }
}

/// What became of a job.
pub(super) enum Posted<D: Decider> {
    /// A worker will come to it.
    Queued { ticket: u64 },
    /// It waits, and a worker is needed.
    Start {
        ticket: u64,
        id: Arc<str>,
        live: Option<Box<Live<D>>>,
    },
    /// There is no room for it.
    Full,
}

type Waiting<D> = VecDeque<(u64, Job<D>)>;

enum Slot<D: Decider> {
    Working(Waiting<D>),
    Idle {
        live: Box<Live<D>>,
        tick: u64,
        since: Instant,
    },
}

struct Inner<D: Decider> {
    slots: HashMap<Arc<str>, Slot<D>>,
    /// The idle ones, least recently used first.
    idle: BTreeMap<u64, Arc<str>>,
    /// Counts tickets and ticks.
    counter: u64,
}

/// All mailboxes of an executor.
pub(super) struct Mailboxes<D: Decider> {
    inner: Mutex<Inner<D>>,
    mailbox: usize,
    live_aggregates: usize,
    idle: Duration,
}

impl<D: Decider> Mailboxes<D> {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            inner: Mutex::new(Inner {
                slots: HashMap::new(),
                idle: BTreeMap::new(),
                counter: 0,
            }),
            mailbox: config.mailbox,
            live_aggregates: config.live_aggregates.max(1),
            idle: config.idle,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().slots.len()
    }

    /// How much waits for an aggregate that is at work.
    #[cfg(test)]
    pub(super) fn waiting(&self, id: &str) -> Option<usize> {
        match self.lock().slots.get(id) {
            Some(Slot::Working(waiting)) => Some(waiting.len()),
            Some(Slot::Idle { .. }) | None => None,
        }
    }

    /// Puts a job into a mailbox, and makes room for a new aggregate by evicting the one idle for longest.
    pub(super) fn post(&self, id: &str, job: Job<D>) -> Posted<D> {
        let mut evicted = None;
        let mut inner = self.lock();
        inner.counter += 1;
        let ticket = inner.counter;
        let Inner { slots, idle, .. } = &mut *inner;
        let posted = match slots.get_mut(id) {
            Some(Slot::Working(waiting)) if waiting.len() >= self.mailbox => Posted::Full,
            Some(Slot::Working(waiting)) => {
                waiting.push_back((ticket, job));
                Posted::Queued { ticket }
            }
            Some(slot @ Slot::Idle { .. }) => {
                let working = Slot::Working(VecDeque::from([(ticket, job)]));
                let Slot::Idle { live, tick, .. } = std::mem::replace(slot, working) else {
                    unreachable!("the slot was matched as idle")
                };
                let id = idle.remove(&tick).unwrap_or_else(|| id.into());
                Posted::Start {
                    ticket,
                    id,
                    live: Some(live),
                }
            }
            None => {
                if slots.len() >= self.live_aggregates {
                    evicted = idle.pop_first().and_then(|(_, id)| slots.remove(&id));
                }
                if slots.len() >= self.live_aggregates {
                    Posted::Full
                } else {
                    let id: Arc<str> = id.into();
                    let waiting = VecDeque::from([(ticket, job)]);
                    slots.insert(Arc::clone(&id), Slot::Working(waiting));
                    Posted::Start {
                        ticket,
                        id,
                        live: None,
                    }
                }
            }
        };
        drop(inner);
        drop(evicted);
        posted
    }

    /// Takes a job back that no worker has taken yet.
    pub(super) fn withdraw(&self, id: &str, ticket: u64) -> bool {
        let mut inner = self.lock();
        let Some(Slot::Working(waiting)) = inner.slots.get_mut(id) else {
            return false;
        };
        let place = waiting.iter().position(|(other, _)| *other == ticket);
        let job = place.and_then(|place| waiting.remove(place));
        drop(inner);
        job.is_some()
    }

    /// Moves jobs from a mailbox to the end of `jobs`, until there are `limit`. How many waited.
    pub(super) fn take(&self, id: &str, jobs: &mut Vec<Job<D>>, limit: usize) -> usize {
        let mut inner = self.lock();
        let Some(Slot::Working(waiting)) = inner.slots.get_mut(id) else {
            return 0;
        };
        let count = waiting.len().min(limit.saturating_sub(jobs.len()));
        jobs.extend(waiting.drain(..count).map(|(_, job)| job));
        count
    }

    /// Ends a worker's turn: parks the state, or forgets the aggregate where there is none worth keeping. Gives the state back
    /// while something waits.
    pub(super) fn park(
        &self,
        id: &str,
        live: Option<Box<Live<D>>>,
    ) -> Result<(), Option<Box<Live<D>>>> {
        let mut inner = self.lock();
        let waits =
            matches!(inner.slots.get(id), Some(Slot::Working(waiting)) if !waiting.is_empty());
        if waits {
            return Err(live);
        }
        inner.counter += 1;
        let tick = inner.counter;
        let Some((id, slot)) = inner.slots.remove_entry(id) else {
            return Ok(());
        };
        if let Some(live) = live {
            let since = Instant::now();
            inner.idle.insert(tick, Arc::clone(&id));
            inner.slots.insert(id, Slot::Idle { live, tick, since });
        }
        drop(inner);
        drop(slot);
        Ok(())
    }

    /// Forgets an aggregate whose worker is lost, and hands over what waited.
    pub(super) fn abandon(&self, id: &str) -> Vec<Job<D>> {
        match self.lock().slots.remove(id) {
            Some(Slot::Working(waiting)) => waiting.into_iter().map(|(_, job)| job).collect(),
            Some(Slot::Idle { .. }) | None => Vec::new(),
        }
    }

    /// Evicts what was idle for too long.
    fn sweep(&self) {
        loop {
            let mut evicted = Vec::new();
            let mut inner = self.lock();
            let now = Instant::now();
            while evicted.len() < SWEEP {
                let Some((&tick, id)) = inner.idle.first_key_value() else {
                    break;
                };
                let id = Arc::clone(id);
                if let Some(Slot::Idle { since, .. }) = inner.slots.get(&id)
                    && *since + self.idle > now
                {
                    break;
                }
                inner.idle.remove(&tick);
                evicted.extend(inner.slots.remove(&id));
            }
            drop(inner);
            if evicted.len() < SWEEP {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<D>> {
        self.inner
            .lock()
            .expect("nothing under this lock can panic")
    }
}

/// Starts the task that evicts idle aggregates. It ends with the executor or at shutdown.
pub(super) fn spawn_sweeper<D: Decider>(shared: &Arc<Shared<D>>) {
    let period = (shared.config.idle / SWEEPS_PER_IDLE).max(Duration::from_millis(1));
    let shutdown = shared.shutdown.clone();
    let weak: Weak<Shared<D>> = Arc::downgrade(shared);
    shared.tasks.spawn(async move {
        while shutdown.run_until_cancelled(sleep(period)).await.is_some() {
            let Some(shared) = weak.upgrade() else {
                return;
            };
            shared.mailboxes.sweep();
        }
    });
}
