//! The all-in-one server as a value: start it, talk to it over HTTP, stop it.
//!
//! ```text
//!  stop:  listener ── requests in flight, streams ──▶ process managers, executors ──▶ committer ──▶ projections, seat maps ──▶ stores
//! ```
//!
//! Each part ends only when nobody is left who could give it work, so that what was accepted is finished and answered.

mod assembly;
mod stages;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::Context;
use command_api::failpoints::Failpoints;
use edge::auth::{Principal, Role, Signer};
use event_store::{Clock, EventLog, Position, SystemClock};
use futures::future::join_all;
use projections::Progress;
use read_model::{ProjectionId, ReadModel};
use tokio::time::timeout;
use uuid::Uuid;

use self::stages::Stages;
use crate::{
    adapters::Stores,
    config::Settings,
    data_folder::DataFolder,
    newcomer::{self, DemoShow},
};

/// How long projections may take to come to the log's end before [`App::settle`] gives up.
const SETTLE_WITHIN: Duration = Duration::from_secs(30);
/// Validity of the tokens that the app hands out itself.
const TOKEN_VALID_FOR: Duration = Duration::from_hours(24);

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
    /// How often process managers look for due timers where nothing wakes them.
    pub poll: Duration,
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
            poll: command_api::Settings::default().poll,
            cheap_passwords: false,
        }
    }

    /// A server for tests: a free port of the loopback interface, the machine's clock, no demo catalogue, cheap passwords, process
    /// managers that look often, because a clock that is moved by hand wakes nobody. The environment is not asked.
    pub fn for_tests(data: impl Into<PathBuf>) -> Self {
        let mut settings = Settings::defaults();
        settings.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        settings.server.data = data.into();
        settings.server.demo_catalogue = false;
        Self {
            poll: Duration::from_millis(20),
            cheap_passwords: true,
            ..Self::new(settings, Arc::new(SystemClock))
        }
    }
}

/// A running server. Dropping it stops it without ceremony; [`App::shutdown`] stops it in order.
#[derive(Debug)]
pub struct App {
    addr: SocketAddr,
    clock: Arc<dyn Clock>,
    signer: Arc<Signer>,
    stores: Stores,
    stages: Stages,
    progress: Progress,
    demo_show: Option<DemoShow>,
    /// How long a shutdown may take.
    patience: Duration,
    folder: DataFolder,
}

impl App {
    /// Opens the data folder, starts every role and listens. Answers once the server accepts requests.
    ///
    /// # Errors
    /// Whatever keeps the server from starting, as a message for its operator.
    pub async fn start(config: AppConfig) -> anyhow::Result<Self> {
        let folder = DataFolder::lock(&config.data)?;
        let demo_catalogue = config.settings.server.demo_catalogue;
        let patience = Duration::from_secs(config.settings.server.shutdown_seconds);
        let clock = config.clock.clone();
        let (addr, parts) = assembly::assemble(config).await?;
        let mut app = Self {
            addr,
            clock,
            signer: parts.signer,
            stores: parts.stores,
            stages: parts.stages,
            progress: parts.progress,
            demo_show: None,
            patience,
            folder,
        };
        if demo_catalogue {
            app.demo_show = newcomer::prepare(&app)
                .await
                .context("the demo catalogue can't be put up")?;
        }
        parts.started.store(true, Ordering::Release);
        Ok(app)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://` and the address.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// The show that newcomers are shown, where there is one.
    pub(crate) fn demo_show(&self) -> Option<&DemoShow> {
        self.demo_show.as_ref()
    }

    /// The server's time.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// A token that says that its bearer is `subject`, in `role`.
    pub fn token(&self, role: Role, subject: Uuid) -> String {
        let principal = Principal { id: subject, role };
        self.signer
            .issue(principal, self.clock.now(), TOKEN_VALID_FOR)
    }

    /// Whom the tokens of this data folder name in `role` unless told otherwise.
    pub fn default_subject(&self, role: Role) -> Uuid {
        self.signer.default_subject(role)
    }

    /// The log, to look at what was recorded.
    pub fn log(&self) -> Arc<dyn EventLog> {
        self.stores.log.clone()
    }

    /// The read model, to look at what was projected.
    pub fn read_model(&self) -> Arc<dyn ReadModel> {
        self.stores.read_model.clone()
    }

    /// Waits until every projection stands where the log ended at the call, and answers with that position.
    ///
    /// # Errors
    /// When that takes longer than a bound of 30 s.
    pub async fn settle(&self) -> anyhow::Result<Position> {
        let head = self.stores.log.head().await?.position;
        let everything = ProjectionId::ALL.map(|id| self.progress.wait_for(id, head.0));
        timeout(SETTLE_WITHIN, join_all(everything))
            .await
            .with_context(|| {
                format!("the projections did not come to position {head} within {SETTLE_WITHIN:?}")
            })?;
        Ok(head)
    }

    /// Stops in order: no new connections, what was accepted is finished, streams end, everything is flushed.
    ///
    /// # Errors
    /// When that takes longer than the configured bound.
    pub async fn shutdown(self) -> anyhow::Result<()> {
        self.stages.end(self.patience).await?;
        self.stores.log.close().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
