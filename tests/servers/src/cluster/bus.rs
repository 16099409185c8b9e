//! A plain consumer's view of the topic, beside the log.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{BorrowedMessage, Headers},
};
use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

/// How long the topic may take to have what the log has.
const PATIENCE: Duration = Duration::from_mins(1);
/// `ce_type` of a record without an event.
const WATERMARK: &str = "frontrow.watermark";

/// Reads the topic from its beginning until it holds what the log holds now.
pub(super) async fn assert_equals_log(brokers: &str, topic: &str, log: &str) {
    let log = events(log).await;
    let (brokers, topic, wanted) = (brokers.to_owned(), topic.to_owned(), log.len());
    let read = tokio::task::spawn_blocking(move || consume(&brokers, &topic, wanted));
    let copied = read.await.expect("a consumer does not panic");
    let copied = copied.expect("the topic can be read");
    for (position, event) in &log {
        let copy = copied.get(position);
        assert_eq!(
            copy,
            Some(event),
            "position {position} of {} on the topic",
            log.len()
        );
    }
}

/// Every event of the log, position and id, from the server that takes writes: after a fail-over that of the newest time line.
async fn events(urls: &str) -> BTreeMap<i64, Uuid> {
    const TIME_LINE: &str = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)";
    let mut newest: Option<(String, PgConnection)> = None;
    for url in urls.split(',') {
        // One that was killed doesn't answer, and a standby writes no log of its own.
        let Ok(mut connection) = PgConnection::connect(url).await else {
            continue;
        };
        let time_line = sqlx::query_scalar(TIME_LINE).fetch_one(&mut connection);
        if let Ok(time_line) = time_line.await
            && newest.as_ref().is_none_or(|(other, _)| *other < time_line)
        {
            newest = Some((time_line, connection));
        }
    }
    let (_, mut connection) = newest.expect("a server of the log takes writes");
    let rows = sqlx::query("SELECT position, event_id FROM events")
        .fetch_all(&mut connection)
        .await
        .expect("the log is read");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The events of the topic by position, without those that a partition has had before; the first so many of the log, or what came of them within the bound.
fn consume(
    brokers: &str,
    topic: &str,
    wanted: usize,
) -> Result<BTreeMap<i64, Uuid>, rdkafka::error::KafkaError> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "plain consumer")
        .set("enable.auto.commit", "false")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10))?;
    let partitions = metadata
        .topics()
        .iter()
        .flat_map(rdkafka::metadata::MetadataTopic::partitions);
    let mut from = TopicPartitionList::new();
    for partition in partitions {
        from.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    consumer.assign(&from)?;
    let (mut seen, mut events) = (BTreeMap::new(), BTreeMap::new());
    let end = std::time::Instant::now() + PATIENCE;
    while events.len() < wanted && std::time::Instant::now() < end {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message?;
        let position: i64 = header(&message, "position");
        let last = seen.entry(message.partition()).or_insert(0);
        if position <= *last {
            continue;
        }
        let previous: i64 = header(&message, "prev_position");
        assert!(
            previous <= *last,
            "partition {}: position {position} follows {previous}, and {last} was seen",
            message.partition()
        );
        *last = position;
        // What others have appended since does not make up for what is missing: the log is dense.
        let counts = usize::try_from(position).is_ok_and(|position| position <= wanted);
        if counts && header::<String>(&message, "ce_type") != WATERMARK {
            events.insert(position, header(&message, "ce_id"));
        }
    }
    Ok(events)
}

/// The value of a header, which must be there.
fn header<T: std::str::FromStr>(message: &BorrowedMessage<'_>, name: &str) -> T {
    let headers = message.headers();
    let found = headers
        .into_iter()
        .flat_map(|headers| headers.iter())
        .find(|header| header.key == name)
        .and_then(|header| std::str::from_utf8(header.value?).ok()?.parse().ok());
    found.unwrap_or_else(|| panic!("a record without {name}"))
}
