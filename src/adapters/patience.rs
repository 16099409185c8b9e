//! Waiting for servers at a start: processes that start at once must not depend on which is first.

use std::time::Duration;

use command_api::{credentials, key_store};
use event_store::{leases, log};
use tokio::time::{Instant, sleep};

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// Tries again, for as long as `patience` lasts, what failed because a server does not answer yet; with `lenient`, also what another
/// role makes at its first start.
pub(super) async fn patiently<T, F>(
    patience: Duration,
    lenient: bool,
    open: impl Fn() -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let deadline = Instant::now() + patience;
    loop {
        match open().await {
            Err(error) if Instant::now() < deadline && (lenient || may_pass(&error)) => {
                tracing::info!(error = format!("{error:#}"), "waits for a server");
                sleep(PAUSE).await;
            }
            opened => return opened,
        }
    }
}

/// Whether time alone may help.
fn may_pass(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        matches!(cause.downcast_ref(), Some(log::Error::Unavailable(_)))
            || matches!(cause.downcast_ref(), Some(leases::Error::Unavailable(_)))
            || matches!(cause.downcast_ref(), Some(key_store::Error::Unavailable(_)))
            || matches!(
                cause.downcast_ref(),
                Some(credentials::Error::Unavailable(_))
            )
            || matches!(
                cause.downcast_ref(),
                Some(read_model::Error::Unavailable(_))
            )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Fails twice, then answers which try it was.
    async fn tried(
        patience: Duration,
        lenient: bool,
        error: impl Fn() -> anyhow::Error,
    ) -> anyhow::Result<usize> {
        let tries = AtomicUsize::new(0);
        patiently(patience, lenient, || async {
            let before = tries.fetch_add(1, Ordering::Relaxed);
            if before == 2 { Ok(2) } else { Err(error()) }
        })
        .await
    }

    #[tokio::test]
    async fn only_what_may_pass_is_waited_for_and_not_for_ever() {
        let away = || anyhow::Error::new(log::Error::Unavailable("away".into())).context("open");
        let wrong = || anyhow::Error::new(log::Error::Refused("wrong".into()));
        let long = Duration::from_secs(9);
        assert_eq!(tried(long, false, away).await.unwrap(), 2);
        assert!(tried(Duration::ZERO, false, away).await.is_err());
        assert!(tried(long, false, wrong).await.is_err());
        assert_eq!(tried(long, true, wrong).await.unwrap(), 2);
    }
}
