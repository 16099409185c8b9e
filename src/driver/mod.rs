//! An open-loop load generator over real HTTP.
//!
//! Open loop: calls are sent when the schedule says, however slow the answers are, and latency is counted from the *intended* time.
//! A server that stalls is therefore charged with everything that would have been sent meanwhile, which a closed loop hides.
//!
//! ```text
//!  schedule ──▶ open_loop ──▶ job(n, intended) ──▶ Driver::call ──▶ Connections ──▶ HTTP/1.1, keep-alive
//!                                                     │
//!                                                     ├──▶ Recorder   latencies by call, 201s apart, refusals by code
//!                                                     └──▶ Journal    what the server acknowledged, to compare with its log
//! ```
//!
//! [`Wire`] is the cheap way to the same server, for rates at which the generator's own cost counts: see `bench`.

mod address;
mod connections;
mod histogram;
mod journal;
mod outcome;
mod random;
mod recorder;
mod schedule;
mod summary;
mod wire;

use std::{future::Future, sync::Arc};

use hyper::http::StatusCode;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;

pub(crate) use self::summary::{calls_json, calls_table, failed, latencies_json, list, refused};
pub use self::{
    address::address,
    connections::{Call, Connections, Failure, Reply},
    histogram::Histogram,
    journal::{Acknowledged, FileJournal, Journal},
    outcome::Outcome,
    random::Random,
    recorder::{CallStats, Recorder},
    schedule::Schedule,
    wire::{Heard, Wire},
};

/// Sends calls, measures them, and notes what was acknowledged. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Driver {
    connections: Arc<Connections>,
    recorder: Arc<Recorder>,
    journal: Option<Arc<dyn Journal>>,
}

/// What came of a call.
#[derive(Debug)]
pub struct Answer {
    /// How it counts.
    pub outcome: Outcome,
    /// The server's words, where it said something.
    pub reply: Option<Reply>,
}

impl Answer {
    /// The body, read as JSON, where there is one that can be read so.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.reply.as_ref()?.body).ok()
    }
}

impl Driver {
    /// A driver over some connections that counts in `recorder`.
    pub fn new(connections: Arc<Connections>, recorder: Arc<Recorder>) -> Self {
        Self {
            connections,
            recorder,
            journal: None,
        }
    }

    /// The same, which also writes every acknowledged command to `journal`.
    #[must_use]
    pub fn with_journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// The same connections, counting elsewhere: to keep preparations out of the figures.
    #[must_use]
    pub fn counting_in(&self, recorder: Arc<Recorder>) -> Self {
        Self {
            recorder,
            ..self.clone()
        }
    }

    /// Sends a call that was due at `intended` and counts its answer under `name`.
    pub async fn call(&self, name: &'static str, intended: Instant, call: Call) -> Answer {
        let entry = self
            .journal
            .as_ref()
            .map(|_| (call.path.clone(), call.idempotency_key.clone()));
        let result = self.connections.send(call).await;
        let outcome = Outcome::of(&result);
        self.recorder.record(name, intended.elapsed(), &outcome);
        let reply = result.ok();
        if let (Some(journal), Some((path, idempotency_key)), Some(reply)) =
            (&self.journal, entry, &reply)
            && matches!(reply.status, StatusCode::OK | StatusCode::CREATED)
        {
            journal.acknowledged(&Acknowledged {
                call: name,
                path,
                idempotency_key,
                status: reply.status.as_u16(),
                body: reply.body.clone(),
            });
        }
        Answer { outcome, reply }
    }
}

/// Starts `job(n, intended)` on `tasks` at each time of the schedule, counted from `start`, whatever became of the earlier ones.
pub async fn open_loop<J, F>(schedule: Schedule, start: Instant, tasks: &TaskTracker, mut job: J)
where
    J: FnMut(usize, Instant) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    for (n, offset) in schedule.enumerate() {
        let intended = start + offset;
        if intended > Instant::now() {
            sleep_until(intended).await;
        }
        tasks.spawn(job(n, intended));
    }
}

#[cfg(test)]
mod tests;
