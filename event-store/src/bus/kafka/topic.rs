//! The topics: made where they are missing, refused where they are not as configured.

use std::time::Duration;

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::Client,
    config::FromClientConfigAndContext,
    error::RDKafkaErrorCode,
};
use tokio::time::{Instant, sleep};
use tracing::info;

use super::{
    Options,
    client::{self, ANSWER, Context, MAX_RECORD_BYTES, blocking},
};
use crate::bus::Error;

/// Copies that must have a record before it counts as written, where there are at least three of them.
const MIN_IN_SYNC: &str = "2";

/// Dead letters are few, and an operator reads them in one order.
const DEAD_LETTER_PARTITIONS: u32 = 1;

/// How often a topic just made is looked for until every broker knows it.
const LOOK: Duration = Duration::from_millis(50);

/// Makes sure that the topic of the log, that of its dead letters and those for others are there, and the first as configured.
///
/// # Errors
/// [`Error::Refused`], [`Error::Unavailable`].
pub(crate) async fn ensure(options: &Options, integration: &[String]) -> Result<(), Error> {
    let dead_letters = options.dead_letters();
    let others = integration.iter().map(|topic| (topic, options.partitions));
    let topics = [
        (&options.topic, options.partitions),
        (&dead_letters, DEAD_LETTER_PARTITIONS),
    ];
    for (topic, partitions) in topics.into_iter().chain(others) {
        ensure_one(options, topic, partitions).await?;
    }
    let options = options.clone();
    blocking(move || check(&client(&options)?, &options)).await
}

async fn ensure_one(options: &Options, topic: &str, partitions: u32) -> Result<(), Error> {
    let until = Instant::now() + ANSWER;
    if is_there(options, topic).await? {
        return Ok(());
    }
    create(options, topic, partitions).await?;
    while !is_there(options, topic).await? {
        if Instant::now() > until {
            let text = format!("the topic {topic} was made, but the brokers don't show it");
            return Err(Error::Unavailable(text));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

async fn is_there(options: &Options, topic: &str) -> Result<bool, Error> {
    let (options, topic) = (options.clone(), topic.to_owned());
    blocking(move || Ok(partitions(client(&options)?.inner(), &topic)?.is_some())).await
}

async fn create(options: &Options, topic: &str, partitions: u32) -> Result<(), Error> {
    let replication = i32::from(options.replication);
    let count = i32::try_from(partitions).unwrap_or(i32::MAX);
    let largest = MAX_RECORD_BYTES.to_string();
    let mut new = NewTopic::new(topic, count, TopicReplication::Fixed(replication))
        .set("retention.ms", "-1")
        .set("cleanup.policy", "delete")
        .set("max.message.bytes", &largest);
    if options.replication >= 3 {
        new = new.set("min.insync.replicas", MIN_IN_SYNC);
    }
    let admin = client(options)?;
    let settings = AdminOptions::new().operation_timeout(Some(ANSWER));
    let made = admin.create_topics([&new], &settings).await;
    // Letting go of the client blocks.
    client::part_with(admin);
    match made.map_err(client::unavailable)?.pop() {
        // Another relay was faster.
        Some(Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists))) | None => {
            info!(topic, partitions, "the topic is there");
            Ok(())
        }
        Some(Err((_, code))) => Err(Error::Unavailable(format!(
            "the brokers did not make the topic {topic} with {partitions} partitions in {replication} copies: {code}"
        ))),
    }
}

/// A client that asks the brokers.
pub(super) fn client(options: &Options) -> Result<AdminClient<Context>, Error> {
    AdminClient::from_config_and_context(&client::config(options), Context)
        .map_err(client::unavailable)
}

/// Refuses a topic of the log that has another number of partitions than configured. Blocks.
pub(super) fn check(admin: &AdminClient<Context>, options: &Options) -> Result<(), Error> {
    let (topic, expected) = (&options.topic, options.partitions);
    match partitions(admin.inner(), topic)? {
        Some(found) if found == expected => Ok(()),
        Some(found) => Err(Error::Refused(format!(
            "the topic {topic} has {found} partitions, but {expected} are configured; \
             keys would move: configure {found}, or another topic, which the relay fills from the log's beginning"
        ))),
        None => Err(Error::Unavailable(format!(
            "the topic {topic} is not there yet: the relay makes it"
        ))),
    }
}

/// Partitions of a topic; `None` where there is none of this name.
fn partitions(client: &Client<Context>, topic: &str) -> Result<Option<u32>, Error> {
    let metadata = client
        .fetch_metadata(Some(topic), ANSWER)
        .map_err(client::unavailable)?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
        return Ok(None);
    };
    match found.error().map(RDKafkaErrorCode::from) {
        None => Ok(u32::try_from(found.partitions().len()).ok()),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            Ok(None)
        }
        Some(error) => Err(Error::Unavailable(format!(
            "the brokers did not describe the topic {topic}: {error}"
        ))),
    }
}
