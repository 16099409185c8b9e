//! A server as a value, all-in-one or some roles of it: start it, talk to it over HTTP, stop it.
//!
//! ```text
//!  stop:  listener ── requests in flight, streams ──▶ process managers, executors ──▶ committer ──▶ relay ──▶ projections, seat maps ──▶ stores
//! ```
//!
//! Each part ends only when nobody is left who could give it work, so that what was accepted is finished and answered.

mod assembly;
mod inbound;
mod security;
mod stages;
mod starting;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::{Context, ensure};
use command_api::failpoints::Failpoints;
use edge::auth::{Principal, Role, Signer};
use event_store::{Clock, EventLog, Position};
use futures::future::join_all;
use projections::Progress;
use read_model::{Access, ProjectionId, ReadModel};
use tokio::time::timeout;
use uuid::Uuid;

pub(crate) use self::security::watched;
use self::stages::Stages;
use crate::{
    adapters::{Adapters, Port},
    config::Settings,
    data_folder::DataFolder,
    newcomer::{self, DemoShow},
    roles::{Role as Part, Roles},
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
    /// The one source of time. `None`: the clock of the log's server where it has one, the machine's elsewhere.
    pub clock: Option<Arc<dyn Clock>>,
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
    pub fn new(settings: Settings) -> Self {
        Self {
            listen: settings.server.listen,
            clock: None,
            settings,
            failpoints: Failpoints::default(),
            poll: command_api::Settings::default().poll,
            cheap_passwords: false,
        }
    }

    /// A server for tests: a free port of the loopback interface, no demo catalogue, cheap passwords, process
    /// managers that look often, because a clock that is moved by hand wakes nobody. The environment is not asked.
    pub fn for_tests(data: impl Into<PathBuf>) -> Self {
        let mut settings = Settings::defaults();
        settings.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        settings.server.data = data.into();
        settings.server.demo_catalogue = false;
        Self {
            poll: Duration::from_millis(20),
            cheap_passwords: true,
            ..Self::new(settings)
        }
    }
}

/// A running server. Dropping it stops it without ceremony; [`App::shutdown`] stops it in order.
#[derive(Debug)]
pub struct App {
    addr: SocketAddr,
    roles: Roles,
    clock: Arc<dyn Clock>,
    signer: Option<Arc<Signer>>,
    adapters: Adapters,
    stages: Stages,
    progress: Progress,
    demo_show: Option<DemoShow>,
    /// How long a shutdown may take.
    patience: Duration,
    /// Where something embedded is.
    folder: Option<DataFolder>,
}

impl App {
    /// Opens the data folder where something embedded is in it, starts the roles and listens. Answers once the server accepts requests.
    ///
    /// # Errors
    /// Whatever keeps the server from starting, as a message for its operator.
    pub async fn start(config: AppConfig) -> anyhow::Result<Self> {
        let folder = lock(&config.settings)?;
        let demo_catalogue = config.settings.server.demo_catalogue;
        let patience = Duration::from_secs(config.settings.server.shutdown_seconds);
        // Boxed: it is large, and every test and tool that starts a server holds it.
        let (addr, parts) = Box::pin(assembly::assemble(config)).await?;
        let mut app = Self {
            addr,
            roles: parts.roles,
            clock: parts.clock,
            signer: parts.signer,
            adapters: parts.adapters,
            stages: parts.stages,
            progress: parts.progress,
            demo_show: None,
            patience,
            folder,
        };
        if demo_catalogue && let Some(folder) = app.demo_folder() {
            app.demo_show = newcomer::prepare(&app, &folder)
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

    /// What it does of the whole.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// Its data folder, where something embedded is in it.
    pub fn data(&self) -> Option<&Path> {
        self.folder.as_ref().map(DataFolder::path)
    }

    /// Where the demo catalogue is remembered: beside an embedded log of a server that can sell.
    fn demo_folder(&self) -> Option<PathBuf> {
        let settled =
            self.roles.is_all() && self.adapters.log_file().is_ok_and(|file| file.is_some());
        self.data().filter(|_| settled).map(Path::to_owned)
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
    ///
    /// # Errors
    /// Where no role of this process issues tokens.
    pub fn token(&self, role: Role, subject: Uuid) -> anyhow::Result<String> {
        let principal = Principal { id: subject, role };
        let signer = self.signer()?;
        Ok(signer.issue(principal, self.clock.now(), TOKEN_VALID_FOR))
    }

    /// Whom tokens name in `role` unless told otherwise.
    ///
    /// # Errors
    /// Where no role of this process issues tokens.
    pub fn default_subject(&self, role: Role) -> anyhow::Result<Uuid> {
        Ok(self.signer()?.default_subject(role))
    }

    fn signer(&self) -> anyhow::Result<&Signer> {
        let signer = self.signer.as_deref();
        signer.with_context(|| format!("the roles {} issue no tokens", self.roles))
    }

    /// The log, to look at what was recorded.
    ///
    /// # Errors
    /// Where no role of this process has it open.
    pub fn log(&self) -> anyhow::Result<Arc<dyn EventLog>> {
        let log = self.adapters.opened_log();
        log.with_context(|| format!("the roles {} hold no log open", self.roles))
    }

    /// The read model, to look at what was projected.
    ///
    /// # Errors
    /// Where it can't be opened.
    pub async fn read_model(&self) -> anyhow::Result<Arc<dyn ReadModel>> {
        self.adapters.read_model(Access::ReadOnly).await
    }

    /// Waits until every projection of this process stands where the log ended at the call, and answers with that position.
    ///
    /// # Errors
    /// When that takes longer than a bound of 30 s; where log or projections are other processes'.
    pub async fn settle(&self) -> anyhow::Result<Position> {
        ensure!(
            self.roles.has(Part::Projections),
            "the roles {} project nothing",
            self.roles
        );
        let head = self.log()?.head().await?.position;
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
        self.adapters.close().await;
        Ok(())
    }
}

/// Locks the data folder where one of the roles has something in it that one process alone may serve.
fn lock(settings: &Settings) -> anyhow::Result<Option<DataFolder>> {
    let roles: Roles = settings.server.roles.parse()?;
    for port in [Port::Log, Port::ReadModel, Port::KeyStore] {
        if roles.need(port) && port.is_embedded(settings)? {
            return DataFolder::lock(&settings.server.data).map(Some);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
