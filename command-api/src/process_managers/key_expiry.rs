//! Idempotency keys whose time is over: the log forgets their commands, so that what it keeps of them does not grow for ever.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::state::Core;

/// How long a command can be repeated with its key: longer than any client keeps trying.
const KEPT: TimeDelta = TimeDelta::days(30);
/// How often the log is told to forget: a key may stand for an hour longer.
const EVERY: Duration = Duration::from_hours(1);

/// Has the log forget at once and each hour, until `shutdown`. What is under way at `shutdown` is left to the next start.
pub(super) async fn run(core: &Core, shutdown: &CancellationToken) {
    let work = async {
        loop {
            match core.log.prune_commands(core.clock.now() - KEPT).await {
                Ok(0) => {}
                Ok(commands) => tracing::info!(commands, "old commands were forgotten"),
                Err(error) => tracing::warn!(%error, "old commands can't be forgotten now"),
            }
            sleep(EVERY).await;
        }
    };
    shutdown.run_until_cancelled(work).await;
}
