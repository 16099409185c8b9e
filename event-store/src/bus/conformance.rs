//! What every bus must do, as functions over the port. An adapter's tests run all of them; what is not here is not promised.
//!
//! Each takes the bus and the log that feeds it, appends events of its own, and says what went wrong. They may share one log.

mod feeding;

use std::{
    collections::{HashMap, HashSet},
    future::poll_fn,
    task::Poll,
    time::Duration,
};

use futures::FutureExt;
use tokio::time::{Instant, timeout_at};

use self::feeding::{consume, end, feed, next, text};
use super::{Bus, Cursor, Delivery, Error};
use crate::log::{EventLog, Position, RecordedEvent};

/// How long a bus may take to deliver what the log has.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a bus may take to tell who waits, or that a cursor is not of its history: a few polls.
const PROMPT: Duration = Duration::from_secs(5);

/// How long a group may take to share out, or to hand over.
const SHARING: Duration = Duration::from_secs(30);

/// Events that a check feeds: enough for several deliveries.
const EVENTS: usize = 60;

/// Routing keys among them.
const KEYS: usize = 7;

/// Most events of a delivery asked for: it divides neither the events nor the keys.
const LIMIT: usize = 8;

/// `Err`: what the bus did against its contract.
pub type Verdict = Result<(), String>;

/// Every event is delivered, once, as the log holds it.
///
/// # Errors
/// What was missing, repeated or changed.
pub async fn delivers_everything_once(bus: &dyn Bus, log: &dyn EventLog) -> Verdict {
    let from = end(bus, log).await?;
    let fed = feed(log, EVENTS).await?;
    let seen = consume(bus, &from, fed.last).await?;
    let mut delivered: HashMap<Position, RecordedEvent> = HashMap::new();
    for event in seen.into_iter().flat_map(|delivery| delivery.events) {
        let position = event.position;
        if delivered.insert(position, event).is_some() {
            return Err(format!("position {position} was delivered twice"));
        }
    }
    for event in fed.events {
        match delivered.remove(&event.position) {
            None => return Err(format!("position {} is missing", event.position)),
            Some(other) if other != event => {
                return Err(format!("position {} was changed", event.position));
            }
            Some(_) => {}
        }
    }
    match delivered.keys().next() {
        Some(position) => Err(format!("position {position} was not asked for")),
        None => Ok(()),
    }
}

/// The events of one key come in the log's order, in one partition.
///
/// # Errors
/// What came out of order.
pub async fn keeps_order_per_key(bus: &dyn Bus, log: &dyn EventLog) -> Verdict {
    let from = end(bus, log).await?;
    let fed = feed(log, EVENTS).await?;
    let mut last: HashMap<String, (u32, Position)> = HashMap::new();
    for delivery in consume(bus, &from, fed.last).await? {
        for event in delivery.events {
            let place = (delivery.cursor.partition, event.position);
            if let Some((partition, position)) = last.insert(event.routing_key, place)
                && (partition != place.0 || position >= place.1)
            {
                return Err(format!("{place:?} came after {:?}", (partition, position)));
            }
        }
    }
    Ok(())
}

/// `up_to` never falls, covers what is delivered, and nothing that it covered is delivered later.
///
/// # Errors
/// Which cursor fell or did not cover its events.
pub async fn moves_up_to_forward(bus: &dyn Bus, log: &dyn EventLog) -> Verdict {
    let from = end(bus, log).await?;
    let fed = feed(log, EVENTS).await?;
    let mut cursors: HashMap<u32, Cursor> = from.iter().map(|c| (c.partition, *c)).collect();
    for Delivery { events, cursor } in consume(bus, &from, fed.last).await? {
        let Some(before) = cursors.insert(cursor.partition, cursor) else {
            return Err(format!("nobody asked for partition {}", cursor.partition));
        };
        if cursor.position < before.position || cursor.epoch < before.epoch {
            return Err(format!("{cursor:?} after {before:?}"));
        }
        let covered = before.position..=cursor.position;
        for event in events {
            if event.position == before.position || !covered.contains(&event.position) {
                return Err(format!("position {} within {covered:?}", event.position));
            }
        }
    }
    Ok(())
}

/// A subscription begins right after its cursor.
///
/// # Errors
/// What was repeated or missing.
pub async fn resumes_after_its_cursor(bus: &dyn Bus, log: &dyn EventLog) -> Verdict {
    let from = end(bus, log).await?;
    let fed = feed(log, EVENTS).await?;
    let mut seen = HashSet::new();
    let mut cursors = from;
    loop {
        // One delivery for each subscription: every cursor is resumed from.
        let mut subscription = bus.subscribe(cursors.clone()).await.map_err(text)?;
        let delivery = next(&mut *subscription, Instant::now() + PATIENCE).await?;
        for event in &delivery.events {
            if !seen.insert(event.position) {
                return Err(format!("position {} was repeated", event.position));
            }
        }
        for cursor in &mut cursors {
            if cursor.partition == delivery.cursor.partition {
                *cursor = delivery.cursor;
            }
        }
        if cursors.iter().all(|cursor| cursor.position >= fed.last) {
            break;
        }
    }
    match fed
        .events
        .iter()
        .find(|event| !seen.contains(&event.position))
    {
        Some(event) => Err(format!("position {} is missing", event.position)),
        None => Ok(()),
    }
}

/// `partition_of` tells where the events of a key come.
///
/// # Errors
/// Which key was told to be elsewhere.
pub async fn tells_the_partition_of_a_key(bus: &dyn Bus, log: &dyn EventLog) -> Verdict {
    let from = end(bus, log).await?;
    let fed = feed(log, EVENTS).await?;
    for delivery in consume(bus, &from, fed.last).await? {
        for event in delivery.events {
            let (came, told) = (
                delivery.cursor.partition,
                bus.partition_of(&event.routing_key),
            );
            if came != told || told >= bus.partitions() {
                return Err(format!(
                    "{} came in partition {came}, not {told}",
                    event.routing_key
                ));
            }
        }
    }
    Ok(())
}

/// One event moves the cursors of every partition.
///
/// # Errors
/// Which partition was left behind.
pub async fn covers_positions_of_other_partitions(bus: &dyn Bus, log: &dyn EventLog) -> Verdict {
    let from = end(bus, log).await?;
    let fed = feed(log, 1).await?;
    for cursor in from {
        let alone = [cursor];
        let deliveries = consume(bus, &alone, fed.last).await?;
        let events = deliveries.iter().map(|delivery| delivery.events.len());
        let expected = usize::from(bus.partition_of("key-0") == cursor.partition);
        let count = events.sum::<usize>();
        if count != expected {
            return Err(format!(
                "partition {} has {count} of the one event",
                cursor.partition
            ));
        }
    }
    Ok(())
}

/// The members of a group have all partitions among them, no two the same where there are several, and those of a member that leaves
/// are the others'.
///
/// # Errors
/// How they were shared out.
pub async fn shares_partitions_out(bus: &dyn Bus, log: &dyn EventLog) -> Verdict {
    // No other check's group, since the log has grown by then.
    feed(log, 1).await?;
    let group = format!(
        "bus-conformance-{}",
        log.head().await.map_err(text)?.position
    );
    let all: Vec<u32> = (0..bus.partitions()).collect();
    let one = bus.join(&group).await.map_err(text)?;
    let (mut ones, two) = (one.assigned(), bus.join(&group).await.map_err(text)?);
    let mut twos = two.assigned();
    let are_shared = |ones: &[u32], twos: &[u32]| {
        let mut both = [ones, twos].concat();
        both.sort_unstable();
        let is_whole = both.iter().copied().collect::<HashSet<_>>().len() == all.len();
        is_whole
            && (both.len() == all.len() && !ones.is_empty() && !twos.is_empty() || all.len() == 1)
    };
    let deadline = Instant::now() + SHARING;
    while !are_shared(&ones.borrow().clone(), &twos.borrow().clone()) {
        let change = async {
            tokio::select! {
                changed = ones.changed() => changed,
                changed = twos.changed() => changed,
            }
        };
        if timeout_at(deadline, change).await.is_err() {
            let shares = (ones.borrow().clone(), twos.borrow().clone());
            return Err(format!("{all:?} were shared out as {shares:?}"));
        }
    }
    drop(one);
    let rest = timeout_at(deadline + SHARING, twos.wait_for(|twos| *twos == all)).await;
    match rest {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err("the partitions of who left are nobody's".to_owned()),
    }
}

/// A delivery has no more events than were asked for.
///
/// # Errors
/// How many there were.
pub async fn respects_the_limit(bus: &dyn Bus, log: &dyn EventLog) -> Verdict {
    let from = end(bus, log).await?;
    let fed = feed(log, EVENTS).await?;
    let deliveries = consume(bus, &from, fed.last).await?;
    match deliveries
        .iter()
        .map(|delivery| delivery.events.len())
        .max()
    {
        Some(most) if most > LIMIT => Err(format!("{most} events where {LIMIT} were asked for")),
        Some(_) | None => Ok(()),
    }
}

/// A consumer that waits is given what is appended meanwhile.
///
/// # Errors
/// It was not given in time.
pub async fn wakes_who_waits(bus: &dyn Bus, log: &dyn EventLog) -> Verdict {
    let from = end(bus, log).await?;
    let mut subscription = bus.subscribe(from).await.map_err(text)?;
    let deadline = Instant::now() + PROMPT;
    let waiting = async {
        loop {
            let delivery = next(&mut *subscription, deadline).await?;
            if !delivery.events.is_empty() {
                return Ok(());
            }
        }
    };
    let feeding = feed(log, 1);
    let (waited, fed) = tokio::join!(waiting, feeding);
    fed.and(waited)
}

/// Dropping a wait loses nothing: what was not handed over comes with the next one.
///
/// # Errors
/// What was lost or repeated.
pub async fn survives_cancellation(bus: &dyn Bus, log: &dyn EventLog) -> Verdict {
    let from = end(bus, log).await?;
    let fed = feed(log, EVENTS).await?;
    let mut subscription = bus.subscribe(from.clone()).await.map_err(text)?;
    let mut cursors: HashMap<u32, Position> =
        from.iter().map(|c| (c.partition, c.position)).collect();
    let mut seen = HashSet::new();
    let deadline = Instant::now() + PATIENCE;
    while cursors.values().any(|position| *position < fed.last) {
        // Dropped at its first point of waiting, then at its second, until it comes through.
        for turns in 1.. {
            let wait = give_up_after(turns, subscription.next(LIMIT));
            let delivery = timeout_at(deadline, wait).await;
            let delivery = delivery.map_err(|_| "nothing was delivered in time")?;
            if let Some(delivery) = delivery {
                note(&mut seen, &mut cursors, delivery.map_err(text)?)?;
                break;
            }
        }
    }
    match fed
        .events
        .iter()
        .find(|event| !seen.contains(&event.position))
    {
        Some(event) => Err(format!("position {} was lost", event.position)),
        None => Ok(()),
    }
}

/// A cursor beyond the log's end is an error, at once or with the first delivery.
///
/// # Errors
/// What came instead.
pub async fn refuses_a_cursor_beyond_the_end(bus: &dyn Bus, log: &dyn EventLog) -> Verdict {
    feed(log, 1).await?;
    let mut from = end(bus, log).await?;
    for cursor in &mut from {
        cursor.position.0 += 1_000;
    }
    diverges(bus, from).await
}

/// A cursor of an epoch that the log has not reached is an error, at once or with the first delivery.
///
/// # Errors
/// What came instead.
pub async fn refuses_a_cursor_of_a_newer_epoch(bus: &dyn Bus, log: &dyn EventLog) -> Verdict {
    feed(log, 1).await?;
    let mut from = end(bus, log).await?;
    for cursor in &mut from {
        cursor.epoch += 1;
    }
    diverges(bus, from).await
}

async fn diverges(bus: &dyn Bus, from: Vec<Cursor>) -> Verdict {
    let outcome = match bus.subscribe(from).await {
        Err(error) => Err(error),
        Ok(mut subscription) => {
            let wait = subscription.next(LIMIT);
            match timeout_at(Instant::now() + PROMPT, wait).await {
                Ok(delivered) => delivered,
                Err(_) => return Err("it waits for ever".to_owned()),
            }
        }
    };
    match outcome {
        Err(Error::Diverged(_)) => Ok(()),
        other => Err(format!("{other:?} instead of a diverged history")),
    }
}

/// What a future comes to within so many polls.
async fn give_up_after<F: Future + Unpin>(polls: usize, mut future: F) -> Option<F::Output> {
    let mut left = polls;
    poll_fn(|context| match future.poll_unpin(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            left -= 1;
            if left == 0 {
                Poll::Ready(None)
            } else {
                Poll::Pending
            }
        }
    })
    .await
}

fn note(
    seen: &mut HashSet<Position>,
    cursors: &mut HashMap<u32, Position>,
    delivery: Delivery,
) -> Verdict {
    for event in delivery.events {
        if !seen.insert(event.position) {
            return Err(format!("position {} was repeated", event.position));
        }
    }
    cursors.insert(delivery.cursor.partition, delivery.cursor.position);
    Ok(())
}
