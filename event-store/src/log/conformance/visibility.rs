//! When what was stored can be seen, and how one learns of it.

use futures::{future::try_join_all, poll};
use tokio::{sync::watch, time::timeout};

use super::{
    Broken, PATIENCE, append, ensure, ensure_eq, head,
    sample::{Draft, command, one, stream, time},
    store,
};
use crate::{
    log::{EventLog, Position},
    timers::WakeAt,
};

/// What was answered as committed is seen by every kind of read that starts afterwards.
///
/// # Errors
/// What was not kept.
pub async fn what_is_committed_is_seen(log: &dyn EventLog) -> Result<(), Broken> {
    for n in 1..=20 {
        let own = stream(&n.to_string());
        let at = time(i64::try_from(n).unwrap_or(0));
        let key = n.to_string();
        let draft = Draft::new(n)
            .events(&own, 0, 1)
            .wake(WakeAt::At(at))
            .set(&key, &own);
        let (_, last) = store(log, draft.done()).await?;
        ensure_eq!(head(log).await?, last.0, "head after an append");
        let tail = log
            .read_all(Position(last.0 - 1), 10)
            .await
            .map_err(|e| e.to_string())?;
        ensure_eq!(tail.len(), 1, "events at {last}");
        let events = log
            .read_stream(&own, 0, 10)
            .await
            .map_err(|e| e.to_string())?;
        ensure_eq!(events.len(), 1, "events of {own}");
        let heads = log.stream_heads(std::slice::from_ref(&own)).await;
        ensure!(
            heads.map_err(|e| e.to_string())?[0].is_some(),
            "{own} has no head"
        );
        let known = log.known_commands(&[command(n)]).await;
        ensure!(
            known.map_err(|e| e.to_string())?[0].is_some(),
            "its command is not known"
        );
        let holder = log.claim("pair", &key).await.map_err(|e| e.to_string())?;
        ensure_eq!(holder, Some(own.clone()), "holder of its claim");
        let due = log
            .due(&own.aggregate_type, at, 100)
            .await
            .map_err(|e| e.to_string())?;
        ensure!(due.iter().any(|d| d.stream == own), "its timer is not due");
    }
    Ok(())
}

async fn reach(changes: &mut watch::Receiver<Position>, position: Position) -> Result<(), Broken> {
    let reached = timeout(PATIENCE, changes.wait_for(|at| *at >= position)).await;
    match reached {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err("the head's followers were dropped".to_owned()),
        Err(_) => Err(format!("nobody told of position {position}")),
    }
}

/// Followers of the head are told of every commit in the end, those that begin to follow later too; and never of a position that does
/// not exist.
///
/// # Errors
/// What was not kept.
pub async fn head_changes_tell_of_commits(log: &dyn EventLog) -> Result<(), Broken> {
    let mut changes = log.head_changes();
    let a = stream("a");
    for n in 0..5 {
        let (_, last) = store(log, one(n, &a, n)).await?;
        reach(&mut changes, last).await?;
        ensure_eq!(*changes.borrow_and_update(), last, "head as told");
    }
    let refused = append(log, one(9, &a, 2)).await?;
    let told = *changes.borrow_and_update();
    ensure_eq!(told, Position(5), "head as told after {refused:?}");
    let newcomer = log.head_changes();
    ensure_eq!(
        *newcomer.borrow(),
        Position(5),
        "head as told to a newcomer"
    );
    Ok(())
}

/// Once followers are told of a position, it can be read.
///
/// # Errors
/// What was not kept.
pub async fn head_changes_are_never_early(log: &dyn EventLog) -> Result<(), Broken> {
    const APPENDS: u64 = 40;
    let writer = async {
        for n in 0..APPENDS {
            store(log, one(n, &stream(&n.to_string()), 0)).await?;
        }
        Ok::<(), Broken>(())
    };
    let follower = async {
        let mut changes = log.head_changes();
        let mut told = Position(0);
        while told.0 < APPENDS {
            reach(&mut changes, Position(told.0 + 1)).await?;
            told = *changes.borrow_and_update();
            ensure!(
                head(log).await? >= told.0,
                "told of {told} before the head was there"
            );
            let before = Position(told.0 - 1);
            let events = log.read_all(before, 1).await.map_err(|e| e.to_string())?;
            ensure_eq!(events.len(), 1, "events at {told}, which was told of");
        }
        Ok(())
    };
    tokio::try_join!(writer, follower)?;
    Ok(())
}

/// A reader that follows the head and reads on from the last event it saw gets each event once, in order, while several append,
/// in batches and with conflicts.
///
/// # Errors
/// What was not kept.
pub async fn a_follower_misses_and_repeats_nothing(log: &dyn EventLog) -> Result<(), Broken> {
    const WRITERS: u64 = 3;
    const BATCHES: u64 = 10;
    /// Two appends of three events each; a third conflicts.
    const EVENTS: u64 = WRITERS * BATCHES * 6;
    let writers = (0..WRITERS).map(|writer| async move {
        for n in 0..BATCHES {
            let number = (writer * BATCHES + n) * 3;
            let own = |kind: &str| stream(&format!("{kind} {writer}"));
            let batch = vec![
                Draft::new(number).events(&own("a"), n * 3, 3).done(),
                Draft::new(number + 1)
                    .events(&own("b"), n * 3 + 1, 3)
                    .done(),
                Draft::new(number + 2).events(&own("c"), n * 3, 3).done(),
            ];
            log.append(batch).await.map_err(|e| e.to_string())?;
        }
        Ok::<(), Broken>(())
    });
    let follower = async {
        let mut changes = log.head_changes();
        let mut seen = Vec::new();
        while (seen.len() as u64) < EVENTS {
            reach(&mut changes, Position(seen.len() as u64 + 1)).await?;
            let told = changes.borrow_and_update().0;
            while (seen.len() as u64) < told {
                let after = Position(seen.len() as u64);
                let page = log.read_all(after, 4).await.map_err(|e| e.to_string())?;
                ensure!(
                    !page.is_empty(),
                    "nothing after {after}, but {told} was told of"
                );
                for event in page {
                    ensure_eq!(event.position.0, seen.len() as u64 + 1, "position");
                    ensure!(
                        !seen.contains(&event.event_id),
                        "{} came twice",
                        event.event_id
                    );
                    seen.push(event.event_id);
                }
            }
        }
        Ok(())
    };
    tokio::try_join!(try_join_all(writers), follower)?;
    ensure_eq!(head(log).await?, EVENTS, "head");
    Ok(())
}

/// Whoever stops waiting for an append does not tear it: it is stored whole or not at all, and the log goes on.
///
/// # Errors
/// What was not kept.
pub async fn a_dropped_append_is_whole_or_absent(log: &dyn EventLog) -> Result<(), Broken> {
    for n in 0..10 {
        let (a, b) = (stream(&format!("a {n}")), stream(&format!("b {n}")));
        let both = Draft::new(n)
            .events(&a, 0, 2)
            .events(&b, 0, 2)
            .set(&n.to_string(), &b);
        let mut dropped = log.append(vec![both.done()]);
        let polls = n % 3;
        for _ in 0..polls {
            if poll!(&mut dropped).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(dropped);
        // The log works one job after another, so this one ends after what was dropped.
        store(log, one(100 + n, &stream("next"), n)).await?;
        let heads = log.stream_heads(&[a, b]).await.map_err(|e| e.to_string())?;
        let versions: Vec<_> = heads.iter().map(|h| h.map_or(0, |h| h.version)).collect();
        ensure!(
            versions == [0, 0] || versions == [2, 2],
            "streams stand at {versions:?}"
        );
        let holder = log
            .claim("pair", &n.to_string())
            .await
            .map_err(|e| e.to_string())?;
        ensure_eq!(holder.is_some(), versions == [2, 2], "the claim is held");
        ensure!(
            polls == 0 || versions == [2, 2],
            "dropping the future took the append back"
        );
    }
    Ok(())
}
