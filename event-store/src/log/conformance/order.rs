//! Positions and sequences.

use futures::future::try_join_all;

use super::{
    Broken, append, ensure, ensure_eq, head,
    sample::{Draft, one, stream},
    store,
};
use crate::log::{Append, EventLog, Outcome, Position};

/// Positions begin at 1 and leave none out, whatever was refused in between.
///
/// # Errors
/// What was not kept.
pub async fn positions_are_dense(log: &dyn EventLog) -> Result<(), Broken> {
    ensure_eq!(head(log).await?, 0, "head of an empty log");
    let (a, b) = (stream("a"), stream("b"));
    store(log, Draft::new(1).events(&a, 0, 3).done()).await?;
    let refused = append(log, one(2, &a, 0)).await?;
    ensure!(
        !matches!(refused, Outcome::Committed { .. }),
        "stored a conflict"
    );
    store(log, Draft::new(3).events(&b, 0, 1).events(&a, 3, 2).done()).await?;
    store(log, one(4, &b, 1)).await?;
    let events = log
        .read_all(Position(0), 100)
        .await
        .map_err(|e| e.to_string())?;
    let positions: Vec<_> = events.iter().map(|e| e.position.0).collect();
    ensure_eq!(positions, (1..=7).collect::<Vec<_>>(), "positions");
    ensure_eq!(head(log).await?, 7, "head");
    Ok(())
}

/// An append's events stand side by side, in the order given, where its outcome says.
///
/// # Errors
/// What was not kept.
pub async fn an_append_stands_together(log: &dyn EventLog) -> Result<(), Broken> {
    let streams = ["a", "b", "c"].map(stream);
    let batch: Vec<Append> = (0_u64..)
        .zip(&streams)
        .map(|(n, s)| {
            Draft::new(n)
                .events(s, 0, 2)
                .events(&stream(&format!("x{n}")), 0, 1)
                .done()
        })
        .collect();
    let outcomes = log.append(batch.clone()).await.map_err(|e| e.to_string())?;
    for (append, outcome) in batch.iter().zip(outcomes) {
        let Outcome::Committed { first, last } = outcome else {
            return Err(format!("refused without reason: {outcome:?}"));
        };
        ensure_eq!(
            last.0,
            first.0 + 2,
            "last position of three events from {first}"
        );
        let before = Position(first.0 - 1);
        let stored = log.read_all(before, 3).await.map_err(|e| e.to_string())?;
        let stored: Vec<_> = stored.iter().map(|e| (&e.stream, e.event_id)).collect();
        let given = append.streams.iter();
        let given: Vec<_> = given
            .flat_map(|s| s.events.iter().map(move |e| (&s.stream, e.event_id)))
            .collect();
        ensure_eq!(stored, given, "events from {first} on");
    }
    Ok(())
}

/// A stream's events are numbered from 1 without a gap, in the order of their positions.
///
/// # Errors
/// What was not kept.
pub async fn sequences_are_dense(log: &dyn EventLog) -> Result<(), Broken> {
    let (a, b) = (stream("a"), stream("b"));
    for n in 0..5 {
        store(
            log,
            Draft::new(n).events(&a, n * 2, 2).events(&b, n, 1).done(),
        )
        .await?;
    }
    for (id, length) in [(&a, 10), (&b, 5)] {
        let events = log
            .read_stream(id, 0, 100)
            .await
            .map_err(|e| e.to_string())?;
        let sequences: Vec<_> = events.iter().map(|e| e.sequence).collect();
        ensure_eq!(
            sequences,
            (1..=length).collect::<Vec<_>>(),
            "sequences of {id}"
        );
        ensure!(
            events.is_sorted_by_key(|e| e.position),
            "{id} is not in the log's order"
        );
        ensure!(
            events.iter().all(|e| e.stream == *id),
            "{id} holds another stream's events"
        );
    }
    Ok(())
}

/// While several append at once, a reader that asks for what follows the last position it saw gets each next position.
///
/// # Errors
/// What was not kept.
pub async fn a_reader_never_steps_over_an_event(log: &dyn EventLog) -> Result<(), Broken> {
    const WRITERS: u64 = 4;
    const APPENDS: u64 = 25;
    let writers = (0..WRITERS).map(|writer| async move {
        let own = stream(&writer.to_string());
        for n in 0..APPENDS {
            store(log, one(writer * APPENDS + n, &own, n)).await?;
        }
        Ok::<(), Broken>(())
    });
    let reader = async {
        let mut seen = 0;
        while seen < WRITERS * APPENDS {
            let page = log
                .read_all(Position(seen), 7)
                .await
                .map_err(|e| e.to_string())?;
            for event in page {
                ensure_eq!(event.position.0, seen + 1, "position after {seen}");
                seen += 1;
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    };
    let reader = async {
        let bounded = tokio::time::timeout(super::PATIENCE, reader).await;
        bounded.map_err(|_| "the reader waits for an event that never comes".to_owned())?
    };
    tokio::try_join!(try_join_all(writers), reader)?;
    Ok(())
}

/// Each event tells its shard and the epoch in which it was stored.
///
/// # Errors
/// What was not kept.
pub async fn events_name_shard_and_epoch(log: &dyn EventLog) -> Result<(), Broken> {
    store(log, one(1, &stream("a"), 0)).await?;
    let epoch = log.head().await.map_err(|e| e.to_string())?.epoch;
    for event in log
        .read_all(Position(0), 10)
        .await
        .map_err(|e| e.to_string())?
    {
        ensure_eq!((event.shard, event.epoch), (0, epoch), "shard and epoch");
    }
    Ok(())
}
