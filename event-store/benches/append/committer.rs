//! Appends through the committer.

use std::{sync::Arc, time::Duration};

use event_store::{Committer, EventLog};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::workload::{self, Rate, Workload};

/// Closes the log afterwards.
pub(crate) async fn rate(
    log: Arc<dyn EventLog>,
    workload: Workload,
    callers: usize,
    span: Duration,
) -> Rate {
    let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
    let committer = Committer::start(Arc::clone(&log), &tasks, shutdown.clone());
    let rate = workload::run(workload, callers, span, move |append| {
        let committer = committer.clone();
        async move { committer.append(append).await.unwrap() }
    })
    .await;
    shutdown.cancel();
    tasks.close();
    tasks.wait().await;
    log.close().await;
    rate
}
