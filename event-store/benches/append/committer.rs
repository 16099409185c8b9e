//! Appends through the committer.

use std::{sync::Arc, time::Duration};

use event_store::{
    Committer, EventLog, SqliteEventLog,
    log::{Outcome, sqlite::Options},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{disk::Folder, workload};

pub(crate) async fn appends_per_second(folder: &Folder, callers: usize, span: Duration) -> f64 {
    let log = SqliteEventLog::open(&folder.log(), Options::default()).await;
    let log: Arc<dyn EventLog> = Arc::new(log.unwrap());
    let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
    let committer = Committer::start(Arc::clone(&log), &tasks, shutdown.clone());
    let rate = workload::run(callers, span, move |append| {
        let committer = committer.clone();
        async move {
            let outcome = committer.append(append).await.unwrap();
            assert!(matches!(outcome, Outcome::Committed { .. }));
        }
    })
    .await;
    shutdown.cancel();
    tasks.close();
    tasks.wait().await;
    log.close().await;
    rate
}
