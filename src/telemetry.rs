//! Logs on standard error and metrics: the process-wide parts of both.

use std::{
    io::{IsTerminal, stderr},
    sync::OnceLock,
    time::Duration,
};

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogFormat, Telemetry};

/// Seconds. From a cached read to the longest deadline, finest around the objectives of 500 ms and 1 s.
const LATENCY_BUCKETS: [f64; 14] = [
    0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
];
/// Sizes and counts: batches, positions.
const COUNT_BUCKETS: [f64; 13] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 4_096.0, 16_384.0,
];
/// How often histograms are folded, so that an unscraped process does not grow.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts logging. A second call, or one after somebody else's, changes nothing.
///
/// # Errors
/// A filter that can't be read.
pub fn start_logs(telemetry: &Telemetry) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&telemetry.filter)
        .with_context(|| format!("telemetry.filter {:?} can't be read", telemetry.filter))?;
    let json = match telemetry.format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !stderr().is_terminal(),
    };
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    // An error means that the process has a subscriber already, as in tests.
    let _ = if json {
        registry
            .with(lines.json().flatten_event(true).with_current_span(false))
            .try_init()
    } else {
        registry.with(lines.with_target(false).compact()).try_init()
    };
    Ok(())
}

/// From now on a panic is one line of the log, instead of several of plain text.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let location = panic.location().map(ToString::to_string);
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(panic = message, location, %backtrace, "a thread panicked");
    }));
}

/// The process's metrics: installed at the first call, shared afterwards. The `metrics` facade has one recorder per process, so this
/// handle is as global as what it reads.
///
/// # Errors
/// When somebody else installed another recorder.
pub fn metrics() -> anyhow::Result<PrometheusHandle> {
    static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    HANDLE
        .get_or_init(|| install().map_err(|error| format!("{error:#}")))
        .clone()
        .map_err(anyhow::Error::msg)
}

fn install() -> anyhow::Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCY_BUCKETS)
        .and_then(|builder| builder.set_buckets(&COUNT_BUCKETS))
        .context("the metrics' buckets can't be used")?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).context("the metrics can't be installed")?;
    metrics_process::Collector::default().describe();
    edge::metrics::describe();
    event_store::metrics::describe();
    command_api::metrics::describe();
    projections::metrics::describe();
    read_model::metrics::describe();
    query_api::metrics::describe();
    Ok(handle)
}

/// The metrics in Prometheus's text format, the process's own included.
pub fn render(handle: &PrometheusHandle) -> String {
    metrics_process::Collector::default().collect();
    handle.render()
}

/// Folds histograms until `end`.
pub async fn upkeep(handle: PrometheusHandle, end: CancellationToken) {
    let mut ticks = interval(UPKEEP);
    while end.run_until_cancelled(ticks.tick()).await.is_some() {
        handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_rendered_with_the_process_s_own() {
        let handle = metrics().unwrap();
        metrics::histogram!("telemetry_test_seconds").record(0.003);
        let text = render(&handle);
        assert!(
            text.contains("telemetry_test_seconds_bucket{le=\"0.005\"} 1"),
            "{text}"
        );
        assert!(text.contains("process_resident_memory_bytes"), "{text}");
    }
}
