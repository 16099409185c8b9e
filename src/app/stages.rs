//! What runs, in the order in which it ends.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, timeout_at};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Added to the time that requests get to end: what comes after them takes milliseconds.
const AFTER_REQUESTS: Duration = Duration::from_secs(5);

/// Tasks that end together.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage {
    pub(super) tasks: TaskTracker,
    pub(super) end: CancellationToken,
}

/// All stages. Dropping them ends everything at once, without waiting.
#[derive(Debug, Default)]
pub(super) struct Stages {
    /// The listener, its connections and their streams.
    pub(super) serving: Stage,
    /// Process managers.
    pub(super) managing: Stage,
    /// Executors' mailboxes.
    pub(super) deciding: Stage,
    /// The committer.
    pub(super) committing: Stage,
    /// Projections, seat maps, upkeep.
    pub(super) following: Stage,
}

impl Stages {
    /// Ends one stage after the other.
    ///
    /// # Errors
    /// The stage that did not end in time; those behind it are told to end, but not waited for.
    pub(super) async fn end(&self, patience: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience + AFTER_REQUESTS;
        for (name, stage) in [
            ("requests", &self.serving),
            ("process managers", &self.managing),
            ("executors", &self.deciding),
            ("the committer", &self.committing),
            ("projections", &self.following),
        ] {
            stage.end.cancel();
            stage.tasks.close();
            if timeout_at(deadline, stage.tasks.wait()).await.is_err() {
                bail!("{name} did not end in time");
            }
        }
        Ok(())
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        for stage in [
            &self.serving,
            &self.managing,
            &self.deciding,
            &self.committing,
            &self.following,
        ] {
            stage.end.cancel();
        }
    }
}
