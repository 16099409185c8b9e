//! The adapter on real brokers, and on the library's mock cluster where brokers have to go away.

mod away;
mod rules;
mod slow;

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{Consumer, StreamConsumer},
    producer::{FutureProducer, FutureRecord},
};
use tokio::time::timeout;

use super::{
    Options, audit,
    client::{self, Context},
    record::{self, Sent},
    topic,
};
use crate::{
    bus::{Bus, Cursor, Error, tests::failing},
    log::{MAX_EVENT_BYTES, Position, RecordedEvent},
    relay::testing::Relayed,
};

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// The beginning of every partition.
fn beginning(options: &Options) -> Vec<Cursor> {
    let cursors = (0..options.partitions).map(|partition| Cursor {
        partition,
        ..Cursor::default()
    });
    cursors.collect()
}

/// A producer that is no relay.
fn producer(options: &Options) -> FutureProducer<Context> {
    let mut config = client::config(options);
    config.set("partitioner", "murmur2_random");
    FutureProducer::from_config_and_context(&config, Context).unwrap()
}

/// Writes these positions of the log to the one partition, each with what was sent before it.
async fn write(relayed: &Relayed, records: &[(u64, u64)]) -> Vec<RecordedEvent> {
    let events = relayed.log().read_all(Position(0), 1_000).await.unwrap();
    topic::ensure(&relayed.options, &[]).await.unwrap();
    let producer = producer(&relayed.options);
    for (position, prev) in records {
        let event = &events[usize::try_from(*position).unwrap() - 1];
        let sent = Sent {
            position: event.position,
            epoch: event.epoch,
            prev_position: Position(*prev),
            acknowledged: Position(0),
        };
        let record = FutureRecord::to(&relayed.options.topic)
            .key(&event.routing_key)
            .payload(&event.payload)
            .headers(record::event_headers("test", event, sent));
        producer.send(record, PATIENCE).await.unwrap();
    }
    events
}

/// What a consumer is given from `cursor` on, until `last` or an error.
async fn follow(relayed: &Relayed, cursor: Cursor, last: u64) -> Result<Vec<u64>, Error> {
    let following = async {
        let mut subscription = relayed.bus.subscribe(vec![cursor]).await?;
        let mut given = Vec::new();
        loop {
            let delivery = subscription.next(100).await?;
            given.extend(delivery.events.iter().map(|event| event.position.0));
            if delivery.cursor.position.0 >= last {
                return Ok(given);
            }
        }
    };
    timeout(PATIENCE, following).await.expect("it ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_keeps_the_contract() {
    let Some(brokers) = servers::kafka("kafka_keeps_the_contract") else {
        return;
    };
    let relayed = Relayed::new(&brokers, 3).await;
    relayed.relay();
    relayed.wait_for_topic().await;
    let log = relayed.log();
    assert_eq!(failing(&relayed.bus, &*log).await, []);
    relayed.stop().await;
    let head = log.head().await.unwrap().position;
    let audit = audit(&relayed.options, &*log, head).await.unwrap();
    assert!(audit.is_clean(), "{audit:?}");
    assert_eq!((audit.events, audit.duplicates), (head.0, 0));
}

/// What it is, the records as they come, whether nothing is missing, and how many are duplicates.
type Fault = (&'static str, &'static [(u64, u64)], bool, u64);

#[tokio::test(flavor = "multi_thread")]
async fn what_a_relay_did_wrong_is_noticed() {
    let Some(brokers) = servers::kafka("what_a_relay_did_wrong_is_noticed") else {
        return;
    };
    let faults: [Fault; 4] = [
        ("none", &[(1, 0), (2, 1), (3, 2), (4, 3)], true, 0),
        ("a lost record", &[(1, 0), (2, 1), (4, 3)], false, 0),
        (
            "a reordered record",
            &[(1, 0), (3, 2), (2, 1), (4, 3)],
            false,
            0,
        ),
        (
            "a straggler's duplicates",
            &[(1, 0), (2, 1), (1, 0), (2, 1), (3, 2), (3, 2), (4, 3)],
            true,
            3,
        ),
    ];
    for (fault, records, is_whole, duplicates) in faults {
        let relayed = Relayed::new(&brokers, 1).await;
        relayed.feed(4).await;
        write(&relayed, records).await;
        let given = follow(&relayed, Cursor::default(), 4).await;
        let audit = audit(&relayed.options, &*relayed.log(), Position(4)).await;
        let audit = audit.unwrap();
        assert_eq!(audit.is_clean(), is_whole, "{fault}: {audit:?}");
        if is_whole {
            assert_eq!(given.unwrap(), [1, 2, 3, 4], "{fault}");
            assert_eq!(audit.duplicates, duplicates, "{fault}");
        } else {
            assert!(
                matches!(given, Err(Error::Corrupt(_))),
                "{fault}: {given:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_tells_each_difference() {
    let Some(brokers) = servers::kafka("the_audit_tells_each_difference") else {
        return;
    };
    let relayed = Relayed::new(&brokers, 1).await;
    relayed.feed(5).await;
    write(&relayed, &[(1, 0), (3, 1), (4, 3)]).await;
    let log = relayed.log();
    let found = audit(&relayed.options, &*log, Position(5)).await.unwrap();
    assert_eq!(
        found.differences,
        [
            "position 2 is missing from partition 0",
            "position 5 is missing from partition 0"
        ]
    );
    // Another log: the same positions, other events.
    let other = Relayed::new(&brokers, 1).await;
    other.feed_with(3, r#"{"other":true}"#).await;
    let found = audit(&relayed.options, &*other.log(), Position(3)).await;
    assert_eq!(found.unwrap().differing, 3);
    let found = audit(&relayed.options, &*other.log(), Position(4)).await;
    assert!(!found.unwrap().is_clean());
}

/// Offsets are hints: none, wrong ones, and ones that a straggler made useless still lead to the right place.
#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_found_by_its_position() {
    let Some(brokers) = servers::kafka("a_cursor_is_found_by_its_position") else {
        return;
    };
    let relayed = Relayed::new(&brokers, 1).await;
    relayed.feed(40).await;
    let straggler = (1..=30).map(|position| (position, position - 1));
    let records: Vec<(u64, u64)> = straggler
        .chain([(2, 1), (3, 2), (4, 3)])
        .chain((31..=40).map(|position| (position, position - 1)))
        .collect();
    let events = write(&relayed, &records).await;
    for position in [0, 1, 2, 7, 29, 30, 31, 39] {
        for offset in [0, 1, 5, 20, 32, 33, 42, 43, 99] {
            let cursor = Cursor {
                position: Position(position),
                epoch: events[0].epoch,
                offset,
                ..Cursor::default()
            };
            let given = follow(&relayed, cursor, 40).await.unwrap();
            assert!(given.into_iter().eq(position + 1..=40), "{cursor:?}");
        }
    }
}

/// What librdkafka's own partitioner does with a key is what the bus tells of it.
#[tokio::test(flavor = "multi_thread")]
async fn keys_go_where_murmur2_puts_them() {
    let Some(brokers) = servers::kafka("keys_go_where_murmur2_puts_them") else {
        return;
    };
    let relayed = Relayed::new(&brokers, 12).await;
    topic::ensure(&relayed.options, &[]).await.unwrap();
    let producer = producer(&relayed.options);
    let keys = (0..200).map(|number| match number % 3 {
        0 => uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, &[number]).to_string(),
        1 => "k".repeat(usize::from(number)),
        _ => format!("schlüssel-{number}"),
    });
    for key in keys {
        let record = FutureRecord::to(&relayed.options.topic)
            .key(&key)
            .payload("");
        let placed = producer.send(record, PATIENCE).await.unwrap();
        let told = i32::try_from(relayed.bus.partition_of(&key)).unwrap();
        assert_eq!(placed.partition, told, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_event_comes_through_as_it_is() {
    let Some(brokers) = servers::kafka("the_largest_event_comes_through_as_it_is") else {
        return;
    };
    let relayed = Relayed::new(&brokers, 1).await;
    relayed.relay();
    relayed.wait_for_topic().await;
    let last = relayed.feed_with(1, &incompressible(MAX_EVENT_BYTES)).await;
    follow(&relayed, Cursor::default(), last.0).await.unwrap();
    relayed.stop().await;
    let audit = audit(&relayed.options, &*relayed.log(), last).await;
    assert_eq!(audit.unwrap().events, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_have_a_topic() {
    let Some(brokers) = servers::kafka("dead_letters_have_a_topic") else {
        return;
    };
    let relayed = Relayed::new(&brokers, 1).await;
    relayed.feed(1).await;
    topic::ensure(&relayed.options, &[]).await.unwrap();
    let event = &relayed.log().read_all(Position(0), 1).await.unwrap()[0];
    let letter = relayed
        .bus
        .dead_letter("seat_maps", event, "it can't be read");
    letter.await.unwrap();

    let consumer = plain_consumer(&relayed.options, &relayed.options.dead_letters(), 1);
    let message = timeout(PATIENCE, consumer.recv()).await.expect("a letter");
    let message = message.unwrap().detach();
    let read = record::decode(&message).unwrap();
    assert_eq!(read.event.as_ref(), Some(event));
    let headers = rdkafka::message::Headers::iter(message.headers().unwrap());
    let headers: HashMap<_, _> = headers.map(|h| (h.key, h.value.unwrap())).collect();
    assert_eq!(headers["dead_consumer"], b"seat_maps");
    assert_eq!(headers["dead_reason"], b"it can't be read");
    // What others need to know of a CloudEvent.
    let present: BTreeSet<_> = headers.keys().copied().collect();
    for name in [
        "ce_specversion",
        "ce_id",
        "ce_type",
        "ce_source",
        "content-type",
    ] {
        assert!(present.contains(name), "{name} is missing");
    }
}

/// A JSON text of so many bytes that hardly gets smaller.
fn incompressible(bytes: usize) -> String {
    let digits = (1_u64..).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_string());
    let mut text: String = digits.take(bytes / 8).collect();
    text.truncate(bytes - 2);
    format!("\"{text}\"")
}

/// A consumer that knows nothing of the bus.
pub(crate) fn plain_consumer(
    options: &Options,
    topic: &str,
    partitions: i32,
) -> StreamConsumer<Context> {
    let mut config = client::config(options);
    config
        .set("group.id", topic)
        .set("auto.offset.reset", "earliest");
    let consumer = StreamConsumer::from_config_and_context(&config, Context).unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, partitions - 1);
    list.set_all_offsets(Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    consumer
}
