//! Reading: limits, order, and what belongs to which stream.

use super::{
    Broken, ensure_eq,
    sample::{Draft, one, stream, time},
    store,
};
use crate::log::{EventLog, Position, StreamHead, StreamId};

/// A read answers at most what was asked for, beginning right after the place given.
///
/// # Errors
/// What was not kept.
pub async fn reads_keep_to_their_limits(log: &dyn EventLog) -> Result<(), Broken> {
    let (a, b) = (stream("a"), stream("b"));
    store(log, Draft::new(1).events(&b, 0, 2).done()).await?;
    store(log, Draft::new(2).events(&a, 0, 5).done()).await?;
    for (after, limit, expected) in [
        (0, 0, 0..0),
        (0, 3, 1..4),
        (3, 3, 4..7),
        (6, 3, 7..8),
        (7, 3, 0..0),
        (99, 3, 0..0),
    ] {
        let page = log
            .read_all(Position(after), limit)
            .await
            .map_err(|e| e.to_string())?;
        let positions: Vec<_> = page.iter().map(|e| e.position.0).collect();
        ensure_eq!(
            positions,
            expected.collect::<Vec<_>>(),
            "{limit} after position {after}"
        );
    }
    for (after, limit, expected) in [
        (0, 0, 0..0),
        (0, 2, 1..3),
        (2, 2, 3..5),
        (4, 2, 5..6),
        (5, 2, 0..0),
        (99, 2, 0..0),
    ] {
        let page = log
            .read_stream(&a, after, limit)
            .await
            .map_err(|e| e.to_string())?;
        let sequences: Vec<_> = page.iter().map(|e| e.sequence).collect();
        ensure_eq!(
            sequences,
            expected.collect::<Vec<_>>(),
            "{limit} after sequence {after}"
        );
    }
    Ok(())
}

/// Streams whose names look alike are different streams.
///
/// # Errors
/// What was not kept.
pub async fn streams_are_told_apart(log: &dyn EventLog) -> Result<(), Broken> {
    let names = [
        "a", "A", "a ", " a", "é", "e\u{301}", "a/b", "1", "01", "%", "_", "'",
    ];
    let mut streams: Vec<_> = names.into_iter().map(stream).collect();
    streams.push(StreamId::new("Sample", "a"));
    streams.push(StreamId::new("sample/a", "b"));
    for (n, id) in (0..).zip(&streams) {
        store(log, one(n, id, 0)).await?;
    }
    for (position, id) in (1..).zip(&streams) {
        let events = log
            .read_stream(id, 0, 10)
            .await
            .map_err(|e| e.to_string())?;
        let found: Vec<_> = events.iter().map(|e| (e.position.0, &e.stream)).collect();
        ensure_eq!(found, [(position, id)], "events of {id:?}");
    }
    Ok(())
}

/// Heads of streams are answered in the order asked, none for a stream without events.
///
/// # Errors
/// What was not kept.
pub async fn stream_heads_answer_in_order(log: &dyn EventLog) -> Result<(), Broken> {
    let (a, b) = (stream("a"), stream("b"));
    store(log, Draft::new(1).events(&a, 0, 2).done()).await?;
    store(log, Draft::new(2).events(&b, 0, 1).done()).await?;
    let head = |version, position, at| {
        Some(StreamHead {
            version,
            position: Position(position),
            recorded_at: time(at),
            wake_at: None,
        })
    };
    let asked = [stream("none"), b.clone(), a, stream("neither"), b];
    let found = log.stream_heads(&asked).await.map_err(|e| e.to_string())?;
    let expected = [None, head(1, 3, 2), head(2, 2, 1), None, head(1, 3, 2)];
    ensure_eq!(found, expected, "heads");
    let none = log.stream_heads(&[]).await.map_err(|e| e.to_string())?;
    ensure_eq!(none, [], "heads of no streams");
    Ok(())
}
