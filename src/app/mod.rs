//! The all-in-one server as a value: start it, talk to it over HTTP, stop it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use command_api::failpoints::Failpoints;
use edge::auth::Role;
use event_store::{Clock, EventLog, Position, SystemClock};
use uuid::Uuid;

use crate::config::Settings;

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct AppConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The data folder; created where it is missing, locked while the server runs.
    pub data: PathBuf,
    /// The one source of time.
    pub clock: Arc<dyn Clock>,
    /// Everything that can be set, checked.
    pub settings: Settings,
    /// Where tests make sagas stop.
    pub failpoints: Failpoints,
    /// Passwords hashed with the least work the algorithm allows: for tests, never for people's passwords.
    pub cheap_passwords: bool,
}

impl AppConfig {
    /// A server as it is set up.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        Self {
            listen: settings.server.listen,
            data: settings.server.data.clone(),
            clock,
            settings,
            failpoints: Failpoints::default(),
            cheap_passwords: false,
        }
    }

    /// A server for tests: a free port of the loopback interface, the machine's clock, no demo catalogue, cheap passwords. The
    /// environment is not asked.
    pub fn for_tests(data: impl Into<PathBuf>) -> Self {
        let mut settings = Settings::defaults();
        settings.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        settings.server.data = data.into();
        settings.server.demo_catalogue = false;
        Self {
            cheap_passwords: true,
            ..Self::new(settings, Arc::new(SystemClock))
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
