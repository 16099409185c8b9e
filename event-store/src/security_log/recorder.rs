//! Takes entries from whoever answers a call, at no cost to the call, and keeps them in batches.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{NewEntry, SecurityLog};

/// Entries that may wait: some hundred bytes each. One more is left out.
const QUEUE: usize = 4_096;
/// Entries kept in one write.
const BATCH: usize = 500;
/// Between two writes: a flood makes a few large ones.
const PAUSE: Duration = Duration::from_millis(250);
/// Entries kept in a minute; more are left out, so that a flood of refused calls does not fill the disk.
pub const MAX_PER_MINUTE: u64 = 6_000;
/// How long entries are kept.
pub const KEPT: TimeDelta = TimeDelta::days(400);
/// How often old ones are forgotten, and how many at a time.
const FORGET_EVERY: Duration = Duration::from_hours(1);
const FORGET: usize = 1_000;

/// Where entries are handed in.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: mpsc::Sender<NewEntry>,
    left_out: Arc<AtomicU64>,
}

impl Recorder {
    /// A recorder, and the task that keeps what it is given in `log` until `shutdown`; then what waits is kept, too.
    pub fn new(
        log: Arc<dyn SecurityLog>,
        shutdown: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let left_out = Arc::new(AtomicU64::new(0));
        let recorder = Self {
            queue,
            left_out: left_out.clone(),
        };
        let keeper = Keeper {
            log,
            waiting,
            left_out,
            minute: Instant::now(),
            kept: 0,
        };
        (recorder, keeper.run(shutdown))
    }

    /// Hands an entry in. Never waits: where too many do, it is left out and counted.
    pub fn record(&self, entry: NewEntry) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(entry) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Keeper {
    log: Arc<dyn SecurityLog>,
    waiting: mpsc::Receiver<NewEntry>,
    left_out: Arc<AtomicU64>,
    /// When the present minute began, and how many were kept in it.
    minute: Instant,
    kept: u64,
}

impl Keeper {
    async fn run(mut self, shutdown: CancellationToken) {
        let mut forget_at = Instant::now();
        let mut newest = None;
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            let ended = tokio::select! {
                read = self.waiting.recv_many(&mut batch, BATCH) => read == 0,
                () = shutdown.cancelled() => true,
            };
            if ended {
                self.waiting.close();
                while self.waiting.recv_many(&mut batch, BATCH).await > 0 {}
            }
            newest = batch.last().map(|entry| entry.at).or(newest);
            self.keep(batch).await;
            if ended {
                return;
            }
            if let (Some(newest), true) = (newest, forget_at <= Instant::now()) {
                forget_at = Instant::now() + FORGET_EVERY;
                self.forget(newest - KEPT).await;
            }
            shutdown.run_until_cancelled(sleep(PAUSE)).await;
        }
    }

    async fn keep(&mut self, mut batch: Vec<NewEntry>) {
        if self.minute.elapsed() > Duration::from_mins(1) {
            self.minute = Instant::now();
            self.kept = 0;
        }
        let room = usize::try_from(MAX_PER_MINUTE - self.kept).unwrap_or(usize::MAX);
        let surplus = batch.len().saturating_sub(room);
        batch.truncate(room);
        self.kept += batch.len() as u64;
        let surplus = surplus as u64 + self.left_out.swap(0, Ordering::Relaxed);
        if surplus > 0 {
            tracing::warn!(
                entries = surplus,
                "entries of the security log were left out: too many at once"
            );
        }
        if batch.is_empty() {
            return;
        }
        if let Err(error) = self.log.record(&batch).await {
            tracing::warn!(%error, entries = batch.len(), "entries of the security log are lost");
        }
    }

    async fn forget(&self, before: chrono::DateTime<chrono::Utc>) {
        loop {
            match self.log.forget(before, FORGET).await {
                Ok(forgotten) if forgotten == FORGET as u64 => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, "old entries of the security log can't be forgotten now");
                    return;
                }
            }
        }
    }
}
