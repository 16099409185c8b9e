//! A bus in memory, with as many partitions as a test wants.

use std::sync::Arc;

use async_trait::async_trait;
use event_store::{
    RecordedEvent,
    bus::{Alone, Bus, Cursor, Delivery, Error, Membership, Subscription},
};
use tokio::sync::watch;

/// The log, whole; partitions are cut by routing key.
#[derive(Debug, Clone)]
pub(crate) struct TestBus {
    log: Arc<watch::Sender<Vec<RecordedEvent>>>,
    partitions: u32,
    largest_delivery: usize,
}

impl TestBus {
    pub(crate) fn new(partitions: u32, largest_delivery: usize) -> Self {
        Self {
            log: Arc::default(),
            partitions,
            largest_delivery,
        }
    }

    pub(crate) fn publish(&self, events: &[RecordedEvent]) {
        self.log.send_modify(|log| log.extend_from_slice(events));
    }

    /// What comes next behind `cursor` in its partition; `None` at the end.
    pub(crate) fn next_delivery(&self, cursor: &Cursor, limit: usize) -> Option<Delivery> {
        let log = self.log.borrow();
        let head = log.last()?;
        if cursor.position >= head.position {
            return None;
        }
        let events: Vec<_> = log
            .iter()
            .filter(|event| event.position > cursor.position)
            .filter(|event| self.partition_of(&event.routing_key) == cursor.partition)
            .take(limit.min(self.largest_delivery))
            .cloned()
            .collect();
        let full = events.len() == limit.min(self.largest_delivery);
        let end = events.last().filter(|_| full).unwrap_or(head);
        let cursor = Cursor {
            epoch: end.epoch,
            position: end.position,
            offset: cursor.offset + i64::try_from(events.len()).unwrap(),
            ..*cursor
        };
        Some(Delivery { events, cursor })
    }
}

#[async_trait]
impl Bus for TestBus {
    fn partitions(&self) -> u32 {
        self.partitions
    }

    fn partition_of(&self, routing_key: &str) -> u32 {
        let sum: u32 = routing_key.bytes().map(u32::from).sum();
        sum % self.partitions
    }

    async fn join(&self, _group: &str) -> Result<Box<dyn Membership>, Error> {
        Ok(Box::new(Alone::with(self.partitions)))
    }

    async fn subscribe(&self, from: Vec<Cursor>) -> Result<Box<dyn Subscription>, Error> {
        Ok(Box::new(TestSubscription {
            log: self.log.subscribe(),
            bus: self.clone(),
            cursors: from,
        }))
    }
}

#[derive(Debug)]
struct TestSubscription {
    bus: TestBus,
    log: watch::Receiver<Vec<RecordedEvent>>,
    cursors: Vec<Cursor>,
}

#[async_trait]
impl Subscription for TestSubscription {
    async fn next(&mut self, limit: usize) -> Result<Delivery, Error> {
        loop {
            self.log.mark_unchanged();
            for cursor in &mut self.cursors {
                if let Some(delivery) = self.bus.next_delivery(cursor, limit) {
                    *cursor = delivery.cursor;
                    return Ok(delivery);
                }
            }
            let changed = self.log.changed().await;
            changed.map_err(|gone| Error::Unavailable(gone.to_string()))?;
        }
    }
}
