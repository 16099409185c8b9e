//! What an append is refused for, and what a refusal leaves behind: nothing.

use super::{
    Broken, append, ensure, ensure_eq, head,
    sample::{Draft, command, one, stream, time},
    store,
};
use crate::{
    log::{Append, Error, EventLog, MAX_EVENT_BYTES, MAX_JSON_DEPTH, Outcome, StreamId},
    timers::WakeAt,
};

async fn conflicts(
    log: &dyn EventLog,
    draft: Append,
    stream: &StreamId,
    [expected, actual]: [u64; 2],
) -> Result<(), Broken> {
    let before = head(log).await?;
    let conflict = Outcome::VersionConflict {
        stream: stream.clone(),
        expected,
        actual,
    };
    ensure_eq!(
        append(log, draft).await?,
        conflict,
        "{stream} expected at {expected}"
    );
    ensure_eq!(head(log).await?, before, "head after a conflict");
    Ok(())
}

/// A stream that has moved on from the expected version refuses.
///
/// # Errors
/// What was not kept.
pub async fn a_stream_beyond_the_expected_version_refuses(
    log: &dyn EventLog,
) -> Result<(), Broken> {
    let a = stream("a");
    store(log, Draft::new(1).events(&a, 0, 2).done()).await?;
    conflicts(log, one(2, &a, 0), &a, [0, 2]).await?;
    conflicts(log, one(3, &a, 1), &a, [1, 2]).await?;
    store(log, one(4, &a, 2)).await?;
    Ok(())
}

/// A stream that has not come to the expected version refuses, one that does not exist too.
///
/// # Errors
/// What was not kept.
pub async fn a_stream_before_the_expected_version_refuses(
    log: &dyn EventLog,
) -> Result<(), Broken> {
    let (a, b) = (stream("a"), stream("b"));
    conflicts(log, one(1, &a, 1), &a, [1, 0]).await?;
    store(log, one(2, &a, 0)).await?;
    conflicts(log, one(3, &a, 2), &a, [2, 1]).await?;
    conflicts(log, one(4, &b, 7), &b, [7, 0]).await?;
    Ok(())
}

/// A stream that gets no events is checked all the same, and stays where it is.
///
/// # Errors
/// What was not kept.
pub async fn guarded_streams_are_checked(log: &dyn EventLog) -> Result<(), Broken> {
    let (a, b) = (stream("a"), stream("b"));
    store(log, one(1, &a, 0)).await?;
    let guarded = |n, version| Draft::new(n).events(&b, 0, 1).events(&a, version, 0).done();
    conflicts(log, guarded(2, 0), &a, [0, 1]).await?;
    conflicts(log, guarded(3, 2), &a, [2, 1]).await?;
    store(log, guarded(4, 1)).await?;
    let heads = log.stream_heads(&[a, b]).await.map_err(|e| e.to_string())?;
    let versions: Vec<_> = heads.iter().map(|h| h.map(|h| h.version)).collect();
    ensure_eq!(versions, [Some(1), Some(1)], "versions");
    Ok(())
}

/// An append over two streams of which one conflicts leaves nothing: no event, claim, command or timer.
///
/// # Errors
/// What was not kept.
pub async fn an_append_is_all_or_nothing(log: &dyn EventLog) -> Result<(), Broken> {
    let (a, b) = (stream("a"), stream("b"));
    store(log, one(1, &b, 0)).await?;
    let torn = Draft::new(2)
        .events(&a, 0, 1)
        .wake(WakeAt::At(time(5)))
        .set("k", &a)
        .events(&b, 0, 1)
        .done();
    conflicts(log, torn, &b, [0, 1]).await?;
    let heads = log.stream_heads(std::slice::from_ref(&a)).await;
    ensure_eq!(
        heads.map_err(|e| e.to_string())?,
        [None],
        "head of the stream that fits"
    );
    let events = log
        .read_stream(&a, 0, 10)
        .await
        .map_err(|e| e.to_string())?;
    ensure!(events.is_empty(), "a part of a refused append was stored");
    let holder = log.claim("pair", "k").await.map_err(|e| e.to_string())?;
    ensure_eq!(holder, None, "holder of a refused claim");
    let known = log.known_commands(&[command(2)]).await;
    ensure_eq!(
        known.map_err(|e| e.to_string())?,
        [None],
        "a refused command"
    );
    let due = log
        .next_due(&a.aggregate_type)
        .await
        .map_err(|e| e.to_string())?;
    ensure_eq!(due, None, "a refused timer");
    let whole = Draft::new(2)
        .events(&a, 0, 1)
        .set("k", &a)
        .events(&b, 1, 1)
        .done();
    store(log, whole).await?;
    Ok(())
}

/// In a batch, each append that conflicts fails alone.
///
/// # Errors
/// What was not kept.
pub async fn a_conflict_stays_alone_in_its_batch(log: &dyn EventLog) -> Result<(), Broken> {
    let streams: Vec<_> = (0..6).map(|n| stream(&n.to_string())).collect();
    store(
        log,
        Draft::new(0)
            .events(&streams[0], 0, 1)
            .set("k", &streams[0])
            .done(),
    )
    .await?;
    let batch = vec![
        one(1, &streams[1], 0),
        one(2, &streams[0], 0),
        one(3, &streams[2], 0),
        Draft::new(4)
            .events(&streams[3], 0, 1)
            .set("k", &streams[3])
            .done(),
        one(0, &streams[4], 0),
        one(5, &streams[5], 0),
    ];
    let outcomes = log.append(batch).await.map_err(|e| e.to_string())?;
    let kinds: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Committed { first, .. } => format!("at {first}"),
            Outcome::Known(_) => "known".to_owned(),
            Outcome::CommandPruned { .. } => "pruned".to_owned(),
            Outcome::ClaimTaken { .. } => "taken".to_owned(),
            Outcome::VersionConflict { .. } => "conflict".to_owned(),
        })
        .collect();
    let expected = ["at 2", "conflict", "at 3", "taken", "known", "at 4"];
    ensure_eq!(kinds, expected, "outcomes of a batch");
    ensure_eq!(head(log).await?, 4, "head");
    Ok(())
}

/// What can't be stored is refused as invalid, and nothing of it is stored.
///
/// # Errors
/// What was not kept.
pub async fn what_is_invalid_stores_nothing(log: &dyn EventLog) -> Result<(), Broken> {
    let a = stream("a");
    let payload = |payload: String| {
        one(1, &a, 0).clone_with(|append| append.streams[0].events[0].payload = payload)
    };
    let invalid = [
        payload("not JSON".to_owned()),
        payload(String::new()),
        payload("{\"a\":\"\0\"}".to_owned()),
        payload(format!("\"{}\"", "x".repeat(MAX_EVENT_BYTES))),
        payload("[".repeat(MAX_JSON_DEPTH + 1) + &"]".repeat(MAX_JSON_DEPTH + 1)),
        one(1, &a, 0)
            .clone_with(|append| append.streams[0].events[0].metadata = "{\"a\":1}".into()),
        one(1, &stream("nul\0byte"), 0),
        one(1, &stream(""), 0),
        one(1, &stream(&"x".repeat(256)), 0),
        Draft::new(1).events(&a, 0, 0).done(),
    ];
    for append in invalid {
        let outcome = log.append(vec![append.clone()]).await;
        ensure!(
            matches!(outcome, Err(Error::Invalid(_))),
            "{append:?} ended as {outcome:?}"
        );
    }
    ensure_eq!(head(log).await?, 0, "head");
    Ok(())
}

/// Changes a finished append.
trait CloneWith: Sized {
    fn clone_with(self, change: impl FnOnce(&mut Self)) -> Self;
}

impl CloneWith for Append {
    fn clone_with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}
