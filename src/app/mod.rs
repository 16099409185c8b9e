//! The all-in-one server as a value: start it, talk to it over HTTP, stop it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use edge::auth::Role;
use event_store::{Clock, EventLog, Position, SystemClock};
use uuid::Uuid;

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct AppConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The data folder; created where it is missing, locked while the server runs.
    pub data: PathBuf,
    /// The one source of time.
    pub clock: Arc<dyn Clock>,
    /// Whether an empty data folder gets the demo catalogue.
    pub demo_catalogue: bool,
    /// Passwords hashed with the least work the algorithm allows: for tests, never for people's passwords.
    pub cheap_passwords: bool,
}

impl AppConfig {
    /// A server for tests: a free port of the loopback interface, the machine's clock, no demo catalogue, cheap passwords.
    pub fn for_tests(data: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: data.into(),
            clock: Arc::new(SystemClock),
            demo_catalogue: false,
            cheap_passwords: true,
        }
    }
}

/// A running server. Dropping it stops it without ceremony; [`App::shutdown`] stops it in order.
#[derive(Debug)]
pub struct App {}

impl App {
    /// Opens the data folder, starts every role and listens. Answers once the server accepts requests.
    ///
    /// # Errors
    /// Whatever keeps the server from starting, as a message for its operator.
    pub async fn start(_config: AppConfig) -> anyhow::Result<Self> {
        std::future::ready(()).await;
        anyhow::bail!("the roles are not joined yet")
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    /// `http://` and the address.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// A token that says that its bearer is `subject`, in `role`.
    pub fn token(&self, _role: Role, _subject: Uuid) -> String {
        String::new()
    }

    /// Whom the tokens of this data folder name in `role` unless told otherwise.
    pub fn default_subject(&self, _role: Role) -> Uuid {
        Uuid::nil()
    }

    /// The log, to look at what was recorded.
    pub fn log(&self) -> Arc<dyn EventLog> {
        unreachable!("no server starts yet")
    }

    /// Waits until every projection stands where the log ends, and answers with that position.
    ///
    /// # Errors
    /// When that takes longer than a bound of 10 s.
    pub async fn settle(&self) -> anyhow::Result<Position> {
        std::future::ready(()).await;
        anyhow::bail!("the roles are not joined yet")
    }

    /// Stops in order: no new connections, what was accepted is finished, streams end, everything is flushed.
    ///
    /// # Errors
    /// When that takes longer than the configured bound.
    pub async fn shutdown(self) -> anyhow::Result<()> {
        std::future::ready(()).await;
        Ok(())
    }
}
