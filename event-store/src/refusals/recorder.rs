//! Takes refusals from whoever answers a call, at the cost of a lookup, and keeps them in batches.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    mem,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{KEPT_EACH, Refusal, Refusals, Tally};
use crate::metrics;

/// Subjects that may wait to be written, some hundred bytes each. What is refused about one more is left out.
pub const MAX_SUBJECTS_WAITING: usize = 20_000;
/// Refusals that may wait to be written, some five hundred bytes each. One more is counted only.
pub const MAX_ROWS_WAITING: usize = 20_000;
/// Rows of one write: a few milliseconds during which nothing else is written to an embedded log.
const BATCH: usize = 500;
/// Between two writes: a flood makes a few large ones, and a thousand rows a second at most.
const PAUSE: Duration = Duration::from_millis(500);
/// Full subjects that are remembered, twice over; of others the store is asked again.
const REMEMBERED: usize = 20_000;
/// How long refusals are kept.
pub const KEPT: TimeDelta = TimeDelta::days(400);
/// How often old ones are forgotten, and how many at a time.
const FORGET_EVERY: Duration = Duration::from_hours(1);
const FORGET: usize = 1_000;

/// Where refusals are handed in.
#[derive(Debug, Clone)]
pub struct Recorder(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

/// What is not written yet.
#[derive(Debug, Default)]
struct Waiting {
    tallies: HashMap<String, Pending>,
    rows: usize,
    full: Full,
    /// Refusals that were counted, but not kept, and that were left out altogether, for lack of room.
    unkept: u64,
    left_out: u64,
}

#[derive(Debug)]
struct Pending {
    refused: u64,
    last_at: DateTime<Utc>,
    first: Vec<(u64, Refusal)>,
}

/// Subjects of which no more refusals are kept: two generations, so that at least the last [`REMEMBERED`] are known.
#[derive(Debug, Default)]
struct Full {
    young: HashSet<String>,
    old: HashSet<String>,
}

impl Recorder {
    /// A recorder, and the task that keeps what it is given in `refusals` until `shutdown`; then what waits is kept, too.
    pub fn new(
        refusals: Arc<dyn Refusals>,
        shutdown: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let shared = Arc::new(Shared::default());
        let keeper = Keeper {
            refusals,
            shared: shared.clone(),
        };
        (Self(shared), keeper.run(shutdown))
    }

    /// Hands a refusal in, once for each subject that it is about. Never waits for the store; where too many wait for it, this one is
    /// left out, and counted as such.
    pub fn record(&self, subjects: impl IntoIterator<Item = String>, refusal: &Refusal) {
        let mut waiting = self.0.lock();
        let was_empty = waiting.tallies.is_empty();
        for subject in subjects {
            waiting.add(subject, refusal);
        }
        let arrived = was_empty && !waiting.tallies.is_empty();
        drop(waiting);
        if arrived {
            self.0.arrived.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting
            .lock()
            .expect("no holder of this lock can panic")
    }
}

impl Waiting {
    fn add(&mut self, subject: String, refusal: &Refusal) {
        let full = self.full.has(&subject);
        let has_room = self.tallies.len() < MAX_SUBJECTS_WAITING;
        let pending = match self.tallies.entry(subject) {
            Entry::Occupied(pending) => pending.into_mut(),
            Entry::Vacant(place) if has_room => place.insert(Pending {
                refused: 0,
                last_at: refusal.at,
                first: Vec::new(),
            }),
            Entry::Vacant(_) => {
                self.left_out += 1;
                return;
            }
        };
        pending.refused += 1;
        pending.last_at = pending.last_at.max(refusal.at);
        if full || pending.first.len() as u64 >= KEPT_EACH {
            return;
        }
        if self.rows >= MAX_ROWS_WAITING {
            self.unkept += 1;
            return;
        }
        self.rows += 1;
        pending.first.push((pending.refused, refusal.clone()));
    }

    /// Everything that waits, by subject: two processes that write at once then take turns, subject by subject.
    fn take(&mut self) -> (Vec<Tally>, u64, u64) {
        self.rows = 0;
        let tallies = mem::take(&mut self.tallies).into_iter();
        let mut tallies: Vec<_> = tallies
            .map(|(subject, pending)| Tally {
                subject,
                refused: pending.refused,
                last_at: pending.last_at,
                first: pending.first,
            })
            .collect();
        tallies.sort_unstable_by(|a, b| a.subject.cmp(&b.subject));
        let (unkept, left_out) = (mem::take(&mut self.unkept), mem::take(&mut self.left_out));
        (tallies, unkept, left_out)
    }
}

impl Full {
    fn has(&self, subject: &str) -> bool {
        self.young.contains(subject) || self.old.contains(subject)
    }

    fn add(&mut self, subject: String) {
        if self.young.len() >= REMEMBERED {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(subject);
    }
}

struct Keeper {
    refusals: Arc<dyn Refusals>,
    shared: Arc<Shared>,
}

impl Keeper {
    async fn run(self, shutdown: CancellationToken) {
        let mut forget_at = Instant::now();
        loop {
            tokio::select! {
                () = self.shared.arrived.notified() => {}
                () = shutdown.cancelled() => {}
            }
            let newest = self.write(&shutdown).await;
            if shutdown.is_cancelled() {
                // What came while the last batch was written.
                self.write(&shutdown).await;
                return;
            }
            if let (Some(newest), true) = (newest, forget_at <= Instant::now()) {
                forget_at = Instant::now() + FORGET_EVERY;
                self.forget(newest - KEPT).await;
            }
            shutdown.run_until_cancelled(sleep(PAUSE)).await;
        }
    }

    /// Writes what waits, a batch at a time. Answers the time of the newest.
    async fn write(&self, shutdown: &CancellationToken) -> Option<DateTime<Utc>> {
        let (tallies, unkept, left_out) = self.shared.lock().take();
        if unkept + left_out > 0 {
            metrics::refusals_left_out(unkept + left_out);
            tracing::warn!(
                counted_only = unkept,
                left_out,
                "refusals were not kept: too many at once"
            );
        }
        let newest = tallies.iter().map(|tally| tally.last_at).max();
        let mut tallies = tallies.into_iter().peekable();
        while tallies.peek().is_some() {
            let mut room = BATCH;
            let mut batch = Vec::new();
            while let Some(tally) = tallies.next_if(|tally| batch_fits(tally, room)) {
                room = room.saturating_sub(weight(&tally));
                batch.push(tally);
            }
            if !self.keep(&batch).await && shutdown.is_cancelled() {
                // A store that does not answer must not keep a process from ending.
                let rest = tallies.map(|tally| tally.refused).sum();
                metrics::refusals_left_out(rest);
                return newest;
            }
            if tallies.peek().is_some() {
                shutdown.run_until_cancelled(sleep(PAUSE)).await;
            }
        }
        newest
    }

    /// Writes a batch. Not tried again: it may have been written, and who counts twice tells something wrong.
    async fn keep(&self, batch: &[Tally]) -> bool {
        let refused = batch.iter().map(|tally| tally.refused).sum();
        match self.refusals.record(batch).await {
            Ok(full) => {
                metrics::refusals_written(refused);
                let mut waiting = self.shared.lock();
                for subject in full {
                    waiting.full.add(subject);
                }
                true
            }
            Err(error) => {
                metrics::refusals_left_out(refused);
                tracing::warn!(%error, refused, "refusals are lost");
                false
            }
        }
    }

    async fn forget(&self, before: DateTime<Utc>) {
        loop {
            match self.refusals.forget(before, FORGET).await {
                Ok(forgotten) if forgotten == FORGET as u64 => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, "old refusals can't be forgotten now");
                    return;
                }
            }
        }
    }
}

/// Rows that a tally writes: its count is one.
fn weight(tally: &Tally) -> usize {
    tally.first.len() + 1
}

/// Whether a batch with this much room takes a tally; an empty one takes any, for none is larger than a batch.
fn batch_fits(tally: &Tally, room: usize) -> bool {
    weight(tally) <= room
}
