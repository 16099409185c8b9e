//! What the tests of this crate share.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use event_store::{
    Clock,
    refusals::{Recorder, SqliteRefusals},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    Notifications,
    notifications::{Feed, SqliteLedger},
    refusals::RefusedCommands,
};

/// A folder that goes away with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("frontrow-command-api-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What customers are told, by this ledger; webhooks may lead into the internet alone.
pub(crate) fn notifications(ledger: SqliteLedger, shutdown: &CancellationToken) -> Notifications {
    Notifications {
        feed: Feed::new(Arc::new(ledger), shutdown.clone()),
        reach: Arc::default(),
    }
}

/// Where refused commands go: beside the log `path`, written by one of `tasks` until `shutdown`.
pub(crate) async fn refusals(
    path: &Path,
    clock: &Arc<dyn Clock>,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> RefusedCommands {
    let refusals = SqliteRefusals::open(path).await.unwrap();
    let (recorder, keeper) = Recorder::new(Arc::new(refusals), shutdown.clone());
    tasks.spawn(keeper);
    RefusedCommands::new(recorder, clock.clone())
}
