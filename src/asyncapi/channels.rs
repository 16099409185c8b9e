//! The topics, who writes to them and who reads.

use chrono::DateTime;
use command_api::inbound;
use event_store::{
    Position, RecordedEvent, StreamId,
    bus::{
        Topic,
        kafka::{MAX_RECORD_BYTES, WATERMARK},
    },
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Known;
use crate::integration;

/// Names of the channels that are no topic's of [`integration::TOPICS`].
const LOG: &str = "log";
const LOG_DEAD_LETTERS: &str = "log.dlq";
const REQUESTS: &str = "requests.dlq";

pub(super) fn channels(known: &[Known]) -> Value {
    let topic = Topic::default();
    let all = || known.iter().map(|event| event.kind.as_str());
    let mut channels = Map::new();
    channels.insert(LOG.to_owned(), channel(
        &topic.name,
        "The log",
        "Every event, in the log's order for each key (a key is in one partition, by murmur2 as Java clients place it), and watermarks. \
A reader drops a record whose position is not beyond the last one that it saw in the partition, and stops where prev_position is: \
then nothing is applied twice and no loss goes unnoticed. The name is bus.topic. Kept for ever. Only the relay may write.",
        all().chain([WATERMARK]),
        topic.partitions,
    ));
    let dead = format!("{}.dlq", topic.name);
    channels.insert(LOG_DEAD_LETTERS.to_owned(), channel(
        &dead,
        "Events that a projection could not take",
        "For operators: the event as it is on the log's topic, with the headers of deadLetterHeaders (dead_consumer, dead_reason) beside its own.",
        all(),
        1,
    ));
    for name in integration::TOPICS {
        let routed = known.iter().filter(|event| goes_to(name, event));
        let mut messages: Vec<_> = routed.map(|event| event.kind.as_str()).collect();
        if name == inbound::TOPIC {
            messages.push(inbound::ENTRY_REQUESTED);
        }
        let about = "Second records of some events, for other programs: at least once, in order for each key unless the relay changes. \
The headers are those of the log's topic; prev_position is of no use here.";
        channels.insert(
            name.to_owned(),
            channel(name, name, about, messages.into_iter(), topic.partitions),
        );
    }
    channels.entry(inbound::TOPIC).or_insert_with(|| channel(
        inbound::TOPIC,
        "Requests to enter a drop",
        "Other programs write here what Frontrow reads. Whoever may write here, by Kafka's ACLs, may enter any customer.",
        [inbound::ENTRY_REQUESTED].into_iter(),
        topic.partitions,
    ));
    let letters = format!("{}.dlq", inbound::TOPIC);
    channels.insert(
        REQUESTS.to_owned(),
        channel(
            &letters,
            "Requests that were not carried out",
            "The request as it came, and why not: dead_code is one of docs/errors.md.",
            ["undecided"].into_iter(),
            1,
        ),
    );
    Value::Object(channels)
}

/// What this system does with each topic.
pub(super) fn operations() -> Value {
    let operation = |action: &str, channel: &str, summary: &str| {
        json!({
            "action": action,
            "channel": {"$ref": format!("#/channels/{channel}")},
            "summary": summary,
        })
    };
    let mut operations = Map::new();
    let mut sends = |channel: &str, summary: &str| {
        let name = format!("send.{channel}");
        operations.insert(name, operation("send", channel, summary));
    };
    sends(LOG, "The relay writes every event.");
    sends(
        LOG_DEAD_LETTERS,
        "Projections put aside what they can't take.",
    );
    sends(REQUESTS, "Requests that were not carried out come back.");
    for name in integration::TOPICS {
        sends(name, "The relay writes second records.");
    }
    let mut reads = operation(
        "receive",
        inbound::TOPIC,
        "A command API enters the customer. Records that the relay wrote are left alone.",
    );
    let requested = format!(
        "#/channels/{}/messages/{}",
        inbound::TOPIC,
        inbound::ENTRY_REQUESTED
    );
    reads["messages"] = json!([{"$ref": requested}]);
    reads["bindings"] = json!({"kafka": {
        "groupId": {"type": "string", "const": inbound::GROUP},
        "bindingVersion": "0.5.0",
    }});
    operations.insert(format!("receive.{}", inbound::TOPIC), reads);
    Value::Object(operations)
}

fn channel<'a>(
    topic: &str,
    title: &str,
    description: &str,
    messages: impl Iterator<Item = &'a str>,
    partitions: u32,
) -> Value {
    let messages: Map<_, _> = messages
        .map(|name| {
            let message = json!({"$ref": format!("#/components/messages/{name}")});
            (name.to_owned(), message)
        })
        .collect();
    json!({
        "address": topic,
        "title": title,
        "description": description,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": messages,
        "bindings": {"kafka": {
            "topic": topic,
            "partitions": partitions,
            "topicConfiguration": {
                "cleanup.policy": ["delete"],
                "retention.ms": -1,
                "retention.bytes": -1,
                "max.message.bytes": MAX_RECORD_BYTES,
            },
            "bindingVersion": "0.5.0",
        }},
    })
}

/// Asks the relay's own route.
fn goes_to(topic: &str, event: &Known) -> bool {
    let schema = &event.schema;
    let probe = RecordedEvent {
        position: Position(1),
        shard: 0,
        epoch: 0,
        stream: StreamId::new(schema.aggregate_type, "x"),
        sequence: 1,
        event_id: Uuid::nil(),
        command_id: Uuid::nil(),
        routing_key: "x".to_owned(),
        event_type: schema.event_type.to_owned(),
        event_version: schema.event_version.to_owned(),
        payload: "{}".to_owned(),
        metadata: "{}".to_owned(),
        recorded_at: DateTime::UNIX_EPOCH,
    };
    integration::route(&probe).contains(&topic)
}
