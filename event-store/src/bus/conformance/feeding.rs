//! What the checks share: events fed into the log, and what the bus makes of them.

use std::collections::HashSet;

use chrono::DateTime;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{KEYS, LIMIT, PATIENCE};
use crate::{
    bus::{Bus, Cursor, Delivery, Subscription},
    commands,
    log::{Append, EventLog, NewEvent, Outcome, Position, RecordedEvent, StreamAppend, StreamId},
    timers::WakeAt,
};

/// What a check fed into the log.
pub(super) struct Fed {
    pub(super) events: Vec<RecordedEvent>,
    pub(super) last: Position,
}

/// Appends events of several keys and streams.
pub(super) async fn feed(log: &dyn EventLog, count: usize) -> Result<Fed, String> {
    let before = log.head().await.map_err(text)?.position;
    // Unlike any other check's streams in the same log, since the log has grown by then.
    let batch = (0..count).map(|number| append(before, number)).collect();
    for outcome in log.append(batch).await.map_err(text)? {
        if !matches!(outcome, Outcome::Committed { .. }) {
            return Err(format!("the log did not take the events: {outcome:?}"));
        }
    }
    let events = log.read_all(before, count).await.map_err(text)?;
    let last = events.last().ok_or("the log holds nothing")?.position;
    Ok(Fed { events, last })
}

fn append(before: Position, number: usize) -> Append {
    let id = format!("{before}-{number}");
    let command_id = Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes());
    Append {
        streams: vec![StreamAppend {
            stream: StreamId::new("bus-conformance", id),
            expected_version: 0,
            routing_key: format!("key-{}", number % KEYS),
            events: vec![NewEvent {
                event_id: commands::event_id(command_id, 0),
                command_id,
                event_type: "Fed".to_owned(),
                event_version: "1.0".to_owned(),
                payload: format!(r#"{{"Fed":{{"number":{number}}}}}"#),
                metadata: "{}".into(),
            }],
            wake_at: WakeAt::Keep,
        }],
        commands: Vec::new(),
        claims: Vec::new(),
        recorded_at: DateTime::UNIX_EPOCH,
    }
}

/// Cursors at the log's end.
pub(super) async fn end(bus: &dyn Bus, log: &dyn EventLog) -> Result<Vec<Cursor>, String> {
    let head = log.head().await.map_err(text)?;
    Ok((0..bus.partitions())
        .map(|partition| Cursor {
            partition,
            epoch: head.epoch,
            position: head.position,
            offset: 0,
        })
        .collect())
}

/// All deliveries until each partition has come to `last`.
pub(super) async fn consume(
    bus: &dyn Bus,
    from: &[Cursor],
    last: Position,
) -> Result<Vec<Delivery>, String> {
    let mut subscription = bus.subscribe(from.to_vec()).await.map_err(text)?;
    let mut behind: HashSet<u32> = from.iter().map(|cursor| cursor.partition).collect();
    let mut deliveries = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while !behind.is_empty() {
        let delivery = next(&mut *subscription, deadline).await?;
        if delivery.cursor.position >= last {
            behind.remove(&delivery.cursor.partition);
        }
        deliveries.push(delivery);
    }
    Ok(deliveries)
}

pub(super) async fn next(
    subscription: &mut dyn Subscription,
    deadline: Instant,
) -> Result<Delivery, String> {
    match timeout_at(deadline, subscription.next(LIMIT)).await {
        Ok(delivery) => delivery.map_err(text),
        Err(_) => Err("nothing was delivered in time".to_owned()),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "made to be handed to map_err"
)]
pub(super) fn text(error: impl ToString) -> String {
    error.to_string()
}
