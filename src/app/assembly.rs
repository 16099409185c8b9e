//! Joins the crates: adapters, routers, tasks, as far as the roles of this process need them.

use std::{
    future::ready,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use axum::Router;
use edge::{
    auth::{Signer, Verifier},
    layers::LayersConfig,
    limits::Limits,
    probes::Readiness,
    server::ServerConfig,
};
use event_store::{Clock, SystemClock, log::postgres::Access};
use projections::Progress;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::{
    AppConfig,
    stages::{Health, Stages},
};
use crate::{
    adapters::{Adapters, Port},
    api,
    roles::{Role, Roles},
    schemas, signing, telemetry,
};

/// The roles that write into the log's database.
pub(super) const APPENDS: [Role; 3] = [Role::CommandApi, Role::ProcessManagers, Role::Relay];

/// A server's parts.
pub(super) struct Parts {
    pub(super) config: AppConfig,
    pub(super) roles: Roles,
    pub(super) adapters: Adapters,
    pub(super) clock: Arc<dyn Clock>,
    /// Who issues tokens: command APIs alone.
    pub(super) signer: Option<Arc<Signer>>,
    pub(super) verifier: Arc<Verifier>,
    pub(super) stages: Stages,
    pub(super) health: Health,
    /// Whether the start is complete: a client that waits for readiness finds what newcomers are shown.
    pub(super) started: Arc<AtomicBool>,
    pub(super) progress: Progress,
    /// This process, among the holders of leases.
    pub(super) holder: Uuid,
}

/// What the roles serve under the one port, and what must answer before they do.
#[derive(Debug, Default)]
pub(super) struct Served {
    pub(super) calls: Router,
    pub(super) checks: Vec<Readiness>,
}

/// Opens what the roles need, starts them, and listens once all of that has worked.
pub(super) async fn assemble(config: AppConfig) -> anyhow::Result<(SocketAddr, Parts)> {
    let roles: Roles = config.settings.server.roles.parse()?;
    roles.check_shared(&config.settings)?;
    let access = if APPENDS.iter().any(|role| roles.has(*role)) {
        Access::ReadWrite
    } else {
        Access::ReadOnly
    };
    let patience = Duration::from_secs(config.settings.server.start_seconds);
    let adapters = Adapters::new(&config.settings, access).patient(patience);
    let clock = clock(&config, &roles, &adapters).await?;
    let signer = if roles.has(Role::CommandApi) {
        Some(Arc::new(signing::signer(&config.settings)?))
    } else {
        None
    };
    let trusted = signing::trusted(&config.settings, signer.as_deref())?;
    let now = clock.clone();
    let parts = Parts {
        verifier: Arc::new(Verifier::new(trusted, Arc::new(move || now.now()))),
        config,
        roles,
        adapters,
        clock,
        signer,
        stages: Stages::default(),
        health: Health::default(),
        started: Arc::default(),
        progress: Progress::default(),
        holder: Uuid::now_v7(),
    };
    let router = parts.start().await?;
    let addr = parts.listen(router).await?;
    Ok((addr, parts))
}

/// The one source of time: the given one, else the clock of the log's server, else the machine's.
async fn clock(
    config: &AppConfig,
    roles: &Roles,
    adapters: &Adapters,
) -> anyhow::Result<Arc<dyn Clock>> {
    if let Some(clock) = &config.clock {
        return Ok(clock.clone());
    }
    let logs = if roles.need(Port::Log) {
        adapters.log().await?.clock.clone()
    } else {
        None
    };
    Ok(logs.unwrap_or_else(|| Arc::new(SystemClock)))
}

impl Parts {
    /// Starts everything but the listener. Answers with all that is served under the one port.
    async fn start(&self) -> anyhow::Result<Router> {
        let following = &self.stages.following;
        let metrics = telemetry::metrics()?;
        let upkeep = telemetry::upkeep(metrics.clone(), following.end.clone());
        following.run("metrics", &self.health, upkeep);

        let mut served = Served {
            checks: self.readiness(),
            ..Served::default()
        };
        if self.roles.need(Port::Log) {
            served.checks.push(self.log_readiness().await?);
        }
        if self.roles.has(Role::Projections) {
            self.start_projections(&mut served).await?;
        }
        if self.roles.has(Role::QueryApi) {
            self.start_query_api(&mut served).await?;
        }
        if self.roles.has(Role::Audit) {
            self.start_audit(&mut served).await?;
        }
        if self.roles.has(Role::Relay) {
            self.start_relay(&mut served).await?;
        }
        if self.roles.has(Role::CommandApi) || self.roles.has(Role::ProcessManagers) {
            self.start_commands(&mut served).await?;
        }

        if self.roles.has(Role::CommandApi) || self.roles.has(Role::QueryApi) {
            served.merge(edge::schemas::router(&schemas::published()));
        }
        let projects = self.roles.has(Role::Projections);
        let (progress, clock) = (self.progress.clone(), self.clock.clone());
        let probes = edge::probes::router(served.checks, move || {
            if projects {
                projections::metrics::publish(&progress, clock.now());
            }
            telemetry::render(&metrics)
        });
        let layers = LayersConfig {
            max_requests_in_flight: self.config.settings.server.max_requests_in_flight,
            limits: Some(self.limits()?),
            security: self.security().await?,
            ..LayersConfig::default()
        };
        Ok(edge::layers::apply(served.calls, &layers)
            .merge(edge::docs::router(api::openapi_of(&self.roles)))
            .merge(probes))
    }

    fn limits(&self) -> anyhow::Result<Arc<Limits>> {
        let quotas = self.config.settings.limits.quotas()?;
        let limits = Arc::new(Limits::new(quotas, self.verifier.clone()));
        let serving = &self.stages.serving;
        let sweep = limits.clone().sweep(serving.end.clone());
        serving.run("rate limits", &self.health, sweep);
        Ok(limits)
    }

    fn readiness(&self) -> Vec<Readiness> {
        let (health, started) = (self.health.clone(), self.started.clone());
        vec![
            Readiness::new("start", move || {
                let started = started.load(Ordering::Acquire);
                ready(started.then_some(()).ok_or_else(|| "starting".to_owned()))
            }),
            Readiness::new("tasks", move || ready(health.check())),
        ]
    }

    /// The key store is no part of it: without it nobody registers, but seats are sold; a process that called itself unready would sell
    /// none.
    async fn log_readiness(&self) -> anyhow::Result<Readiness> {
        let log = self.adapters.log().await?.log.clone();
        Ok(Readiness::new("log", move || {
            let log = log.clone();
            async move {
                let head = log.head().await;
                head.map(|_| ()).map_err(|error| error.to_string())
            }
        }))
    }

    async fn listen(&self, router: Router) -> anyhow::Result<SocketAddr> {
        let address = self.config.listen;
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("{address} can't be listened on"))?;
        let addr = listener.local_addr()?;
        let (server, serving) = (&self.config.settings.server, &self.stages.serving);
        let bounds = ServerConfig {
            max_connections: server.max_connections,
            header_read_timeout: Duration::from_millis(server.header_read_timeout_ms),
            drain_timeout: Duration::from_secs(server.shutdown_seconds),
            ..ServerConfig::default()
        };
        let tasks = serving.tasks.clone();
        let accept = edge::server::serve(listener, router, bounds, tasks, serving.end.clone());
        serving.run("the listener", &self.health, accept);
        Ok(addr)
    }
}
