//! What runs, in the order in which it ends.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::bail;
use futures::FutureExt;
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

impl Stage {
    /// Runs a task that is to live until the stage ends. Where it ends earlier, by a panic or by itself, `health` remembers it: the
    /// process stays, and says that it is not ready.
    pub(super) fn run<F>(&self, name: &'static str, health: &Health, task: F)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (end, health) = (self.end.clone(), health.clone());
        self.tasks.spawn(async move {
            let panicked = AssertUnwindSafe(task).catch_unwind().await.is_err();
            if panicked || !end.is_cancelled() {
                tracing::error!(task = name, panicked, "a task ended before its time");
                health.lost(name);
            }
        });
    }
}

/// Tasks that ended before their time.
#[derive(Debug, Clone, Default)]
pub(super) struct Health(Arc<Mutex<Vec<&'static str>>>);

impl Health {
    fn lost(&self, name: &'static str) {
        self.0.lock().expect("no holder can panic").push(name);
    }

    /// Nothing was lost, or what.
    pub(super) fn check(&self) -> Result<(), String> {
        let lost = self.0.lock().expect("no holder can panic");
        if lost.is_empty() {
            return Ok(());
        }
        Err(format!("ended before their time: {}", lost.join(", ")))
    }
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
    /// The relay.
    pub(super) relaying: Stage,
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
            ("the relay", &self.relaying),
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
            &self.relaying,
            &self.following,
        ] {
            stage.end.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[tokio::test]
    async fn a_task_that_is_lost_is_named_and_one_that_was_told_to_end_is_not() {
        let (stage, health) = (Stage::default(), Health::default());
        let end = stage.end.clone();
        stage.run("obedient", &health, async move { end.cancelled().await });
        stage.run("hasty", &health, ready(()));
        stage.tasks.close();
        let (other, alone) = (Stage::default(), Health::default());
        other.run("broken", &alone, async { panic!("as the test demands") });
        other.tasks.close();
        other.tasks.wait().await;
        assert_eq!(
            alone.check(),
            Err("ended before their time: broken".to_owned())
        );
        // The hasty one has run once the obedient one is the only one left.
        while stage.tasks.len() > 1 {
            tokio::task::yield_now().await;
        }
        stage.end.cancel();
        stage.tasks.wait().await;
        assert_eq!(
            health.check(),
            Err("ended before their time: hasty".to_owned())
        );
    }
}
