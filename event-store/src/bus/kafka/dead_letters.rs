//! Events that a consumer could not take, on a topic of their own, for an operator to see.

use std::{fmt, time::Duration};

use rdkafka::{
    config::FromClientConfigAndContext,
    producer::{FutureProducer, FutureRecord},
};
use tokio::sync::OnceCell;

use super::{
    Options,
    client::{self, Context},
    record::{self, Sent},
};
use crate::{bus::Error, log::RecordedEvent};

/// How long a dead letter may take.
const DELIVERY: Duration = Duration::from_secs(10);

/// Longest reason that is kept, in bytes.
const MAX_REASON_BYTES: usize = 4096;

/// The way to the topic; opened with the first letter.
#[derive(Default)]
pub(super) struct DeadLetters(OnceCell<FutureProducer<Context>>);

impl DeadLetters {
    /// Sends one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) async fn send(
        &self,
        options: &Options,
        consumer: &str,
        event: &RecordedEvent,
        reason: &str,
    ) -> Result<(), Error> {
        let open = || async { open(options) };
        let producer = self.0.get_or_try_init(open).await?;
        let end = reason.floor_char_boundary(MAX_REASON_BYTES);
        let sent = Sent {
            position: event.position,
            epoch: event.epoch,
            ..Sent::default()
        };
        let headers = [("dead_consumer", consumer), ("dead_reason", &reason[..end])]
            .into_iter()
            .fold(
                record::event_headers(&options.source, event, sent),
                record::insert,
            );
        let topic = options.dead_letters();
        let letter = FutureRecord::to(&topic)
            .key(&event.routing_key)
            .payload(&event.payload)
            .headers(headers);
        let delivered = producer.send(letter, DELIVERY).await;
        delivered.map(drop).map_err(|(error, _)| {
            Error::Unavailable(format!(
                "the event at position {} did not come to {topic}: {error}",
                event.position
            ))
        })
    }
}

fn open(options: &Options) -> Result<FutureProducer<Context>, Error> {
    let mut config = client::config(options);
    config
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", DELIVERY.as_millis().to_string());
    FutureProducer::from_config_and_context(&config, Context).map_err(client::unavailable)
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeadLetters")
            .field(&self.0.initialized())
            .finish()
    }
}
