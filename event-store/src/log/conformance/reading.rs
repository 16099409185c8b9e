//! Reading: limits, order, and what belongs to which stream.

use super::{
    Broken, ensure_eq,
    sample::{Draft, one, stream, time},
    store,
};
use crate::log::{EventLog, Naming, Position, RecordedEvent, StreamHead, StreamId};

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

fn sequences(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.sequence).collect()
}

/// Of a stream those events are read that name something, or are of a type that was asked for; case counts, and nothing is a pattern.
///
/// # Errors
/// What was not kept.
pub async fn what_names_something_is_read(log: &dyn EventLog) -> Result<(), Broken> {
    let (own, other) = (stream("a"), stream("b"));
    let payloads = [
        r#"{"Happened":{"seat":"A-1"}}"#,
        r#"{"Happened":{"seat":"A-12"}}"#,
        r#"{"Happened":{"seat":"a-1"}}"#,
        r#"{"Other":{"seat":"B-%"}}"#,
        r#"{"Happened":{"seat":"A-1","of":"x"}}"#,
    ];
    let draft = Draft::new(1).events(&own, 0, 5).events(&other, 0, 1);
    let append = draft.with(|append| {
        for (event, payload) in append.streams[0].events.iter_mut().zip(payloads) {
            payload.clone_into(&mut event.payload);
        }
        "Other".clone_into(&mut append.streams[0].events[3].event_type);
        payloads[0].clone_into(&mut append.streams[1].events[0].payload);
    });
    store(log, append.done()).await?;
    let types: &[&str] = &["Other", "None"];
    for (text, or_types, after, limit, expected) in [
        ("\"A-1\"", &[] as &[&str], 0, 9, vec![1, 5]),
        ("\"A-1\"", types, 0, 9, vec![1, 4, 5]),
        ("\"A-1\"", types, 1, 1, vec![4]),
        ("\"A-%", &[], 0, 9, vec![]),
        ("\"B-%\"", &[], 0, 9, vec![4]),
        ("\"A-1\"", types, 0, 0, vec![]),
    ] {
        let naming = Naming { text, or_types };
        let found = log.read_stream_naming(&own, after, &naming, limit).await;
        let found = sequences(&found.map_err(|e| e.to_string())?);
        ensure_eq!(found, expected, "{limit} with {naming:?} after {after}");
    }
    Ok(())
}

/// Events that belong together are read in order, from whatever streams, and no others.
///
/// # Errors
/// What was not kept.
pub async fn what_belongs_together_is_read(log: &dyn EventLog) -> Result<(), Broken> {
    let (a, b) = (stream("a"), stream("b"));
    let texts = ["x", "x'y", "x"];
    for (number, (stream, text)) in [&a, &b, &b].into_iter().zip(texts).enumerate() {
        let version = number as u64 / 2;
        let draft = Draft::new(number as u64 + 1).events(stream, version, 1);
        let append = draft.with(|append| {
            let metadata = format!(r#"{{"actor":"sample","correlation_id":"{text}"}}"#);
            append.streams[0].events[0].metadata = metadata.into();
        });
        store(log, append.done()).await?;
    }
    store(log, one(9, &a, 1)).await?;
    for (id, (after, until), limit, expected) in [
        ("x", (0, 9), 9, vec![1, 3]),
        ("x", (1, 9), 9, vec![3]),
        ("x", (0, 2), 9, vec![1]),
        ("x", (0, 9), 1, vec![1]),
        ("x'y", (0, 9), 9, vec![2]),
        ("X", (0, 9), 9, vec![]),
        ("sample", (0, 9), 9, vec![]),
    ] {
        let part = (Position(after), Position(until));
        let found = log.read_correlated(id, part, limit).await;
        let found: Vec<_> = found
            .map_err(|e| e.to_string())?
            .iter()
            .map(|event| event.position.0)
            .collect();
        ensure_eq!(found, expected, "{limit} with {id:?} after {after}");
    }
    Ok(())
}
