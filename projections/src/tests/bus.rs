//! A bus in memory, with as many partitions as a test wants.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use event_store::{
    Position, RecordedEvent,
    bus::{Bus, Cursor, Delivery, Error, Membership, Subscription},
    log::Head,
};
use tokio::sync::watch;
use uuid::Uuid;

/// The log, whole; partitions are cut by routing key.
#[derive(Debug, Clone)]
pub(crate) struct TestBus {
    log: Arc<watch::Sender<Vec<RecordedEvent>>>,
    partitions: u32,
    largest_delivery: usize,
    members: Members,
    /// Consumer and position of each.
    pub(crate) dead: Arc<Mutex<Vec<(String, u64)>>>,
}

/// Who shares the partitions out among themselves.
#[derive(Debug, Clone, Default)]
struct Members(Arc<Mutex<Vec<Share>>>);

/// A member, and the partitions it has.
type Share = (Uuid, watch::Sender<Vec<u32>>);

impl Members {
    fn share_out(&self, partitions: u32) {
        let members = self.0.lock().unwrap();
        for (n, (_, member)) in members.iter().enumerate() {
            let own = (0..partitions).filter(|p| *p as usize % members.len() == n);
            member.send_replace(own.collect());
        }
    }
}

/// A member; dropping it leaves.
#[derive(Debug)]
struct Member {
    id: Uuid,
    assigned: watch::Receiver<Vec<u32>>,
    bus: TestBus,
}

impl Membership for Member {
    fn assigned(&self) -> watch::Receiver<Vec<u32>> {
        self.assigned.clone()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let members = &self.bus.members;
        members.0.lock().unwrap().retain(|(id, _)| *id != self.id);
        members.share_out(self.bus.partitions);
    }
}

impl TestBus {
    pub(crate) fn new(partitions: u32, largest_delivery: usize) -> Self {
        Self {
            log: Arc::default(),
            partitions,
            largest_delivery,
            members: Members::default(),
            dead: Arc::default(),
        }
    }

    /// What each member has.
    pub(crate) fn assignments(&self) -> Vec<Vec<u32>> {
        let members = self.members.0.lock().unwrap();
        members
            .iter()
            .map(|(_, own)| own.borrow().clone())
            .collect()
    }

    pub(crate) fn publish(&self, events: &[RecordedEvent]) {
        self.log.send_modify(|log| log.extend_from_slice(events));
    }

    /// The whole log behind a position.
    pub(crate) fn read(&self, after: Position, limit: usize) -> Vec<RecordedEvent> {
        let log = self.log.borrow();
        let behind = log.iter().filter(|event| event.position > after);
        behind.take(limit).cloned().collect()
    }

    /// Where the log ends.
    pub(crate) fn head(&self) -> Head {
        let log = self.log.borrow();
        log.last().map_or(Head::default(), |last| Head {
            position: last.position,
            epoch: last.epoch,
        })
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
        let (id, own) = (Uuid::now_v7(), watch::Sender::new(Vec::new()));
        let assigned = own.subscribe();
        self.members.0.lock().unwrap().push((id, own));
        self.members.share_out(self.partitions);
        let bus = self.clone();
        Ok(Box::new(Member { id, assigned, bus }))
    }

    async fn dead_letter(
        &self,
        consumer: &str,
        event: &RecordedEvent,
        _reason: &str,
    ) -> Result<(), Error> {
        let letter = (consumer.to_owned(), event.position.0);
        self.dead.lock().unwrap().push(letter);
        Ok(())
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
