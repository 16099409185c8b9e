//! Process managers: events in, commands out. They finish what a request began and carry out what time alone makes due.

use tokio_util::sync::CancellationToken;

use crate::state::AppState;

/// Runs all process managers until `shutdown`.
pub async fn run(_state: AppState, shutdown: CancellationToken) {
    shutdown.cancelled().await;
}
