//! ADAPTER `log:`: the bus is the tail of the log itself. One partition, nothing stored, nothing to go wrong between log and bus.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{Alone, Bus, Cursor, Delivery, Error, Membership, Subscription};
use crate::log::{self, EventLog, Position, RecordedEvent};

/// How often the log is asked although nobody told of a commit: another process may have made it, and a wake-up is only a hint.
const POLL: Duration = Duration::from_secs(1);

/// Most events of one delivery, whatever the limit asked for: bounds what one read holds in memory.
const MAX_PAGE: usize = 5_000;

/// The log as a bus.
#[derive(Debug, Clone)]
pub struct LogTailBus {
    log: Arc<dyn EventLog>,
}

impl LogTailBus {
    /// The tail of `log`.
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self { log }
    }
}

#[async_trait]
impl Bus for LogTailBus {
    fn partitions(&self) -> u32 {
        1
    }

    fn partition_of(&self, _routing_key: &str) -> u32 {
        0
    }

    /// Every member has the one partition: there is nobody who could share it out.
    async fn join(&self, _group: &str) -> Result<Box<dyn Membership>, Error> {
        Ok(Box::new(Alone::with(1)))
    }

    async fn subscribe(&self, from: Vec<Cursor>) -> Result<Box<dyn Subscription>, Error> {
        let [cursor] = from[..] else {
            let text = format!("{} cursors for the log's one partition", from.len());
            return Err(Error::Diverged(text));
        };
        if cursor.partition != 0 {
            let text = format!("the log has no partition {}", cursor.partition);
            return Err(Error::Diverged(text));
        }
        // Taken before the first read: a commit between the two then shows as a change.
        let changes = self.log.head_changes();
        check_head(&*self.log, cursor).await?;
        check_last_seen(&*self.log, cursor).await?;
        Ok(Box::new(LogTail {
            log: Arc::clone(&self.log),
            changes,
            cursor,
        }))
    }
}

/// A reader's place in the log.
#[derive(Debug)]
struct LogTail {
    log: Arc<dyn EventLog>,
    changes: watch::Receiver<Position>,
    cursor: Cursor,
}

#[async_trait]
impl Subscription for LogTail {
    async fn next(&mut self, limit: usize) -> Result<Delivery, Error> {
        loop {
            self.changes.mark_unchanged();
            let events = self
                .log
                .read_all(self.cursor.position, limit.clamp(1, MAX_PAGE))
                .await
                .map_err(failed)?;
            if !events.is_empty() {
                // No await from here on: whoever drops this future before has not lost anything.
                self.cursor = follow(self.cursor, &events)?;
                let cursor = self.cursor;
                return Ok(Delivery { events, cursor });
            }
            check_head(&*self.log, self.cursor).await?;
            match timeout(POLL, self.changes.changed()).await {
                Ok(Ok(())) | Err(_) => {}
                // The log tells no more of its commits; polling still finds them.
                Ok(Err(_)) => sleep(POLL).await,
            }
        }
    }
}

/// The cursor after `events`, provided that they follow it without a gap.
fn follow(mut cursor: Cursor, events: &[RecordedEvent]) -> Result<Cursor, Error> {
    for event in events {
        if event.position.0 != cursor.position.0 + 1 {
            let text = format!("position {} after {}", event.position, cursor.position);
            return Err(Error::Corrupt(text));
        }
        if event.epoch < cursor.epoch {
            return Err(Error::Diverged(format!(
                "epoch {} at position {} after epoch {}",
                event.epoch, event.position, cursor.epoch
            )));
        }
        cursor.position = event.position;
        cursor.epoch = event.epoch;
    }
    Ok(cursor)
}

/// A log that ends before what was seen, or lives in an older epoch, is not the one that was read.
async fn check_head(log: &dyn EventLog, cursor: Cursor) -> Result<(), Error> {
    let head = log.head().await.map_err(failed)?;
    if head.position < cursor.position || head.epoch < cursor.epoch {
        return Err(Error::Diverged(format!(
            "position {} of epoch {} was seen, but the log ends at {} in epoch {}",
            cursor.position, cursor.epoch, head.position, head.epoch
        )));
    }
    Ok(())
}

/// An event of a newer epoch at the position last seen took the place of what was seen there.
async fn check_last_seen(log: &dyn EventLog, cursor: Cursor) -> Result<(), Error> {
    let Some(before) = cursor.position.0.checked_sub(1) else {
        return Ok(());
    };
    let last = log.read_all(Position(before), 1).await.map_err(failed)?;
    match last.first() {
        Some(last) if last.position == cursor.position && last.epoch <= cursor.epoch => Ok(()),
        Some(last) => Err(Error::Diverged(format!(
            "position {} was seen in epoch {}, but the log has {} of epoch {} there",
            cursor.position, cursor.epoch, last.position, last.epoch
        ))),
        None => Err(Error::Diverged(format!(
            "position {} was seen, but the log has nothing there",
            cursor.position
        ))),
    }
}

fn failed(error: log::Error) -> Error {
    match error {
        log::Error::Corrupt(text) => Error::Corrupt(text),
        other => Error::Unavailable(other.to_string()),
    }
}
