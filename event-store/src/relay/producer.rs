//! The way to the brokers, for one session: what fails ends it.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use rdkafka::{
    ClientContext, Message as _,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::KafkaError,
    message::OwnedHeaders,
    producer::{
        BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer,
    },
};
use tokio::sync::Notify;

use super::Error;
use crate::bus::kafka::{
    Options,
    client::{self, part_with},
};

/// Records that may be on their way.
const MAX_IN_FLIGHT: usize = 20_000;

/// Bytes of payload that may be on their way.
const MAX_IN_FLIGHT_BYTES: usize = 32 * 1024 * 1024;

/// What the library may hold: more than ever is on its way, so that it never refuses a record.
const QUEUE_RECORDS: &str = "100000";
const QUEUE_KBYTES: &str = "262144";

/// How long the library waits for more before it sends: the relay hands over whole batches anyway.
const LINGER_MS: &str = "1";

/// Bytes of a request to one partition.
const BATCH_BYTES: &str = "1000000";

/// Headers repeat themselves from record to record; lz4 costs the least.
const COMPRESSION: &str = "lz4";

/// What is counted for a record beside its payload.
const RECORD_BYTES: usize = 1024;

/// A producer that is given up at the first failure.
pub(super) struct Producer {
    /// Taken when it is dropped.
    inner: Option<ThreadedProducer<Deliveries>>,
    deliveries: Arc<Deliveries>,
}

/// Records that are acknowledged together.
#[derive(Debug)]
pub(super) struct Batch {
    /// Records without an acknowledgement, and one more until all were sent.
    left: AtomicUsize,
}

impl Batch {
    pub(super) fn open() -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(1),
        })
    }

    /// All of it was sent.
    pub(super) fn close(&self) {
        self.left.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether all of it was sent and acknowledged.
    pub(super) fn is_done(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }
}

/// What comes back from the brokers.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    failure: OnceLock<String>,
    in_flight: AtomicUsize,
    in_flight_bytes: AtomicUsize,
    news: Notify,
}

impl Deliveries {
    fn fail(&self, text: String) {
        // The first failure is the cause of the others.
        let _ = self.failure.set(text);
        self.news.notify_one();
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        client::log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the relay's producer met an error");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Batch>;

    fn delivery(&self, result: &DeliveryResult<'_>, batch: Arc<Batch>) {
        let (Ok(message) | Err((_, message))) = result;
        self.in_flight_bytes
            .fetch_sub(weight(message.payload_len()), Ordering::AcqRel);
        if self.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.news.notify_one();
        }
        match result {
            Err((error, message)) => self.fail(format!(
                "a record for partition {} of {} was not delivered: {error}",
                message.partition(),
                message.topic()
            )),
            Ok(_) => {
                if batch.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    self.news.notify_one();
                }
            }
        }
    }
}

/// A record to be sent.
pub(super) struct Outgoing<'a> {
    pub(super) topic: &'a str,
    /// `None`: by the key.
    pub(super) partition: Option<u32>,
    /// None for a watermark, and no payload then either.
    pub(super) content: Option<(&'a str, &'a str)>,
    pub(super) headers: OwnedHeaders,
}

impl Producer {
    /// A producer that has sent nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) fn open(options: &Options) -> Result<Self, Error> {
        let mut config = client::config(options);
        config
            // In order, and nothing behind a record that failed: what a session sent to a partition is there up to some record.
            .set("enable.idempotence", "true")
            .set("enable.gapless.guarantee", "true")
            .set("acks", "all")
            .set("max.in.flight.requests.per.connection", "5")
            // A record that is given up could be followed by others. The lease bounds the waiting.
            .set("message.timeout.ms", "0")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", LINGER_MS)
            .set("batch.size", BATCH_BYTES)
            .set("compression.type", COMPRESSION)
            .set("queue.buffering.max.messages", QUEUE_RECORDS)
            .set("queue.buffering.max.kbytes", QUEUE_KBYTES);
        let inner = ThreadedProducer::from_config_and_context(&config, Deliveries::default())
            .map_err(failed)?;
        let deliveries = Arc::clone(inner.client().context());
        Ok(Self {
            inner: Some(inner),
            deliveries,
        })
    }

    /// Hands a record over, as part of `batch`. It is on its way from then on.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) fn send(&self, record: Outgoing<'_>, batch: &Arc<Batch>) -> Result<(), Error> {
        let Some(inner) = &self.inner else {
            return Err(Error::Unavailable("the producer is closed".to_owned()));
        };
        let (key, payload) = record.content.unzip();
        let mut out =
            BaseRecord::with_opaque_to(record.topic, Arc::clone(batch)).headers(record.headers);
        out.key = key;
        out.payload = payload;
        out.partition = record.partition.and_then(|p| i32::try_from(p).ok());
        let bytes = weight(payload.map_or(0, str::len));
        batch.left.fetch_add(1, Ordering::AcqRel);
        self.deliveries.in_flight.fetch_add(1, Ordering::AcqRel);
        self.deliveries
            .in_flight_bytes
            .fetch_add(bytes, Ordering::AcqRel);
        // What the library refuses ends the session, so nothing needs to be counted back.
        inner.send(out).map_err(|(error, _)| failed(error))
    }

    /// Whether more may be on its way.
    pub(super) fn has_room(&self) -> bool {
        self.deliveries.in_flight.load(Ordering::Acquire) < MAX_IN_FLIGHT
            && self.deliveries.in_flight_bytes.load(Ordering::Acquire) < MAX_IN_FLIGHT_BYTES
    }

    /// The first failure, if there was one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) fn check(&self) -> Result<(), Error> {
        if let Some(text) = self.deliveries.failure.get() {
            return Err(Error::Unavailable(text.clone()));
        }
        let fatal = self.inner.as_ref().and_then(|p| p.client().fatal_error());
        match fatal {
            Some((code, text)) => Err(Error::Unavailable(format!("{code}: {text}"))),
            None => Ok(()),
        }
    }

    /// Waits until the brokers answered.
    pub(super) async fn news(&self) {
        self.deliveries.news.notified().await;
    }

    /// Waits until nothing is on its way.
    pub(super) async fn flush(&self) {
        while self.deliveries.in_flight.load(Ordering::Acquire) > 0 {
            self.news().await;
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            // At once: from here on, another may relay.
            inner.purge(PurgeConfig::default().queue().inflight());
            part_with(inner);
        }
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "made to be handed to map_err"
)]
fn failed(error: KafkaError) -> Error {
    Error::Unavailable(format!("the producer failed: {error}"))
}

fn weight(payload: usize) -> usize {
    payload + RECORD_BYTES
}
