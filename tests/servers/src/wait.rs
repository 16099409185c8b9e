//! Waiting for what a server does in its own time.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// Looks until the condition gives a value, and says no later than after `patience` what was waited for in vain.
///
/// # Errors
/// The last reason why not.
pub(crate) async fn until<T>(
    patience: Duration,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> Result<T, String> {
    let end = Instant::now() + patience;
    loop {
        match look().await {
            Ok(value) => return Ok(value),
            Err(reason) if Instant::now() > end => return Err(reason),
            Err(_) => tokio::time::sleep(INTERVAL).await,
        }
    }
}

/// A loopback port that nobody listens on, outside the range from which the system takes those of outgoing connections: a server that
/// is started again finds its port free.
pub(crate) fn free_port() -> u16 {
    /// A port is chosen long before its server listens: none is chosen twice.
    static CHOSEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut random = uuid::Uuid::now_v7().as_u128();
    loop {
        let port = 20_000 + u16::try_from(random % 12_000).unwrap_or_default();
        let mut chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() && chosen.insert(port) {
            return port;
        }
        random = uuid::Uuid::now_v7().as_u128();
    }
}
