//! Who waits for notifications in this process, and what wakes them.
//!
//! One look at the ledger serves all who wait: it says who was told something, and only they look for themselves.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Error, Ledger, Place};

/// Streams open at a time: with a few kilobytes each, they leave the process room for its work.
const MAX_STREAMS: usize = 20_000;
/// Time between two looks: so late a notification is at most, besides the time until it is in the ledger.
const PACE: Duration = Duration::from_millis(200);
/// Rows of one look. More are found by the next, at once.
const PAGE: usize = 1_000;

/// Those who wait, by customer, with how many streams each has open.
type Waiting = HashMap<Uuid, (Arc<Notify>, usize)>;

/// The streams of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Feed {
    ledger: Arc<dyn Ledger>,
    permits: Arc<Semaphore>,
    waiting: Arc<Mutex<Waiting>>,
    shutdown: CancellationToken,
}

/// One open stream's place among those who wait.
#[derive(Debug)]
pub struct Seat {
    customer: Uuid,
    woken: Arc<Notify>,
    waiting: Arc<Mutex<Waiting>>,
    _permit: OwnedSemaphorePermit,
}

impl Feed {
    /// Over `ledger`; streams end at `shutdown`.
    pub fn new(ledger: Arc<dyn Ledger>, shutdown: CancellationToken) -> Self {
        Self {
            ledger,
            permits: Arc::new(Semaphore::new(MAX_STREAMS)),
            waiting: Arc::default(),
            shutdown,
        }
    }

    /// The ledger, to be kept.
    pub fn shared_ledger(&self) -> Arc<dyn Ledger> {
        self.ledger.clone()
    }

    /// The ledger.
    pub fn ledger(&self) -> &dyn Ledger {
        &*self.ledger
    }

    /// When streams end.
    pub(crate) fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// A place for one more stream; `None` where there are too many.
    pub(crate) fn take_seat(&self, customer: Uuid) -> Option<Seat> {
        let permit = self.permits.clone().try_acquire_owned().ok()?;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (woken, streams) = waiting.entry(customer).or_default();
        *streams += 1;
        Some(Seat {
            customer,
            woken: woken.clone(),
            waiting: self.waiting.clone(),
            _permit: permit,
        })
    }

    /// Wakes those who were told something, until the streams end.
    pub async fn run(self) {
        let work = async {
            let mut seen = None;
            loop {
                match self.look(&mut seen).await {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(error) => {
                        tracing::debug!(%error, "notifications can't be looked for now");
                    }
                }
                sleep(PACE).await;
            }
        };
        self.shutdown.run_until_cancelled(work).await;
    }

    /// One look; whether there may be more at once.
    async fn look(&self, seen: &mut Option<Place>) -> Result<bool, Error> {
        if self.lock().is_empty() {
            *seen = None;
            return Ok(false);
        }
        let Some(after) = *seen else {
            let position = self.ledger.checkpoint().await?;
            *seen = Some(Place {
                position,
                ordinal: u32::MAX,
            });
            // Whoever took a seat before this was known looks once more.
            for (woken, _) in self.lock().values() {
                woken.notify_waiters();
            }
            return Ok(false);
        };
        let told = self.ledger.told(after, PAGE).await?;
        let waiting = self.lock();
        for (place, customer) in &told {
            if let Some((woken, _)) = waiting.get(customer) {
                woken.notify_waiters();
            }
            *seen = Some(*place);
        }
        Ok(told.len() == PAGE)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// What wakes the stream: to be waited for from before it looks.
    pub(crate) fn woken(&self) -> Arc<Notify> {
        self.woken.clone()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, streams)) = waiting.get_mut(&self.customer) {
            *streams -= 1;
            if *streams == 0 {
                waiting.remove(&self.customer);
            }
        }
    }
}
