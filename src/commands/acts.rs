//! What operators do is recorded in the log, with who and why.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context;
use command_api::{
    Executors,
    operations::{self, Act},
};
use event_store::{Clock, Committer, Position, SystemClock};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{adapters::Adapters, config::Settings, operator};

/// Records an act of whoever runs the program; beside a running server, too.
///
/// # Errors
/// A log that can't be written, or a reason that it does not take.
pub(super) async fn record(
    settings: &Settings,
    adapters: &Adapters,
    act: &'static str,
    subject: &str,
    arguments: &[(&str, String)],
    reason: &str,
) -> anyhow::Result<Position> {
    let open = adapters.log().await?;
    let clock: Arc<dyn Clock> = match &open.clock {
        Some(clock) => clock.clone(),
        None => Arc::new(SystemClock),
    };
    let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
    let committer = Committer::start(open.log.clone(), &tasks, end.clone());
    let bounds = settings.executor.bounds();
    let executors = Executors::new(&open.log, &committer, &clock, &bounds, &tasks, &end);
    let arguments = arguments.iter();
    let act = Act {
        act,
        subject: subject.to_owned(),
        arguments: arguments
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect::<BTreeMap<_, _>>(),
        actor: operator::name(),
        reason: reason.to_owned(),
    };
    let recorded = operations::record(&executors.operations, act).await;
    end.cancel();
    tasks.close();
    tasks.wait().await;
    recorded.context("the act can't be recorded in the log")
}
