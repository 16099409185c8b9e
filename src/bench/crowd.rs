//! Who sends, and when: an open loop of a fixed number of connections.
//!
//! ```text
//!  schedule   0   1   2   3   4   5   6   7  ...      one call every 1/rate, for so long
//!  user 0     *           *           *               each user has a connection, and every so-manieth call of the schedule
//!  user 1         *           *           *           a call that finds its connection busy goes out late, and counts from when
//!  user 2             *           *                   it was due: a server that stalls pays for everything it kept waiting
//! ```

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use tokio::time::{Instant, interval, sleep_until};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{GOAL, machine::processor_time};
use crate::{
    demo,
    driver::{CallStats, Histogram, Outcome, Recorder},
};

/// Time after the last call for those that are late.
const OVERTIME: Duration = Duration::from_secs(1);
/// The same for what ends only once everybody was served, however slow the machine.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);
/// A whole journey, counted beside the calls that it consists of.
pub(super) const JOURNEY: &str = "journey";
/// How often the progress is shown.
const TICK: Duration = Duration::from_millis(500);

/// How much is sent: `count` things, so many a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) rate: f64,
    pub(super) count: u64,
    /// What is due and not done so long after the last is not done at all.
    pub(super) overtime: Duration,
}

impl Pace {
    /// `count` things, so many a second.
    pub(super) fn of(rate: f64, count: u64) -> Self {
        Self {
            rate,
            count,
            overtime: OVERTIME,
        }
    }

    /// So many a second, for so long.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of calls is small and positive"
    )]
    pub(super) fn during(rate: f64, seconds: u64) -> Self {
        Self::of(rate, (rate * number(seconds)) as u64)
    }

    pub(super) fn window(&self) -> Duration {
        self.due(self.count)
    }

    fn due(&self, n: u64) -> Duration {
        Duration::from_secs_f64(number(n) / self.rate)
    }
}

/// Whether an answer is one that was due: a refusal is.
pub(super) fn served(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Created | Outcome::Done | Outcome::Refused(_) => true,
        Outcome::Failed(_) | Outcome::Unknown => false,
    }
}

/// For rates and shares.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 calls")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

/// One of the crowd, with a connection of its own.
pub(super) trait User: Send + 'static {
    /// Does the `n`th thing of the schedule, which was due at `intended`; whether it was served.
    fn act(
        &mut self,
        meter: &Meter,
        n: u64,
        intended: Instant,
    ) -> impl Future<Output = bool> + Send;

    /// When it has something to do that is not on the schedule, if it has.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Does that.
    fn tend(&mut self, meter: &Meter, intended: Instant) -> impl Future<Output = ()> + Send {
        let _ = (meter, intended);
        async {}
    }
}

/// Counts what came of everything.
#[derive(Debug)]
pub(super) struct Meter {
    calls: Recorder,
    /// Served, and answered in the window or as soon after it as answers are to come.
    in_time: AtomicU64,
    acted: AtomicU64,
    unsent: AtomicU64,
    /// How late calls went out although their connection was free: the generator's own fault.
    late: Mutex<Histogram>,
    until: Instant,
}

impl Meter {
    /// Counts an answer.
    pub(super) fn count(&self, call: &'static str, intended: Instant, outcome: &Outcome) {
        self.calls.record(call, intended.elapsed(), outcome);
    }

    fn act(&self, served: bool) {
        self.acted.fetch_add(1, Ordering::Relaxed);
        if served && Instant::now() <= self.until {
            self.in_time.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn late(&self, by: Duration) {
        let mut late = self.late.lock().expect("no holder of this lock can panic");
        late.record(by);
    }
}

/// What was measured in one window.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Things due a second.
    pub offered: f64,
    /// Things done a second: answered within the window, and neither failed nor unknown.
    pub served: f64,
    /// Length of the window.
    pub window: Duration,
    /// Things that were due and never sent, since the system was too far behind.
    pub unsent: u64,
    /// Answers by call.
    pub calls: BTreeMap<&'static str, CallStats>,
    /// How late calls went out although their connection was free.
    pub late: Histogram,
    /// Processor time of the generator in the window and its overtime.
    pub generator: Duration,
    /// From the first call to the last answer.
    pub elapsed: Duration,
}

impl Measured {
    /// Calls answered.
    pub fn answers(&self) -> u64 {
        self.calls.values().map(|call| call.all.count()).sum()
    }

    /// Of all calls, the share that failed, is unknown or was never sent. A refusal is none of these.
    pub fn error_share(&self) -> f64 {
        let bad = |call: &CallStats| call.unknown + call.failed.values().sum::<u64>();
        let bad = self.calls.values().map(bad).sum::<u64>() + self.unsent;
        number(bad) / number((self.answers() + self.unsent).max(1))
    }

    /// Latencies of all calls. A journey is several calls, and no further one.
    pub fn latencies(&self) -> Histogram {
        let mut all = Histogram::default();
        for (name, call) in &self.calls {
            if *name != JOURNEY {
                all.merge(&call.all);
            }
        }
        all
    }

    /// What one kind of call came to.
    pub(super) fn call(&self, name: &str) -> CallStats {
        self.calls.get(name).cloned().unwrap_or_default()
    }
}

/// Plays `pace` with these users, who come back at the end.
///
/// # Errors
/// When a user panicked.
pub(super) async fn play<U: User>(
    users: Vec<U>,
    pace: Pace,
    what: &str,
) -> anyhow::Result<(Vec<U>, Measured)> {
    let start = Instant::now();
    let end = start + pace.window();
    let meter = Arc::new(Meter {
        calls: Recorder::default(),
        in_time: AtomicU64::new(0),
        acted: AtomicU64::new(0),
        unsent: AtomicU64::new(0),
        late: Mutex::default(),
        until: end + GOAL,
    });
    let before = processor_time(std::process::id())?;
    let tasks = TaskTracker::new();
    let lanes = users.len() as u64;
    let users: Vec<_> = (0..)
        .zip(users)
        .map(|(lane, user)| tasks.spawn(one(user, meter.clone(), pace, start, lane, lanes)))
        .collect();
    let over = CancellationToken::new();
    let bar = demo::progress(pace.count, what);
    let watch = async {
        let mut ticks = interval(TICK);
        while over.run_until_cancelled(ticks.tick()).await.is_some() {
            bar.set_position(meter.acted.load(Ordering::Relaxed));
        }
    };
    tasks.close();
    let everyone = async {
        tasks.wait().await;
        over.cancel();
    };
    tokio::join!(everyone, watch);
    bar.finish_and_clear();
    let elapsed = start.elapsed();
    let mut back = Vec::with_capacity(users.len());
    for user in users {
        back.push(user.await.context("a user of the crowd panicked")?);
    }
    let per_second = |count: u64| number(count) / pace.window().as_secs_f64();
    let in_time = meter.in_time.load(Ordering::Relaxed);
    let measured = Measured {
        offered: per_second(pace.count),
        served: per_second(in_time),
        window: pace.window(),
        unsent: meter.unsent.load(Ordering::Relaxed),
        calls: meter.calls.snapshot(),
        late: std::mem::take(&mut *meter.late.lock().expect("no holder of this lock can panic")),
        generator: processor_time(std::process::id())?.saturating_sub(before),
        elapsed,
    };
    Ok((back, measured))
}

/// One user's part of the schedule, and what else it has to do.
async fn one<U: User>(
    mut user: U,
    meter: Arc<Meter>,
    pace: Pace,
    start: Instant,
    lane: u64,
    lanes: u64,
) -> U {
    let stop = start + pace.window() + pace.overtime;
    let mut n = lane;
    loop {
        let scheduled = (n < pace.count).then(|| start + pace.due(n));
        let own = user
            .due()
            .filter(|own| scheduled.is_none_or(|scheduled| *own < scheduled));
        let Some(intended) = own.or(scheduled) else {
            return user;
        };
        if intended > Instant::now() {
            sleep_until(intended).await;
            meter.late(intended.elapsed());
        }
        if Instant::now() > stop {
            let left = pace.count.saturating_sub(n).div_ceil(lanes);
            meter.unsent.fetch_add(left, Ordering::Relaxed);
            return user;
        }
        if own.is_some() {
            user.tend(&meter, intended).await;
        } else {
            let served = user.act(&meter, n, intended).await;
            meter.act(served);
            n += lanes;
        }
    }
}
