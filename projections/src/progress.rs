//! How far the projections have come, for those who wait, watch and probe.

use std::sync::Arc;

use domain::time::Timestamp;
use read_model::ProjectionId;
use tokio::sync::watch;

/// Whether the worker does its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It has not read its checkpoints yet.
    Starting,
    /// It follows the bus.
    Following,
    /// It can't go on just now and tries again.
    Retrying {
        /// Why.
        reason: String,
    },
    /// It can't go on until somebody does something about it.
    Stopped {
        /// Why.
        reason: String,
    },
}

/// How far the rows are behind what the worker has received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lag {
    /// Positions received, and not in the rows yet.
    pub positions: u64,
    /// Age of the oldest event received that is not in the rows yet; 0 where there is none.
    pub ms: u64,
}

/// What has been received, and not been written yet.
#[derive(Debug, Clone, Copy, Default)]
struct Received {
    up_to: u64,
    waiting_since: Option<Timestamp>,
}

#[derive(Debug)]
struct Shared {
    /// In the order of [`ProjectionId::ALL`].
    positions: [watch::Sender<u64>; ProjectionId::ALL.len()],
    readiness: watch::Sender<Readiness>,
    received: watch::Sender<Received>,
}

/// A handle to the progress of one worker. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Shared>);

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(Shared {
            positions: ProjectionId::ALL.map(|_| watch::Sender::new(0)),
            readiness: watch::Sender::new(Readiness::Starting),
            received: watch::Sender::default(),
        }))
    }
}

impl Progress {
    /// The position of a projection, as it changes; told once the rows can be read. Never falls.
    pub fn watch(&self, projection: ProjectionId) -> watch::Receiver<u64> {
        self.sender(projection).subscribe()
    }

    /// The position of a projection.
    pub fn position(&self, projection: ProjectionId) -> u64 {
        *self.sender(projection).borrow()
    }

    /// Waits until a projection has come to `position`. Without end where it never does: bound it.
    pub async fn wait_for(&self, projection: ProjectionId, position: u64) {
        let mut stands = self.watch(projection);
        // The sender lives as long as `self`, so waiting can't fail.
        let _ = stands.wait_for(|stand| *stand >= position).await.is_ok();
    }

    /// Whether the worker does its work.
    pub fn readiness(&self) -> Readiness {
        self.0.readiness.borrow().clone()
    }

    /// The worker's readiness, as it changes.
    pub fn watch_readiness(&self) -> watch::Receiver<Readiness> {
        self.0.readiness.subscribe()
    }

    /// How far a projection is behind what the worker has received. To know how far it is behind the log, compare
    /// [`Progress::position`] with the log's head.
    pub fn lag(&self, projection: ProjectionId, now: Timestamp) -> Lag {
        let received = *self.0.received.borrow();
        let age = received.waiting_since.map(|since| now - since);
        Lag {
            positions: received.up_to.saturating_sub(self.position(projection)),
            ms: age.map_or(0, |age| {
                u64::try_from(age.num_milliseconds()).unwrap_or_default()
            }),
        }
    }

    /// A batch was received.
    pub(crate) fn received(&self, up_to: u64, oldest: Option<Timestamp>) {
        self.0.received.send_modify(|received| {
            received.up_to = received.up_to.max(up_to);
            received.waiting_since = oldest;
        });
    }

    /// All that was received is in the rows; projections stand where `position` says.
    pub(crate) fn written(&self, position: impl Fn(ProjectionId) -> u64) {
        self.0
            .received
            .send_modify(|received| received.waiting_since = None);
        self.resumed(position);
    }

    /// Projections stand where `position` says; what was received may still wait to be written.
    pub(crate) fn resumed(&self, position: impl Fn(ProjectionId) -> u64) {
        for id in ProjectionId::ALL {
            self.sender(id).send_if_modified(|stand| {
                let before = *stand;
                *stand = before.max(position(id));
                *stand != before
            });
        }
    }

    pub(crate) fn set_readiness(&self, readiness: Readiness) {
        self.0.readiness.send_if_modified(|present| {
            let changes = *present != readiness;
            *present = readiness;
            changes
        });
    }

    fn sender(&self, projection: ProjectionId) -> &watch::Sender<u64> {
        let place = ProjectionId::ALL.iter().position(|id| *id == projection);
        &self.0.positions[place.expect("ALL names every projection")]
    }
}
