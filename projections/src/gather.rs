//! Gathers deliveries: while one batch is written, the next ones are taken from the bus.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

use event_store::bus::{self, Delivery, Subscription};
use tokio::sync::{Notify, Semaphore};

/// Most events of one batch: bounds the memory of a batch and how long readers wait for its first event.
pub const MAX_BATCH: usize = 4_000;
/// Most events asked for at a time: several of them make a batch, so that no partition has to wait for another's backlog.
const MAX_DELIVERY: usize = 1_000;
/// Most events that wait for their batch.
const MAX_WAITING: usize = 2 * MAX_BATCH;

/// Deliveries that have come and wait for their batch. A delivery without events counts as one.
#[derive(Debug)]
pub(crate) struct Gathered {
    waiting: Mutex<VecDeque<Delivery>>,
    room: Semaphore,
    came: Notify,
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
    /// Takes deliveries from the bus for as long as there is room.
    ///
    /// # Errors
    /// The bus's; it returns for no other reason.
    pub(crate) async fn fill(
        &self,
        subscription: &mut dyn Subscription,
    ) -> Result<std::convert::Infallible, bus::Error> {
        loop {
            let delivery = subscription.next(MAX_DELIVERY).await?;
            if let Ok(room) = self.room.acquire_many(weight(&delivery)).await {
                room.forget();
            }
            self.lock().push_back(delivery);
            self.came.notify_one();
        }
    }

    /// Waits for a delivery, and takes along what else has come, up to [`MAX_BATCH`] events.
    pub(crate) async fn take(&self) -> Vec<Delivery> {
        loop {
            let batch = self.take_now();
            if !batch.is_empty() {
                return batch;
            }
            self.came.notified().await;
        }
    }

    fn take_now(&self) -> Vec<Delivery> {
        let mut waiting = self.lock();
        let (mut batch, mut events) = (Vec::new(), 0);
        while let Some(next) = waiting.front() {
            events += next.events.len();
            if events > MAX_BATCH && !batch.is_empty() {
                break;
            }
            batch.extend(waiting.pop_front());
        }
        let taken: u32 = batch.iter().map(weight).sum();
        self.room.add_permits(taken as usize);
        batch
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Delivery>> {
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
