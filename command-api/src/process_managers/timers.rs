//! Due timers of one kind of aggregate: polled from the log, handled a bounded number at a time, tried again with
//! growing pauses.

use std::{
    collections::{HashMap, HashSet},
    fmt::Display,
    time::Duration,
};

use event_store::{StreamId, log};
use futures::{StreamExt, future::BoxFuture};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{metrics, state::Core};

/// Most due streams read at once.
const BATCH: usize = 256;
/// Most streams that wait for their next try, some hundred bytes each. Beyond it, others wait in the log until there is room.
const MAX_WAITING: usize = 10_000;
/// Most streams handled at the same time: each waits for commits that serve all of them together.
const CONCURRENCY: usize = 64;
/// Least time between two looks at the log, however fast it grows: bounds both the load and how late a timer is served.
const PAUSE: Duration = Duration::from_millis(20);
/// Pause before the second try.
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
/// Longest pause between two tries.
const LONGEST_BACK_OFF: Duration = Duration::from_mins(1);

/// When a stream that could not be handled is tried again.
#[derive(Debug, Clone, Copy)]
struct BackOff {
    until: Instant,
    pause: Duration,
}

/// Serves the timers of streams of `aggregate_type` until `shutdown`, each by `handle`. What is under way at `shutdown`
/// is left where it stands: every step is durable, and its timer stays set.
pub(super) async fn serve<'a, E: Display>(
    core: &Core,
    aggregate_type: &'static str,
    handle: impl Fn(StreamId) -> BoxFuture<'a, Result<(), E>>,
    shutdown: &CancellationToken,
) {
    let mut head = core.log.head_changes();
    let mut waiting = HashMap::new();
    let work = async {
        loop {
            head.mark_unchanged();
            let progress = match round(core, aggregate_type, &handle, &mut waiting).await {
                Ok(progress) => progress,
                Err(error) => {
                    tracing::warn!(%error, aggregate_type, "due timers can't be read");
                    false
                }
            };
            sleep(PAUSE).await;
            if progress {
                continue;
            }
            tokio::select! {
                () = sleep(until_next(core, aggregate_type, &waiting).await) => {}
                // A closed channel means that the log is being closed: the poll goes on.
                Ok(()) = head.changed() => {}
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = shutdown.cancelled() => {}
    }
}

/// Handles what is due; whether anything was.
async fn round<'a, E: Display>(
    core: &Core,
    aggregate_type: &'static str,
    handle: &impl Fn(StreamId) -> BoxFuture<'a, Result<(), E>>,
    waiting: &mut HashMap<StreamId, BackOff>,
) -> Result<bool, log::Error> {
    // Those that wait for their next try stand at the front; they must not hide the others.
    let room = BATCH.min(MAX_WAITING.saturating_sub(waiting.len()));
    let due = core
        .log
        .due(aggregate_type, core.clock.now(), room + waiting.len())
        .await?;
    let now = Instant::now();
    let listed: HashSet<_> = due.iter().map(|due| &due.stream).collect();
    waiting.retain(|stream, _| listed.contains(stream));
    let ready: Vec<_> = due
        .into_iter()
        .map(|due| due.stream)
        .filter(|stream| {
            waiting
                .get(stream)
                .is_none_or(|back_off| back_off.until <= now)
        })
        .collect();
    let progress = !ready.is_empty();
    let failed: Vec<_> = futures::stream::iter(ready.clone())
        .map(async |stream| (handle(stream.clone()).await, stream))
        .buffer_unordered(CONCURRENCY)
        .filter_map(async |(result, stream)| {
            metrics::timer(aggregate_type, result.is_ok());
            let error = result.err()?;
            tracing::warn!(%error, %stream, "a due timer is tried again later");
            Some(stream)
        })
        .collect()
        .await;
    for stream in ready.iter().filter(|stream| !failed.contains(stream)) {
        waiting.remove(stream);
    }
    for stream in failed {
        let last = waiting.get(&stream).map(|back_off| back_off.pause * 2);
        let pause = last.unwrap_or(FIRST_BACK_OFF).min(LONGEST_BACK_OFF);
        waiting.insert(
            stream,
            BackOff {
                until: Instant::now() + pause,
                pause,
            },
        );
    }
    metrics::stuck(aggregate_type, waiting.len());
    Ok(progress)
}

/// How long nothing can come due: until the next timer or the next try, at most one poll.
async fn until_next(
    core: &Core,
    aggregate_type: &str,
    waiting: &HashMap<StreamId, BackOff>,
) -> Duration {
    let poll = core.settings.poll;
    let retry = waiting
        .values()
        .map(|back_off| back_off.until.saturating_duration_since(Instant::now()))
        .min();
    let timer = match core.log.next_due(aggregate_type).await {
        // With streams that wait for their next try, the earliest timer may be one of theirs and long past.
        Ok(Some(at)) if waiting.is_empty() => (at - core.clock.now()).to_std().unwrap_or_default(),
        Ok(_) | Err(_) => poll,
    };
    poll.min(timer).min(retry.unwrap_or(poll))
}
