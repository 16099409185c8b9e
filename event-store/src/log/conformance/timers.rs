//! Timers: a stream's `wake_at`.

use chrono::{DateTime, Utc};

use super::{
    Broken, ensure_eq,
    sample::{Draft, TYPE, stream, time},
    store,
};
use crate::{
    log::{Append, EventLog, StreamId},
    timers::WakeAt,
};

fn waking(number: u64, stream: &StreamId, version: u64, wake_at: WakeAt) -> Append {
    Draft::new(number)
        .events(stream, version, 1)
        .wake(wake_at)
        .done()
}

async fn due(log: &dyn EventLog, now: i64, limit: usize) -> Result<Vec<(String, i64)>, Broken> {
    let due = log
        .due(TYPE, time(now), limit)
        .await
        .map_err(|e| e.to_string())?;
    let micros = |at: DateTime<Utc>| (at - time(0)).num_microseconds().unwrap_or(i64::MAX);
    Ok(due
        .iter()
        .map(|d| (d.stream.aggregate_id.to_string(), micros(d.wake_at)))
        .collect())
}

/// Streams come due at their time and not before, the longest due first, each type by itself.
///
/// # Errors
/// What was not kept.
pub async fn timers_come_due_on_time(log: &dyn EventLog) -> Result<(), Broken> {
    let at = |micros| WakeAt::At(time(micros));
    store(log, waking(1, &stream("b"), 0, at(2_000_000))).await?;
    store(log, waking(2, &stream("c"), 0, at(3_000_000))).await?;
    store(log, waking(3, &stream("a"), 0, at(1_000_001))).await?;
    store(log, waking(4, &StreamId::new("other", "d"), 0, at(1))).await?;
    store(log, waking(5, &stream("e"), 0, WakeAt::Keep)).await?;
    let pair = |id: &str, at| (id.to_owned(), at);
    let (first, both) = (
        vec![pair("a", 1_000_001)],
        vec![pair("a", 1_000_001), pair("b", 2_000_000)],
    );
    ensure_eq!(
        due(log, 1_000_000, 10).await?,
        [],
        "due a microsecond too early"
    );
    ensure_eq!(due(log, 1_000_001, 10).await?, first, "due on time");
    ensure_eq!(due(log, 2_999_999, 10).await?, both, "due later");
    ensure_eq!(due(log, 9_000_000, 1).await?, first, "the longest due");
    Ok(())
}

/// A timer stays until an append sets another or clears it; a stream that an append only guards may have it changed too.
///
/// # Errors
/// What was not kept.
pub async fn timers_are_kept_set_and_cleared(log: &dyn EventLog) -> Result<(), Broken> {
    let a = stream("a");
    let wake_at = async || {
        let heads = log.stream_heads(std::slice::from_ref(&a)).await;
        let heads = heads.map_err(|e| e.to_string())?;
        Ok::<_, Broken>(heads.first().copied().flatten().and_then(|h| h.wake_at))
    };
    store(log, waking(1, &a, 0, WakeAt::At(time(5)))).await?;
    ensure_eq!(wake_at().await?, Some(time(5)), "timer");
    store(log, waking(2, &a, 1, WakeAt::Keep)).await?;
    ensure_eq!(wake_at().await?, Some(time(5)), "timer that is kept");
    store(log, waking(3, &a, 2, WakeAt::At(time(9)))).await?;
    ensure_eq!(wake_at().await?, Some(time(9)), "timer that is moved");
    store(log, waking(4, &a, 3, WakeAt::Never)).await?;
    ensure_eq!(wake_at().await?, None, "timer that is cleared");
    let guarded = |n, wake_at| {
        let other = stream(&format!("other {n}"));
        Draft::new(n)
            .events(&other, 0, 1)
            .events(&a, 4, 0)
            .wake(wake_at)
            .done()
    };
    store(log, guarded(5, WakeAt::At(time(7)))).await?;
    ensure_eq!(wake_at().await?, Some(time(7)), "timer of a guarded stream");
    store(log, guarded(6, WakeAt::Keep)).await?;
    ensure_eq!(
        wake_at().await?,
        Some(time(7)),
        "kept timer of a guarded stream"
    );
    store(log, guarded(7, WakeAt::Never)).await?;
    ensure_eq!(due(log, 1_000, 10).await?, [], "due after clearing");
    Ok(())
}

/// The earliest timer of a type is known, due or not.
///
/// # Errors
/// What was not kept.
pub async fn the_next_timer_is_known(log: &dyn EventLog) -> Result<(), Broken> {
    let next = async || log.next_due(TYPE).await.map_err(|e| e.to_string());
    ensure_eq!(next().await?, None, "next timer of an empty log");
    store(log, waking(1, &stream("a"), 0, WakeAt::At(time(8)))).await?;
    store(log, waking(2, &stream("b"), 0, WakeAt::At(time(6)))).await?;
    store(
        log,
        waking(3, &StreamId::new("other", "c"), 0, WakeAt::At(time(1))),
    )
    .await?;
    ensure_eq!(next().await?, Some(time(6)), "next timer");
    store(log, waking(4, &stream("b"), 1, WakeAt::Never)).await?;
    ensure_eq!(
        next().await?,
        Some(time(8)),
        "next timer after one was cleared"
    );
    Ok(())
}
