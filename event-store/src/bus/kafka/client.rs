//! What every client of the brokers has in common: limits, errors, the log lines of the C library.

use std::time::Duration;

use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
};
use tracing::{debug, warn};

use super::Options;
use crate::bus::Error;

/// Largest record, on its way in and out: an event of `log::MAX_EVENT_BYTES`, its metadata and headers, with room to spare.
pub const MAX_RECORD_BYTES: usize = 2 * 1024 * 1024;

/// How long a question to the brokers may take before they count as away.
pub(crate) const ANSWER: Duration = Duration::from_secs(5);

/// How long a connection may take to be made: brokers that are back are found within about this and [`RECONNECT_MAX_MS`].
const CONNECT_MS: &str = "5000";

/// Longest pause between attempts to reach a broker that is away; librdkafka's default of 10 s makes recovery slow.
const RECONNECT_MAX_MS: &str = "1000";

/// The settings of any client.
pub(crate) fn config(options: &Options) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &options.brokers)
        .set("client.id", "event-store")
        .set("socket.connection.setup.timeout.ms", CONNECT_MS)
        .set("reconnect.backoff.max.ms", RECONNECT_MAX_MS)
        .set("message.max.bytes", MAX_RECORD_BYTES.to_string())
        .set("allow.auto.create.topics", "false")
        .set_log_level(RDKafkaLogLevel::Warning);
    config
}

/// A client's failure, as the port tells it.
#[expect(
    clippy::needless_pass_by_value,
    reason = "made to be handed to map_err"
)]
pub(crate) fn unavailable(error: KafkaError) -> Error {
    Error::Unavailable(error.to_string())
}

/// Whether a consumer can go on by itself: the library reconnects, and tells of each broker that it lost meanwhile.
pub(crate) fn is_passing(error: &KafkaError) -> bool {
    matches!(
        error,
        KafkaError::MessageConsumption(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::RequestTimedOut
        )
    )
}

/// Runs what blocks where it may: the library's questions to the brokers have no other form.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(Error::Unavailable(error.to_string())))
}

/// Lets go of a client on a thread of its own: it says goodbye to the brokers, which takes time.
pub(crate) fn part_with(client: impl Send + 'static) {
    let parting = std::thread::Builder::new().name("kafka-close".to_owned());
    // Without a thread to be had, the client is dropped here.
    let _ = parting.spawn(move || drop(client));
}

/// Passes the library's log lines on.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Context;

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        met(&error, reason);
    }
}

impl ConsumerContext for Context {}

/// An error outside of any call, as the end of a partition and a broker that is away for a while are: calls tell what matters.
pub(crate) fn met(error: &KafkaError, reason: &str) {
    debug!(%error, reason, "a client of the brokers met an error");
}

/// A log line of the library. What it calls an error is mostly a broker that is away for a while.
pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, text: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            warn!(facility, "librdkafka: {text}");
        }
        _ => debug!(facility, "librdkafka: {text}"),
    }
}
