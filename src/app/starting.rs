//! How each role starts.

use std::{collections::BTreeMap, future::ready, mem, sync::Arc, time::Duration};

use anyhow::Context;
use command_api::{
    Core, Deps, Executors, Notifications,
    commands::HmacFingerprints,
    drops::Drops,
    identity::{self, Identity},
    key_store::HmacPurpose,
    notifications::Feed,
    operations::{self, Act},
    passwords::{self, Passwords},
    payment_provider::PaymentProviders,
    process_managers,
    refusals::RefusedCommands,
    reservations::Reservations,
    routes::Streams,
    taken_seats::TakenSeats,
    waiting_room::{Rooms, Tickets},
};
use domain::operation::acts;
use edge::{auth::Signer, probes::Readiness};
use event_store::{
    Committer,
    log::{self, postgres},
    refusals::Recorder,
    relay,
};
use read_model::Access;

use super::assembly::{Parts, Served};
use crate::{
    adapters::{Adapters, Port},
    config::Durability,
    integration, operator,
    roles::Role,
    sealing,
};

/// The beginning of the name of the group of all projection workers of one read model.
const WORKERS: &str = "frontrow.projections";

impl Parts {
    pub(super) async fn start_projections(&self, served: &mut Served) -> anyhow::Result<()> {
        let read_model = self.adapters.read_model(Access::ReadWrite).await?;
        // Workers of another read model would take partitions from this one's and project them elsewhere.
        let identity = read_model.identity().await;
        let identity = identity.context("the read model's identity can't be read")?;
        let deps = projections::Deps {
            bus: self.adapters.bus().await?,
            read_model,
            progress: self.progress.clone(),
            group: Some(format!("{WORKERS}.{identity}")),
            log: Some(self.log_source()),
            clock: self.clock.clone(),
        };
        let following = &self.stages.following;
        let worker = projections::run(deps, following.end.clone());
        // The worker has logged why it can't go on: the process stays, unready, and does whatever else it does.
        let worker = async move { drop(worker.await) };
        following.run("projections", &self.health, worker);
        let progress = self.progress.clone();
        served.checks.push(Readiness::new("projections", move || {
            ready(match progress.readiness() {
                projections::Readiness::Following => Ok(()),
                projections::Readiness::Starting => Err("starting".to_owned()),
                projections::Readiness::Retrying { reason }
                | projections::Readiness::Stopped { reason } => Err(reason),
            })
        }));
        Ok(())
    }

    /// The log, for rows that have to be made anew: a worker that is up to date holds none open.
    fn log_source(&self) -> projections::LogSource {
        let (settings, opened) = (self.config.settings.clone(), self.adapters.opened_log());
        projections::LogSource::new(move || {
            let (settings, opened) = (settings.clone(), opened.clone());
            async move {
                if let Some(log) = opened {
                    return Ok(log);
                }
                let adapters = Adapters::new(&settings, postgres::Access::ReadOnly);
                let log = adapters.log().await.map(|open| open.log.clone());
                log.map_err(|error| log::Error::Unavailable(format!("{error:#}")))
            }
        })
    }

    /// Streams end with the requests; what feeds the seat maps ends after them.
    pub(super) async fn start_query_api(&self, served: &mut Served) -> anyhow::Result<()> {
        // Workers of a group see a part of the log each: then only the read model knows how far they have come together.
        let alone = Port::Bus.is_embedded(&self.config.settings)?;
        let progress = (alone && self.roles.has(Role::Projections)).then(|| {
            let progress = self.progress.clone();
            query_api::Progress::new(move |id| progress.watch(id))
        });
        let access = if self.roles.has(Role::Projections) {
            Access::ReadWrite
        } else {
            Access::ReadOnly
        };
        let queries = query_api::AppState::new(query_api::Deps {
            read_model: self.adapters.read_model(access).await?,
            bus: self.adapters.bus().await?,
            clock: self.clock.clone(),
            verifier: self.verifier.clone(),
            progress,
            shutdown: self.stages.serving.end.clone(),
        });
        let following = &self.stages.following;
        let seat_maps = query_api::run(queries.clone(), following.end.clone());
        following.run("seat maps", &self.health, seat_maps);
        served.checks.extend(queries.readiness());
        served.merge(query_api::router(queries));
        Ok(())
    }

    /// What auditors and operators ask.
    pub(super) async fn start_audit(&self, served: &mut Served) -> anyhow::Result<()> {
        let sealing = self.sealing().await?;
        let questions = audit::AppState::new(audit::Deps {
            log: self.adapters.log().await?.log.clone(),
            sealing,
            security: self.adapters.security_log().await?,
            refusals: self.adapters.refusals().await?,
            read_model: self.adapters.read_model(Access::ReadWrite).await?,
            bus: self.adapters.bus().await?,
            clock: self.clock.clone(),
            verifier: self.verifier.clone(),
        });
        served.checks.extend(questions.readiness());
        served.merge(audit::router(questions));
        Ok(())
    }

    /// What proofs are made of.
    async fn sealing(&self) -> anyhow::Result<Option<audit::Sealing>> {
        let Some(verification) = sealing::verification(&self.config.settings)? else {
            return Ok(None);
        };
        Ok(Some(audit::Sealing {
            seals: self.adapters.seals().await?,
            verification,
        }))
    }

    /// Who has the key seals the log; of several such processes, one at a time.
    async fn start_sealer(&self) -> anyhow::Result<()> {
        let settings = &self.config.settings;
        let Some(key) = sealing::key(settings)? else {
            tracing::info!("audit.sealing_key is not set: the log is not sealed");
            return Ok(());
        };
        let (key, clock) = (Arc::new(key), self.clock.clone());
        let sealer = sealing::sealer(settings, &self.adapters, key, clock).await?;
        let every = Duration::from_millis(settings.audit.seal_every_ms);
        let following = &self.stages.following;
        let (leases, end) = (self.adapters.leases().await?, following.end.clone());
        let sealing = sealing::run(sealer, every, leases, self.holder, end);
        following.run("the sealer", &self.health, sealing);
        Ok(())
    }

    /// Where projections follow the log itself, there is nothing to relay.
    pub(super) async fn start_relay(&self, served: &mut Served) -> anyhow::Result<()> {
        let Some(kafka) = self.adapters.kafka()? else {
            return Ok(());
        };
        let status = relay::Status::default();
        let deps = relay::Deps {
            status: status.clone(),
            log: self.adapters.log().await?.log.clone(),
            leases: self.adapters.leases().await?,
            holder: self.holder,
            clock: self.clock.clone(),
            kafka,
            integration: integration::TOPICS.map(str::to_owned).into(),
            route: Arc::new(integration::route),
        };
        // Commands are carried out while the brokers are away; a process that called itself unready would carry out none.
        if !self.roles.has(Role::CommandApi) {
            let check = move || ready(status.check());
            served.checks.push(Readiness::new("relay", check));
        }
        let relaying = &self.stages.relaying;
        // The relay has logged why it can't go on: the process stays, unready.
        let relay = relay::run(deps, relaying.end.clone());
        let relay = async move { drop(relay.await) };
        relaying.run("the relay", &self.health, relay);
        Ok(())
    }

    /// The command API, the process managers, or both over the same executors.
    pub(super) async fn start_commands(&self, served: &mut Served) -> anyhow::Result<()> {
        let keys = self.adapters.keys().await?;
        let core = self.core().await?;
        let store = self.adapters.waiting_room().await?;
        let rooms = Rooms::new(core.clone(), keys, store);
        if let Some(signer) = &self.signer {
            let commands = self
                .command_api(core.clone(), rooms.clone(), signer.clone())
                .await?;
            self.start_inbound(commands.clone())?;
            served.merge(command_api::router(commands));
        }
        if self.roles.has(Role::ProcessManagers) {
            let settings = &self.config.settings.notifications;
            let deps = process_managers::Deps {
                notifications: process_managers::notifications::Deps {
                    ledger: self.adapters.notifications().await?,
                    mailer: settings.mailer()?,
                    caller: settings.caller()?,
                },
                core,
                keys: self.watched_keys("process-managers").await?,
                rooms,
                beacons: self.config.settings.drops.beacons()?,
                credentials: self.adapters.credentials().await?,
                leases: self.adapters.leases().await?,
                holder: self.holder,
            };
            self.start_sealer().await?;
            let managing = &self.stages.managing;
            let managers = process_managers::run(deps, managing.end.clone());
            managing.run("process managers", &self.health, managers);
        }
        Ok(())
    }

    async fn core(&self) -> anyhow::Result<Core> {
        let (deciding, committing) = (&self.stages.deciding, &self.stages.committing);
        let executor = &self.config.settings.executor;
        let log = self.adapters.log().await?.log.clone();
        let committer = Committer::start(log.clone(), &committing.tasks, committing.end.clone());
        let executors = Executors::new(
            &log,
            &committer,
            &self.clock,
            &executor.bounds(),
            &deciding.tasks,
            &deciding.end,
        );
        self.record_durability(&executors).await?;
        Ok(Core {
            payment_providers: PaymentProviders::points(&executors, &log),
            log,
            clock: self.clock.clone(),
            executors,
            failpoints: self.config.failpoints.clone(),
            settings: command_api::Settings {
                poll: self.config.poll,
                deadline: Duration::from_millis(executor.deadline_ms),
            },
        })
    }

    /// What is written without a standby is preceded by who accepted that, and why.
    async fn record_durability(&self, executors: &Executors) -> anyhow::Result<()> {
        let log = &self.config.settings.log;
        if log.durability == Durability::Replicated {
            return Ok(());
        }
        let act = Act {
            act: acts::DURABILITY_SINGLE,
            subject: "log".to_owned(),
            arguments: BTreeMap::from([("roles".to_owned(), self.roles.to_string())]),
            actor: operator::name(),
            reason: log.durability_reason.clone(),
        };
        let recorded = operations::record(&executors.operations, act).await;
        let position = recorded.context("the reason for a single disk can't be recorded")?;
        tracing::warn!(%position, "the log is written to without a standby: a lost disk loses what it acknowledged");
        Ok(())
    }

    /// What customers are told, and the task that wakes those who follow it.
    async fn notifications(&self) -> anyhow::Result<Notifications> {
        let serving = &self.stages.serving;
        let feed = Feed::new(self.adapters.notifications().await?, serving.end.clone());
        serving.run("notification streams", &self.health, feed.clone().run());
        let reach = self.config.settings.notifications.reach()?;
        Ok(Notifications { feed, reach })
    }

    /// Where refused commands are handed in; what waits is written once the last request has ended.
    async fn refused_commands(&self) -> anyhow::Result<RefusedCommands> {
        let following = &self.stages.following;
        let refusals = self.adapters.refusals().await?;
        let (recorder, keeper) = Recorder::new(refusals, following.end.clone());
        following.run("refusals", &self.health, keeper);
        Ok(RefusedCommands::new(recorder, self.clock.clone()))
    }

    async fn command_api(
        &self,
        core: Core,
        rooms: Rooms,
        signer: Arc<Signer>,
    ) -> anyhow::Result<command_api::AppState> {
        let keys = self.watched_keys("command-api").await?;
        let fingerprints = keys.hmac_key(HmacPurpose::Fingerprint).await?;
        let cost = if self.config.cheap_passwords {
            passwords::Settings::cheap()
        } else {
            passwords::Settings::default()
        };
        let drop_keys = keys.clone();
        let identity = Identity::new(
            keys,
            self.adapters.credentials().await?,
            Passwords::new(&cost)?,
            signer.clone(),
            identity::Settings::default(),
        );
        let tickets = Tickets::new(signer, self.verifier.clone());
        let recording = self.stages.deciding.tasks.clone();
        let drops = Drops::new(core.clone(), drop_keys, tickets.clone(), recording);
        Ok(command_api::AppState::new(Deps {
            reservations: Reservations::new(core.log.clone()),
            taken_seats: TakenSeats::new(core.log.clone()),
            core,
            fingerprints: Arc::new(HmacFingerprints::new(fingerprints.expose())),
            verifier: self.verifier.clone(),
            identity: Arc::new(identity.await?),
            rooms,
            drops,
            tickets,
            streams: Streams::until(self.stages.serving.end.clone()),
            notifications: self.notifications().await?,
            refusals: self.refused_commands().await?,
        }))
    }
}

impl Served {
    pub(super) fn merge(&mut self, calls: axum::Router) {
        self.calls = mem::take(&mut self.calls).merge(calls);
    }
}
