//! Gathers deliveries: while one batch is written, the next ones are taken from the bus.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Mutex, MutexGuard},
};

use event_store::bus::{self, Delivery, Subscription};
use tokio::sync::{Notify, Semaphore};

/// Most events of one batch: bounds the memory of a batch and how long readers wait for its first event.
pub const MAX_BATCH: usize = 4_000;
/// Most events asked for at a time: several of them make a batch, so that no partition has to wait for another's backlog.
const MAX_DELIVERY: usize = 1_000;
/// So many events are a batch worth preparing while another one is still being written; fewer wait, and more come along.
pub(crate) const PLENTY: u32 = 1_000;
/// Most events that wait for their batch.
const MAX_WAITING: usize = 2 * MAX_BATCH;

/// Deliveries that have come and wait for their batch. A delivery without events counts as one.
#[derive(Debug)]
pub(crate) struct Gathered {
    waiting: Mutex<Waiting>,
    room: Semaphore,
    came: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    deliveries: VecDeque<Delivery>,
    weight: u32,
    /// Why no more will come.
    failed: Option<bus::Error>,
}

impl Default for Gathered {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            room: Semaphore::new(MAX_WAITING),
            came: Notify::new(),
        }
    }
}

impl Gathered {
    /// Takes deliveries from the bus for as long as there is room. Never returns: where the bus fails, the last batch tells.
    pub(crate) async fn fill(&self, subscription: &mut dyn Subscription) -> Infallible {
        loop {
            match subscription.next(MAX_DELIVERY).await {
                Ok(delivery) => {
                    let weight = weight(&delivery);
                    if let Ok(room) = self.room.acquire_many(weight).await {
                        room.forget();
                    }
                    let mut waiting = self.lock();
                    waiting.weight += weight;
                    waiting.deliveries.push_back(delivery);
                }
                Err(error) => self.lock().failed = Some(error),
            }
            self.came.notify_one();
            if self.lock().failed.is_some() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until `at_least` events have come, and takes them along with what else has come, up to [`MAX_BATCH`] events.
    ///
    /// # Errors
    /// The bus's, once all that came before is taken.
    pub(crate) async fn take(&self, at_least: u32) -> Result<Vec<Delivery>, bus::Error> {
        loop {
            if let Some(batch) = self.take_now(at_least)? {
                return Ok(batch);
            }
            self.came.notified().await;
        }
    }

    fn take_now(&self, at_least: u32) -> Result<Option<Vec<Delivery>>, bus::Error> {
        let mut waiting = self.lock();
        match &waiting.failed {
            Some(error) if waiting.deliveries.is_empty() => return Err(error.clone()),
            None if waiting.weight < at_least => return Ok(None),
            Some(_) | None => {}
        }
        let (mut batch, mut events, mut taken) = (Vec::new(), 0, 0);
        while let Some(next) = waiting.deliveries.front() {
            events += next.events.len();
            if events > MAX_BATCH && !batch.is_empty() {
                break;
            }
            taken += weight(next);
            batch.extend(waiting.deliveries.pop_front());
        }
        waiting.weight -= taken;
        self.room.add_permits(taken as usize);
        Ok(Some(batch))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting
            .lock()
            .expect("no holder of this lock can panic")
    }
}

/// How much room a delivery takes, at most all there is.
fn weight(delivery: &Delivery) -> u32 {
    let events = delivery.events.len().clamp(1, MAX_WAITING);
    u32::try_from(events).unwrap_or(u32::MAX)
}
