//! `frontrow customer erase`: beside a running server, too.

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context, ensure};
use command_api::{
    Executors,
    commands::Origin,
    erasure::Erasure,
    failpoints::Failpoints,
    operations::{self, Act},
};
use domain::{ids::CustomerId, operation::acts};
use event_store::{
    Clock, Committer, Position, SystemClock, log::postgres::Access, security_log::Recorder,
};
use serde_json::json;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{print, runtime, seal};
use crate::{
    adapters::Adapters,
    app,
    cli::{Customer, Output},
    config::Settings,
    operator, telemetry,
};

pub(super) fn run(
    settings: &Settings,
    command: &Customer,
    output: Output,
) -> anyhow::Result<ExitCode> {
    telemetry::start_logs(&settings.telemetry)?;
    let Customer::Erase { customer, reason } = command;
    let position = runtime()?.block_on(erase(settings, *customer, reason))?;
    match output {
        Output::Text => print(&format!(
            "customer {customer} is erased, at position {position}: key, password and sessions are destroyed"
        ))?,
        Output::Json => print(&json!({"customer_id": customer, "position": position}).to_string())?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn erase(settings: &Settings, customer: Uuid, reason: &str) -> anyhow::Result<Position> {
    let adapters = seal::open(settings, Access::ReadWrite)?;
    let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
    let erased = erase_with(settings, &adapters, customer, reason, &tasks, &end).await;
    end.cancel();
    tasks.close();
    tasks.wait().await;
    adapters.close().await;
    erased
}

async fn erase_with(
    settings: &Settings,
    adapters: &Adapters,
    customer: Uuid,
    reason: &str,
    tasks: &TaskTracker,
    end: &CancellationToken,
) -> anyhow::Result<Position> {
    let open = adapters.log().await?;
    let clock: Arc<dyn Clock> = match &open.clock {
        Some(clock) => clock.clone(),
        None => Arc::new(SystemClock),
    };
    let committer = Committer::start(open.log.clone(), tasks, end.clone());
    let bounds = settings.executor.bounds();
    let executors = Executors::new(&open.log, &committer, &clock, &bounds, tasks, end);
    let credentials = adapters.credentials().await?;
    let (recorder, keeper) = Recorder::new(adapters.security_log().await?, end.clone());
    tasks.spawn(keeper);
    let user = format!("operator:{}", operator::name());
    let keys = app::watched(adapters.keys().await?, recorder, clock.clone(), user);
    let failpoints = Failpoints::default();
    let erasure = Erasure {
        customers: &executors.customers,
        keys: &*keys,
        credentials: &*credentials,
        clock: &*clock,
        failpoints: &failpoints,
    };
    let id = CustomerId(customer);
    ensure!(erasure.knows(id).await?, "there is no customer {customer}");
    let act = Act {
        act: acts::CUSTOMER_ERASE,
        subject: customer.to_string(),
        arguments: [].into(),
        actor: operator::name(),
        reason: reason.to_owned(),
    };
    let accepted = operations::record(&executors.operations, act).await;
    accepted.context("the reason can't be recorded in the log")?;
    let origin = Origin {
        actor: format!("operator:{}", operator::name()),
        correlation_id: Uuid::now_v7().to_string(),
        ..Origin::default()
    };
    erasure.record(id, &origin).await?;
    let destroyed = erasure.destroy(id).await;
    destroyed
        .context("recorded, but not destroyed yet: the server does so by itself, or say it again")
}
