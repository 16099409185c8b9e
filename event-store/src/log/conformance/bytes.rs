//! What is stored comes back as it was given.

use super::{
    Broken, ensure_eq,
    sample::{Draft, one, stream, time},
    store,
};
use crate::{
    log::{EventLog, MAX_EVENT_BYTES, MAX_JSON_DEPTH, Position},
    timers::WakeAt,
};

/// Texts that a parser, a database or a locale may want to tidy up; all of them JSON.
const AWKWARD: [&str; 9] = [
    r#"{"z":1,"a":{"y":2,"b":3},"z2":[]}"#,
    " {\n\t\"spaced\" :  [ 1 , 2 ] }\r\n ",
    r#"{"twice":1,"twice":2}"#,
    r#"{"numbers":[1.0,1e2,-0,0.10,123456789012345678901234567890]}"#,
    r#"{"escapes":"\u00e9\/\u0000\"\\\b\f\n\r\t\ud83d\ude00"}"#,
    "{\"raw\":\"é e\u{301} 😀 \u{2028}\u{feff}\u{7f} ß \u{10ffff}\"}",
    r#"{"quotes":"'' \" `; DROP TABLE events; --","percent":"%s {} $1 ?1"}"#,
    r#""a text alone""#,
    "null",
];

/// Payloads keep each byte: spaces, order of keys, escapes, numbers as they are written.
///
/// # Errors
/// What was not kept.
pub async fn payloads_come_back_byte_for_byte(log: &dyn EventLog) -> Result<(), Broken> {
    let a = stream("a");
    let longest = format!("\"{}\"", "é".repeat((MAX_EVENT_BYTES - 2) / 2));
    let deepest = "[".repeat(MAX_JSON_DEPTH) + "\"[\\\"[\"" + &"]".repeat(MAX_JSON_DEPTH);
    let payloads: Vec<&str> = AWKWARD.into_iter().chain([&*longest, &*deepest]).collect();
    let append = Draft::new(1).events(&a, 0, payloads.len()).with(|append| {
        for (event, payload) in append.streams[0].events.iter_mut().zip(&payloads) {
            (*payload).clone_into(&mut event.payload);
        }
    });
    store(log, append.done()).await?;
    let by_position = log
        .read_all(Position(0), 100)
        .await
        .map_err(|e| e.to_string())?;
    let by_stream = log
        .read_stream(&a, 0, 100)
        .await
        .map_err(|e| e.to_string())?;
    for events in [by_position, by_stream] {
        let stored: Vec<_> = events.iter().map(|e| &*e.payload).collect();
        ensure_eq!(stored, payloads, "payloads");
    }
    Ok(())
}

/// Metadata keeps each byte too, and so do the names beside it.
///
/// # Errors
/// What was not kept.
pub async fn metadata_comes_back_byte_for_byte(log: &dyn EventLog) -> Result<(), Broken> {
    let metadata = " {\"z\" : \"é\\u00e9 😀\" ,\n\"a\":\"\\/\" } ";
    let a = stream("a");
    let given = one(1, &a, 0);
    let append = Draft::new(1).events(&a, 0, 1).with(|append| {
        let part = &mut append.streams[0];
        "clé/\u{1f} '1'".clone_into(&mut part.routing_key);
        part.events[0].metadata = metadata.into();
        "Été \"fini\"".clone_into(&mut part.events[0].event_type);
        "2.10".clone_into(&mut part.events[0].event_version);
    });
    store(log, append.done()).await?;
    let events = log
        .read_all(Position(0), 10)
        .await
        .map_err(|e| e.to_string())?;
    let event = events.first().ok_or("the event is gone")?;
    ensure_eq!(event.metadata, metadata, "metadata");
    ensure_eq!(event.routing_key, "clé/\u{1f} '1'", "routing key");
    ensure_eq!(event.event_type, "Été \"fini\"", "type");
    ensure_eq!(event.event_version, "2.10", "version");
    let ids = (event.event_id, event.command_id);
    let event = &given.streams[0].events[0];
    ensure_eq!(ids, (event.event_id, event.command_id), "ids");
    Ok(())
}

/// Times keep their microseconds, before and after 1970 and over the turn of a second.
///
/// # Errors
/// What was not kept.
pub async fn times_are_kept_to_the_microsecond(log: &dyn EventLog) -> Result<(), Broken> {
    let a = stream("a");
    let times = [0, 1, 999_999, 1_000_000, 123_456, -1_728_000_000_000_001].map(time);
    for (n, at) in (0..).zip(times) {
        let append = Draft::new(n).events(&a, n, 1).wake(WakeAt::At(at));
        store(log, append.with(|append| append.recorded_at = at).done()).await?;
        let heads = log.stream_heads(std::slice::from_ref(&a)).await;
        let heads = heads.map_err(|e| e.to_string())?;
        let head = heads
            .first()
            .copied()
            .flatten()
            .ok_or("the stream is gone")?;
        ensure_eq!(
            (head.recorded_at, head.wake_at),
            (at, Some(at)),
            "times of the head"
        );
        let next = log
            .next_due(&a.aggregate_type)
            .await
            .map_err(|e| e.to_string())?;
        ensure_eq!(next, Some(at), "next timer");
    }
    let events = log
        .read_all(Position(0), 100)
        .await
        .map_err(|e| e.to_string())?;
    let stored: Vec<_> = events.iter().map(|e| e.recorded_at).collect();
    ensure_eq!(stored, times, "times");
    Ok(())
}
