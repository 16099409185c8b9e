//! Due timers of one kind of aggregate: polled from the log, handled a bounded number at a time, tried again with
//! growing pauses.

use std::{
    collections::{HashMap, HashSet},
    fmt::Display,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use event_store::{StreamId, log, timers};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{metrics, state::Core};

/// Most due streams read at once.
const BATCH: usize = 256;
/// Most streams that wait for their next try, some hundred bytes each. Beyond it, others wait in the log until there is room.
const MAX_WAITING: usize = 10_000;
/// Most streams handled at the same time: each waits for commits that serve all of them together.
const CONCURRENCY: usize = 64;
/// Least time between two looks at the log: bounds both the load and how late a timer is served.
const PAUSE: Duration = Duration::from_millis(20);
/// The same where all that happened is that the log has grown: few commits set a timer, and most of those come due later. How late a timer is
/// served that is set for now.
const PAUSE_ON_NEWS: Duration = Duration::from_millis(100);
/// Pause before the second try.
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
/// Longest pause between two tries.
const LONGEST_BACK_OFF: Duration = Duration::from_mins(1);

/// What is to be done for a stream that was handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing, as long as its timer is not due.
    Nothing,
    /// Something that it waits for from outside may be there after a pause.
    After {
        /// How long.
        pause: Duration,
        /// The timer that it waits with; another one says that there is something else to do. Whoever handled it has seen it: the one
        /// that it was begun for is of steps before.
        timer: Option<DateTime<Utc>>,
    },
}

/// When a stream whose timer is still due is looked at again.
#[derive(Debug, Clone, Copy)]
struct BackOff {
    until: Instant,
    pause: Duration,
    /// The timer that it waits with; `None`: it could not be handled, and waits whatever its timer says.
    waits_at: Option<DateTime<Utc>>,
}

impl BackOff {
    /// How much longer a stream with this timer waits.
    fn wait(&self, timer: &timers::Due) -> Duration {
        match self.waits_at {
            // The log keeps microseconds.
            Some(waits_at) if waits_at.timestamp_micros() != timer.wake_at.timestamp_micros() => {
                Duration::ZERO
            }
            Some(_) | None => self.until.saturating_duration_since(Instant::now()),
        }
    }
}

/// A stream that was handled, and what came of it.
type Handled<E> = (timers::Due, Result<Next, E>);

/// The timers of one kind of aggregate.
struct Timers<'a, H> {
    core: &'a Core,
    aggregate_type: &'static str,
    handle: H,
    /// Streams that could not be handled.
    waiting: HashMap<StreamId, BackOff>,
    /// Streams that are being handled.
    begun: HashSet<StreamId>,
}

/// Serves the timers of streams of `aggregate_type` until `shutdown`, each by `handle`. One that takes long holds no other up. What
/// is under way at `shutdown` is left where it stands: every step is durable, and its timer stays set.
pub(super) async fn serve<'a, E: Display>(
    core: &Core,
    aggregate_type: &'static str,
    handle: impl Fn(StreamId) -> BoxFuture<'a, Result<Next, E>>,
    shutdown: &CancellationToken,
) {
    let mut timers = Timers {
        core,
        aggregate_type,
        handle,
        waiting: HashMap::new(),
        begun: HashSet::new(),
    };
    tokio::select! {
        () = timers.run() => {}
        () = shutdown.cancelled() => {}
    }
}

/// What the log says of timers.
struct Due {
    /// Streams to begin with now.
    ready: Vec<timers::Due>,
    /// How long nothing else comes due; at most one poll.
    idle: Duration,
}

impl<'a, E: Display, H: Fn(StreamId) -> BoxFuture<'a, Result<Next, E>>> Timers<'_, H> {
    async fn run(&mut self) {
        let mut head = self.core.log.head_changes();
        let mut under_way = FuturesUnordered::new();
        loop {
            head.mark_unchanged();
            let due = self.look().await.unwrap_or_else(|error| {
                let aggregate_type = self.aggregate_type;
                tracing::warn!(%error, aggregate_type, "due timers can't be read");
                Due {
                    ready: Vec::new(),
                    idle: self.core.settings.poll,
                }
            });
            let looked = Instant::now();
            let (soonest, on_news) = (looked + PAUSE, looked + PAUSE_ON_NEWS);
            let mut next = soonest.max(looked + due.idle);
            under_way.extend(due.ready.into_iter().map(|timer| self.begin(timer)));
            while Instant::now() < next {
                tokio::select! {
                    Some(handled) = under_way.next(), if !under_way.is_empty() => {
                        self.end(handled);
                        // There may be more to do for it, and there is room for others.
                        next = soonest;
                    }
                    // A closed channel means that the log is being closed: the poll goes on.
                    Ok(()) = head.changed(), if next > on_news => next = on_news,
                    () = sleep_until(next) => {}
                }
            }
        }
    }

    /// Asks the log what is due, and what comes due before the next poll.
    async fn look(&mut self) -> Result<Due, log::Error> {
        let (poll, now) = (self.core.settings.poll, self.core.clock.now());
        // Those that wait for their next try, or are under way, stand at the front; they must not hide the others.
        let known = self.waiting.len() + self.begun.len();
        let wanted = BATCH.min(MAX_WAITING.saturating_sub(self.waiting.len()));
        let horizon = now + TimeDelta::from_std(poll).unwrap_or(TimeDelta::MAX);
        let listed = self
            .core
            .log
            .due(self.aggregate_type, horizon, wanted + known)
            .await?;
        self.forget_all_but(&listed);
        let mut room = CONCURRENCY.saturating_sub(self.begun.len());
        let mut found = Due {
            ready: Vec::new(),
            idle: poll,
        };
        for timer in listed {
            let wait = match self.waiting.get(&timer.stream) {
                _ if self.begun.contains(&timer.stream) => continue,
                Some(back_off) => back_off.wait(&timer),
                None => (timer.wake_at - now).to_std().unwrap_or_default(),
            };
            if !wait.is_zero() {
                found.idle = found.idle.min(wait);
            } else if room > 0 {
                room -= 1;
                found.ready.push(timer);
            }
        }
        Ok(found)
    }

    /// Streams whose timer is not set any more need no next try.
    fn forget_all_but(&mut self, listed: &[timers::Due]) {
        let listed: HashSet<_> = listed.iter().map(|timer| &timer.stream).collect();
        let begun = &self.begun;
        self.waiting
            .retain(|stream, _| listed.contains(stream) || begun.contains(stream));
    }

    fn begin(&mut self, timer: timers::Due) -> impl Future<Output = Handled<E>> + use<'a, E, H> {
        self.begun.insert(timer.stream.clone());
        let handling = (self.handle)(timer.stream.clone());
        async move {
            let result = handling.await;
            (timer, result)
        }
    }

    fn end(&mut self, (timer, result): Handled<E>) {
        let timers::Due {
            stream, wake_at, ..
        } = timer;
        self.begun.remove(&stream);
        metrics::timer(self.aggregate_type, result.is_ok());
        let last = self.waiting.remove(&stream);
        let (pause, waits_at) = match result {
            Ok(Next::Nothing) => (Duration::ZERO, None),
            Ok(Next::After { pause, timer }) => (pause, Some(timer.unwrap_or(wake_at))),
            Err(error) => {
                tracing::warn!(%error, %stream, "a due timer is tried again later");
                let failed = last.filter(|back_off| back_off.waits_at.is_none());
                let pause = failed.map_or(FIRST_BACK_OFF, |back_off| back_off.pause * 2);
                (pause.min(LONGEST_BACK_OFF), None)
            }
        };
        if !pause.is_zero() {
            let back_off = BackOff {
                until: Instant::now() + pause,
                pause,
                waits_at,
            };
            self.waiting.insert(stream, back_off);
        }
        let all = self.waiting.values();
        let stuck = all.filter(|back_off| back_off.waits_at.is_none()).count();
        metrics::stuck(self.aggregate_type, stuck);
    }
}
