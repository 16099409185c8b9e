//! Records that were not carried out, on a topic of their own, for whoever wrote them and for operators.

use std::time::Duration;

use rdkafka::{
    config::FromClientConfigAndContext,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};

use super::{Deps, Record};
use crate::bus::{
    Error,
    kafka::client::{self, Context, part_with},
};

/// How long a letter may take.
const DELIVERY: Duration = Duration::from_secs(10);

/// Most bytes that a letter keeps, so that it is no larger than what a topic takes: of the value, of the key, of a header and of the reason.
const MAX_VALUE_BYTES: usize = 64 * 1024;
const MAX_KEY_BYTES: usize = 1024;
const MAX_HEADER_BYTES: usize = 1024;
const MAX_REASON_BYTES: usize = 4096;

/// Headers of the record that its letter keeps.
const KEPT: [&str; 6] = [
    "ce_specversion",
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_time",
    "content-type",
];

/// The way to the topic of the letters.
pub(super) struct Letters {
    /// Taken when it is dropped.
    producer: Option<FutureProducer<Context>>,
    topic: String,
    group: String,
}

impl Letters {
    pub(super) fn open(deps: &Deps) -> Result<Self, Error> {
        let mut config = client::config(&deps.kafka);
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random")
            .set("message.timeout.ms", DELIVERY.as_millis().to_string());
        let producer = FutureProducer::from_config_and_context(&config, Context);
        Ok(Self {
            producer: Some(producer.map_err(client::unavailable)?),
            topic: deps.dead_letters(),
            group: deps.group.clone(),
        })
    }

    /// Sends one; `Ok` once the brokers have it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) async fn send(
        &self,
        record: &Record,
        code: &str,
        reason: &str,
    ) -> Result<(), Error> {
        let Some(producer) = &self.producer else {
            return Err(Error::Unavailable("the producer is closed".to_owned()));
        };
        let headers = self.headers(record, code, reason);
        let value = &record.payload[..record.payload.len().min(MAX_VALUE_BYTES)];
        let mut letter = FutureRecord::<[u8], [u8]>::to(&self.topic)
            .payload(value)
            .headers(headers);
        letter.key = record
            .key
            .as_deref()
            .filter(|key| key.len() <= MAX_KEY_BYTES);
        let delivered = producer.send(letter, DELIVERY).await;
        delivered.map(drop).map_err(|(error, _)| {
            Error::Unavailable(format!(
                "the letter about {record} did not come to {}: {error}",
                self.topic
            ))
        })
    }

    fn headers(&self, record: &Record, code: &str, reason: &str) -> OwnedHeaders {
        let end = reason.floor_char_boundary(MAX_REASON_BYTES);
        let (partition, offset) = (record.partition.to_string(), record.offset.to_string());
        let bytes = record.payload.len().to_string();
        let own = [
            ("dead_consumer", self.group.as_str()),
            ("dead_code", code),
            ("dead_reason", &reason[..end]),
            ("dead_topic", &record.topic),
            ("dead_partition", &partition),
            ("dead_offset", &offset),
            // More than are here where the value was cut.
            ("dead_value_bytes", &bytes),
        ];
        let own = own.into_iter().map(|(key, value)| (key, value.as_bytes()));
        let kept = record
            .headers
            .iter()
            .filter(|(key, value)| KEPT.contains(&key.as_str()) && value.len() <= MAX_HEADER_BYTES);
        let kept = kept
            .take(KEPT.len())
            .map(|(key, value)| (key.as_str(), value.as_slice()));
        own.chain(kept)
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            })
    }
}

impl Drop for Letters {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            part_with(producer);
        }
    }
}
