//! Joins the crates: stores, executors, routers, tasks.

use std::{future::ready, net::SocketAddr, sync::Arc, time::Duration};

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

use super::{AppConfig, stages::Stages};
use crate::{adapters::Stores, api, telemetry};

/// A server's parts, running.
pub(super) struct Parts {
    pub(super) addr: SocketAddr,
    pub(super) signer: Arc<Signer>,
    pub(super) stores: Stores,
    pub(super) stages: Stages,
    pub(super) progress: Progress,
}

/// Opens the stores, starts the roles, and listens once all of that has worked.
pub(super) async fn assemble(config: AppConfig) -> anyhow::Result<Parts> {
    let stages = Stages::default();
    let metrics = telemetry::metrics()?;
    let upkeep = telemetry::upkeep(metrics.clone(), stages.following.end.clone());
    stages.following.tasks.spawn(upkeep);
    let signer = Arc::new(Signer::open(&config.data)?);
    let clock = config.clock.clone();
    let now = { Arc::new(move || clock.now()) };
    let verifier = Arc::new(Verifier::new([signer.public_key()], now));
    let stores = Stores::open(&config.settings, &config.data).await?;
    let progress = Progress::default();
    follow(&config, &stores, &stages, &progress);
    let commands = commands(&config, &stores, &stages, &signer, &verifier).await?;
    let queries = queries(&config, &stores, &stages, &progress, &verifier);
    let router = command_api::router(commands.clone()).merge(query_api::router(queries.clone()));
    let mut readiness = readiness(&stores, &progress);
    readiness.extend(queries.readiness());
    let following = &stages.following;
    following
        .tasks
        .spawn(query_api::run(queries, following.end.clone()));
    let render = metrics.clone();
    let router = edge::layers::apply(router, &LayersConfig::default())
        .merge(edge::docs::router(api::openapi()))
        .merge(edge::probes::router(readiness, move || {
            telemetry::render(&render)
        }));

    stages
        .managing
        .tasks
        .spawn(command_api::process_managers::run(
            commands,
            stages.managing.end.clone(),
        ));
    let addr = listen(&config, router, &stages).await?;
    Ok(Parts {
        addr,
        signer,
        stores,
        stages,
        progress,
    })
}

async fn commands(
    config: &AppConfig,
    stores: &Stores,
    stages: &Stages,
    signer: &Arc<Signer>,
    verifier: &Arc<Verifier>,
) -> anyhow::Result<command_api::AppState> {
    let committing = &stages.committing;
    let committer = Committer::start(
        stores.log.clone(),
        &committing.tasks,
        committing.end.clone(),
    );
    let deciding = &stages.deciding;
    let executors = Executors::new(
        &stores.log,
        &committer,
        &config.clock,
        &config.settings.executor.bounds(),
        &deciding.tasks,
        &deciding.end,
    );
    let fingerprints = stores.keys.hmac_key(HmacPurpose::Fingerprint).await?;
    Ok(command_api::AppState::new(Deps {
        log: stores.log.clone(),
        clock: config.clock.clone(),
        executors,
        fingerprints: Arc::new(HmacFingerprints::new(fingerprints.expose())),
        verifier: verifier.clone(),
        identity: Arc::new(accounts(config, stores, signer).await?),
        reservations: Reservations::new(stores.log.clone()),
        failpoints: config.failpoints.clone(),
        settings: command_api::Settings {
            poll: config.poll,
            deadline: Duration::from_millis(config.settings.executor.deadline_ms),
        },
    }))
}

async fn accounts(
    config: &AppConfig,
    stores: &Stores,
    signer: &Arc<Signer>,
) -> anyhow::Result<Identity> {
    let cost = if config.cheap_passwords {
        passwords::Settings::cheap()
    } else {
        passwords::Settings::default()
    };
    let identity = Identity::new(
        stores.keys.clone(),
        stores.credentials.clone(),
        Passwords::new(&cost)?,
        signer.clone(),
        identity::Settings::default(),
    );
    Ok(identity.await?)
}

/// Starts what follows the log.
fn follow(config: &AppConfig, stores: &Stores, stages: &Stages, progress: &Progress) {
    let following = &stages.following;
    let worker = projections::run(
        projections::Deps {
            bus: stores.bus.clone(),
            read_model: stores.read_model.clone(),
            clock: config.clock.clone(),
            progress: progress.clone(),
        },
        following.end.clone(),
    );
    following.tasks.spawn(async move {
        // The worker has logged it; the process stays, unready, and goes on selling.
        let _ = worker.await;
    });
}

/// Streams end with the requests; what feeds the seat maps ends after them.
fn queries(
    config: &AppConfig,
    stores: &Stores,
    stages: &Stages,
    progress: &Progress,
    verifier: &Arc<Verifier>,
) -> query_api::AppState {
    let progress = progress.clone();
    query_api::AppState::new(query_api::Deps {
        read_model: stores.read_model.clone(),
        bus: stores.bus.clone(),
        clock: config.clock.clone(),
        verifier: verifier.clone(),
        progress: Some(query_api::Progress::new(move |id| progress.watch(id))),
        shutdown: stages.serving.end.clone(),
    })
}

fn readiness(stores: &Stores, progress: &Progress) -> Vec<Readiness> {
    let log = stores.log.clone();
    let progress = progress.clone();
    vec![
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

async fn listen(config: &AppConfig, router: Router, stages: &Stages) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("{} can't be listened on", config.listen))?;
    let addr = listener.local_addr()?;
    let server = &config.settings.server;
    let bounds = ServerConfig {
        max_connections: server.max_connections,
        header_read_timeout: Duration::from_millis(server.header_read_timeout_ms),
        drain_timeout: Duration::from_secs(server.shutdown_seconds),
    };
    let serving = &stages.serving;
    serving.tasks.spawn(edge::server::serve(
        listener,
        router,
        bounds,
        serving.tasks.clone(),
        serving.end.clone(),
    ));
    Ok(addr)
}
