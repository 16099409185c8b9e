//! STUB. The committer: everything waiting becomes one transaction.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::log::{Append, Error, EventLog, Outcome};

/// A handle to the one committer task of a process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Committer {}

impl Committer {
    /// Starts the task. It ends after `shutdown`, once everything queued is committed.
    pub fn start(
        _log: Arc<dyn EventLog>,
        _tasks: &TaskTracker,
        _shutdown: CancellationToken,
    ) -> Self {
        todo!()
    }

    /// Queues an append and waits for its outcome. Dropping the future does not take the append back.
    ///
    /// # Errors
    /// [`CommitError::Overloaded`] before anything was queued; otherwise the log's.
    pub async fn append(&self, _append: Append) -> Result<Outcome, CommitError> {
        todo!()
    }
}

/// Why an append has no outcome.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// The queue is full; nothing was queued.
    #[error("the committer's queue is full")]
    Overloaded,
    /// The committer is shutting down; nothing was queued.
    #[error("the committer is shutting down")]
    Closed,
    /// The log's own error.
    #[error(transparent)]
    Log(#[from] Error),
}
