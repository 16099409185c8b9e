//! The topics: made where they are missing, refused where they are not as configured.

use std::{fmt, time::Duration};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::Client,
    config::FromClientConfigAndContext,
    error::{KafkaError, RDKafkaErrorCode},
};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::{
    Options,
    client::{self, ANSWER, Context, MAX_RECORD_BYTES, blocking},
};
use crate::bus::Error;

/// Copies that must have a record before it counts as written, where there are at least three of them.
const MIN_IN_SYNC: &str = "2";

/// Dead letters are few, and an operator reads them in one order.
pub(crate) const DEAD_LETTER_PARTITIONS: u32 = 1;

/// The settings by which nothing goes away.
const KEPT_FOR_EVER: [(&str, &str); 3] = [
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    ("cleanup.policy", "delete"),
];

/// The setting of the largest batch that is taken.
const LARGEST: &str = "max.message.bytes";

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
    check_settings(options).await?;
    let options = options.clone();
    blocking(move || check(&client(&options)?, &options)).await
}

/// Refuses a topic of the log whose records would go away, or that takes no large ones: it may have been made by others.
async fn check_settings(options: &Options) -> Result<(), Error> {
    let topic = &options.topic;
    let admin = client(options)?;
    let asked = [ResourceSpecifier::Topic(topic)];
    let settings = AdminOptions::new().request_timeout(Some(ANSWER));
    let answer = admin.describe_configs(&asked, &settings).await;
    client::part_with(admin);
    let found = match answer.map(|mut answer| answer.pop()) {
        Ok(Some(Ok(found))) => found,
        // The brokers answered before, but not to this: librdkafka's mock cluster knows no such question.
        Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut)) | Ok(None) => {
            warn!(topic, "the settings of the topic are unchecked");
            return Ok(());
        }
        Ok(Some(Err(code))) => return Err(untold(topic, &code)),
        Err(error) => return Err(untold(topic, &error)),
    };
    for (name, wanted) in KEPT_FOR_EVER {
        let value = found.get(name).and_then(|entry| entry.value.as_deref());
        if value.is_some_and(|value| value != wanted) {
            return Err(Error::Refused(format!(
                "the topic {topic} has {name}={}, where it needs {wanted}: records would be lost",
                value.unwrap_or_default()
            )));
        }
    }
    let largest = found.get(LARGEST).and_then(|entry| entry.value.as_deref());
    match largest.map(str::parse::<usize>) {
        Some(Ok(largest)) if largest < MAX_RECORD_BYTES => Err(Error::Refused(format!(
            "the topic {topic} has {LARGEST}={largest}, where it needs {MAX_RECORD_BYTES}"
        ))),
        _ => Ok(()),
    }
}

fn untold(topic: &str, error: &impl fmt::Display) -> Error {
    let text = format!("the brokers did not tell the settings of the topic {topic}: {error}");
    Error::Unavailable(text)
}

/// Makes sure that a topic is there; with how many partitions, if it is others' already, they know.
pub(crate) async fn ensure_one(
    options: &Options,
    topic: &str,
    partitions: u32,
) -> Result<(), Error> {
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
    let mut new =
        NewTopic::new(topic, count, TopicReplication::Fixed(replication)).set(LARGEST, &largest);
    new.config.extend(KEPT_FOR_EVER);
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
pub(crate) fn client(options: &Options) -> Result<AdminClient<Context>, Error> {
    AdminClient::from_config_and_context(&client::config(options), Context)
        .map_err(client::unavailable)
}

/// Refuses a topic of the log that has another number of partitions than configured. Blocks.
pub(crate) fn check(admin: &AdminClient<Context>, options: &Options) -> Result<(), Error> {
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
