//! `frontrow serve`: runs until it is asked to end.

use std::process::ExitCode;

use command_api::failpoints::Failpoints;

use super::{print, runtime_of};
use crate::{
    app::{App, AppConfig},
    cli::Serve,
    config::Settings,
    newcomer,
    shutdown::EndSignals,
    telemetry,
};

pub(super) fn run(settings: Settings, arguments: &Serve) -> anyhow::Result<ExitCode> {
    telemetry::start_logs(&settings.telemetry)?;
    telemetry::log_panics();
    let failpoints = arguments
        .abort_at
        .map_or_else(Failpoints::default, Failpoints::abort_at);
    runtime_of(settings.server.worker_threads)?.block_on(serve(AppConfig {
        failpoints,
        ..AppConfig::new(settings)
    }))
}

async fn serve(config: AppConfig) -> anyhow::Result<ExitCode> {
    let mut signals = EndSignals::listen()?;
    // A signal during the start ends it there: nothing is accepted yet.
    let app = tokio::select! {
        app = App::start(config) => app?,
        signal = signals.next() => {
            tracing::info!(signal, "ended before the start was complete");
            return Ok(ExitCode::SUCCESS);
        }
    };
    tracing::info!(address = %app.addr(), roles = %app.roles(), "serving");
    if let Err(error) = newcomer::banner(&app).and_then(|banner| print(&banner)) {
        tracing::warn!(
            error = format!("{error:#}"),
            "the first steps were not printed"
        );
    }
    let signal = signals.next().await;
    tracing::info!(signal, "shutting down");
    app.shutdown().await?;
    tracing::info!("shut down in order");
    Ok(ExitCode::SUCCESS)
}
