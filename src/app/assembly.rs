//! Joins the crates: stores, executors, routers, tasks.

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
use command_api::{
    Deps, Executors,
    commands::HmacFingerprints,
    identity::{self, Identity},
    key_store::HmacPurpose,
    passwords::{self, Passwords},
    reservations::Reservations,
};
use edge::{
    auth::{Signer, Verifier},
    layers::LayersConfig,
    probes::Readiness,
    server::ServerConfig,
};
use event_store::Committer;
use projections::Progress;
use tokio::net::TcpListener;

use super::{
    AppConfig,
    stages::{Health, Stages},
};
use crate::{adapters::Stores, api, telemetry};

/// A server's parts.
pub(super) struct Parts {
    config: AppConfig,
    pub(super) signer: Arc<Signer>,
    verifier: Arc<Verifier>,
    pub(super) stores: Stores,
    pub(super) stages: Stages,
    health: Health,
    /// Whether the start is complete: a client that waits for readiness finds what newcomers are shown.
    pub(super) started: Arc<AtomicBool>,
    pub(super) progress: Progress,
}

/// Opens the stores, starts the roles, and listens once all of that has worked.
pub(super) async fn assemble(config: AppConfig) -> anyhow::Result<(SocketAddr, Parts)> {
    let signer = Arc::new(Signer::open(&config.data)?);
    let clock = config.clock.clone();
    let verifier = Verifier::new([signer.public_key()], Arc::new(move || clock.now()));
    let parts = Parts {
        stores: Stores::open(&config.settings, &config.data).await?,
        verifier: Arc::new(verifier),
        signer,
        stages: Stages::default(),
        health: Health::default(),
        started: Arc::default(),
        progress: Progress::default(),
        config,
    };
    let router = parts.start().await?;
    let addr = parts.listen(router).await?;
    Ok((addr, parts))
}

impl Parts {
    /// Starts everything but the listener. Answers with all that is served under the one port.
    async fn start(&self) -> anyhow::Result<Router> {
        let (managing, following) = (&self.stages.managing, &self.stages.following);
        let metrics = telemetry::metrics()?;
        let upkeep = telemetry::upkeep(metrics.clone(), following.end.clone());
        following.run("metrics", &self.health, upkeep);
        following.run("projections", &self.health, self.projections());

        let queries = self.queries();
        let seat_maps = query_api::run(queries.clone(), following.end.clone());
        following.run("seat maps", &self.health, seat_maps);

        let commands = self.commands().await?;
        let managers = command_api::process_managers::run(commands.clone(), managing.end.clone());
        managing.run("process managers", &self.health, managers);

        let mut readiness = self.readiness();
        readiness.extend(queries.readiness());
        let calls = command_api::router(commands).merge(query_api::router(queries));
        let (progress, clock) = (self.progress.clone(), self.config.clock.clone());
        let probes = edge::probes::router(readiness, move || {
            projections::metrics::publish(&progress, clock.now());
            telemetry::render(&metrics)
        });
        Ok(edge::layers::apply(calls, &LayersConfig::default())
            .merge(edge::docs::router(api::openapi()))
            .merge(probes))
    }

    fn projections(&self) -> impl Future<Output = ()> + use<> {
        let deps = projections::Deps {
            bus: self.stores.bus.clone(),
            read_model: self.stores.read_model.clone(),
            progress: self.progress.clone(),
        };
        let worker = projections::run(deps, self.stages.following.end.clone());
        // The worker has logged why it can't go on: the process stays, unready, and goes on selling.
        async move { drop(worker.await) }
    }

    /// Streams end with the requests; what feeds the seat maps ends after them.
    fn queries(&self) -> query_api::AppState {
        let progress = self.progress.clone();
        query_api::AppState::new(query_api::Deps {
            read_model: self.stores.read_model.clone(),
            bus: self.stores.bus.clone(),
            clock: self.config.clock.clone(),
            verifier: self.verifier.clone(),
            progress: Some(query_api::Progress::new(move |id| progress.watch(id))),
            shutdown: self.stages.serving.end.clone(),
        })
    }

    async fn commands(&self) -> anyhow::Result<command_api::AppState> {
        let (stores, config) = (&self.stores, &self.config);
        let (deciding, committing) = (&self.stages.deciding, &self.stages.committing);
        let log = stores.log.clone();
        let committer = Committer::start(log.clone(), &committing.tasks, committing.end.clone());
        let executors = Executors::new(
            &log,
            &committer,
            &config.clock,
            &config.settings.executor.bounds(),
            &deciding.tasks,
            &deciding.end,
        );
        let fingerprints = stores.keys.hmac_key(HmacPurpose::Fingerprint).await?;
        Ok(command_api::AppState::new(Deps {
            clock: config.clock.clone(),
            executors,
            fingerprints: Arc::new(HmacFingerprints::new(fingerprints.expose())),
            verifier: self.verifier.clone(),
            identity: Arc::new(self.identity().await?),
            reservations: Reservations::new(log.clone()),
            failpoints: config.failpoints.clone(),
            settings: command_api::Settings {
                poll: config.poll,
                deadline: Duration::from_millis(config.settings.executor.deadline_ms),
            },
            log,
        }))
    }

    async fn identity(&self) -> anyhow::Result<Identity> {
        let cost = if self.config.cheap_passwords {
            passwords::Settings::cheap()
        } else {
            passwords::Settings::default()
        };
        let identity = Identity::new(
            self.stores.keys.clone(),
            self.stores.credentials.clone(),
            Passwords::new(&cost)?,
            self.signer.clone(),
            identity::Settings::default(),
        );
        Ok(identity.await?)
    }

    fn readiness(&self) -> Vec<Readiness> {
        let log = self.stores.log.clone();
        let (health, progress) = (self.health.clone(), self.progress.clone());
        let started = self.started.clone();
        vec![
            Readiness::new("start", move || {
                let started = started.load(Ordering::Acquire);
                ready(started.then_some(()).ok_or_else(|| "starting".to_owned()))
            }),
            Readiness::new("tasks", move || ready(health.check())),
            Readiness::new("log", move || {
                let log = log.clone();
                async move {
                    let head = log.head().await;
                    head.map(|_| ()).map_err(|error| error.to_string())
                }
            }),
            Readiness::new("projections", move || {
                ready(match progress.readiness() {
                    projections::Readiness::Following => Ok(()),
                    projections::Readiness::Starting => Err("starting".to_owned()),
                    projections::Readiness::Retrying { reason }
                    | projections::Readiness::Stopped { reason } => Err(reason),
                })
            }),
        ]
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
