//! The relay on real brokers: what is killed, doubled or taken over leaves the topic equal to the log.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rdkafka::{
    Message,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    config::FromClientConfigAndContext,
};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Error, SILENCE, Status, run,
    testing::{MemoryLeases, Relayed},
};
use crate::{
    bus::{
        Bus, Cursor,
        kafka::{
            Audit, audit,
            client::{self, Context},
            record,
            tests::plain_consumer,
        },
    },
    leases,
    log::{Position, RecordedEvent},
};

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Consumes from the beginning until every partition has come to `last`.
async fn consume(relayed: &Relayed, last: Position) -> Vec<RecordedEvent> {
    let mut cursors: HashMap<u32, Cursor> = (0..relayed.options.partitions)
        .map(|partition| {
            let cursor = Cursor {
                partition,
                ..Cursor::default()
            };
            (partition, cursor)
        })
        .collect();
    let mut events = Vec::new();
    let consuming = async {
        while cursors.values().any(|cursor| cursor.position < last) {
            let from = cursors.values().copied().collect();
            // The topic may not be there yet.
            let Ok(mut subscription) = relayed.bus.subscribe(from).await else {
                continue;
            };
            while cursors.values().any(|cursor| cursor.position < last) {
                let delivery = subscription.next(500).await.unwrap();
                cursors.insert(delivery.cursor.partition, delivery.cursor);
                events.extend(delivery.events);
            }
        }
    };
    timeout(PATIENCE, consuming).await.expect("all is relayed");
    events.sort_by_key(|event| event.position);
    events
}

async fn audited(relayed: &Relayed, up_to: Position) -> Audit {
    let audit = audit(&relayed.options, &*relayed.log(), up_to)
        .await
        .unwrap();
    assert!(audit.is_clean(), "{audit:?}");
    assert_eq!((audit.events, audit.up_to), (up_to.0, up_to));
    audit
}

/// The consumer's events are the log's.
async fn equal_the_log(relayed: &Relayed, last: Position) {
    let count = usize::try_from(last.0).unwrap();
    let log = relayed.log().read_all(Position(0), count).await.unwrap();
    assert!(consume(relayed, last).await == log);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_topic_equals_the_log() {
    let Some(brokers) = servers::kafka("the_topic_equals_the_log") else {
        return;
    };
    let relayed = Relayed::new(&brokers, 4).await;
    relayed.feed(700).await;
    relayed.relay();
    let last = relayed.feed(1_800).await;
    equal_the_log(&relayed, last).await;
    relayed.stop().await;
    let audit = audited(&relayed, last).await;
    assert_eq!(audit.duplicates, 0);
    assert!(audit.watermarks >= 1, "{audit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_killed_goes_on_where_the_topic_ends() {
    let Some(brokers) = servers::kafka("a_relay_that_is_killed_goes_on") else {
        return;
    };
    let relayed = Relayed::new(&brokers, 4).await;
    for round in 0..6 {
        relayed.feed(400).await;
        let kill = CancellationToken::new();
        relayed.relay_until_killed(kill.clone());
        // Later and later within a batch: before it is produced, before it is acknowledged, before the watermark.
        let claims = || relayed.leases.claims.load(Ordering::SeqCst);
        let before = claims();
        let killing = async {
            while claims() == before {
                tokio::task::yield_now().await;
            }
            for _ in 0..round * 40 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, killing).await.expect("the relay claims");
        kill.cancel();
        relayed.leases.expire();
    }
    relayed.relay();
    let last = relayed.feed(10).await;
    equal_the_log(&relayed, last).await;
    relayed.stop().await;
    audited(&relayed, last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_relays_without_a_fence_only_add_duplicates() {
    let Some(brokers) = servers::kafka("two_relays_without_a_fence") else {
        return;
    };
    let mut relayed = Relayed::new(&brokers, 4).await;
    relayed.leases = Arc::new(MemoryLeases::lax());
    relayed.relay();
    relayed.relay();
    // Whoever begins later has nothing to claim before something new comes.
    let both = async {
        let (mut last, moment) = (relayed.feed(100).await, Duration::from_millis(20));
        while timeout(moment, relayed.leases.wait_for_claims(2, Position(1)))
            .await
            .is_err()
        {
            last = relayed.feed(100).await;
        }
        last
    };
    let mut last = timeout(PATIENCE, both).await.expect("both relay");
    for _ in 0..10 {
        last = relayed.feed(100).await.max(last);
    }
    let both = relayed.leases.wait_for_claims(2, last);
    timeout(PATIENCE, both).await.expect("both relay all");
    equal_the_log(&relayed, last).await;
    relayed.stop().await;
    let audit = audited(&relayed, last).await;
    assert!(audit.duplicates > 0, "{audit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over() {
    let Some(brokers) = servers::kafka("a_standby_takes_over") else {
        return;
    };
    let relayed = Relayed::new(&brokers, 2).await;
    let kill = CancellationToken::new();
    relayed.relay_until_killed(kill.clone());
    let first = relayed.feed(100).await;
    consume(&relayed, first).await;
    let leader = relayed.leases.holder();
    let standby = relayed.relay();
    assert_ne!(leader, Some(standby));
    kill.cancel();
    // Nobody gave the lease back.
    relayed.leases.expire();
    let last = relayed.feed(100).await;
    equal_the_log(&relayed, last).await;
    assert_eq!(relayed.leases.holder(), Some(standby));
    relayed.stop().await;
    audited(&relayed, last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_produced_once_the_term_is_over() {
    let Some(brokers) = servers::kafka("nothing_is_produced_once_the_term_is_over") else {
        return;
    };
    let relayed = Relayed::new(&brokers, 2).await;
    relayed.relay();
    let first = relayed.feed(10).await;
    consume(&relayed, first).await;
    // Another has the lease, of which the leader does not know: its next claim is refused.
    relayed.leases.expire();
    let other = uuid::Uuid::now_v7();
    let held = &relayed.leases;
    leases::Leases::hold(&**held, super::LEASE, other, PATIENCE)
        .await
        .unwrap()
        .unwrap();
    let claims = held.claims.load(Ordering::SeqCst);
    let last = relayed.feed(10).await;
    let refused = async {
        while held.claims.load(Ordering::SeqCst) == claims {
            tokio::task::yield_now().await;
        }
    };
    // Where it asked for its lease just before, it knows, and claims nothing any more.
    let _ = timeout(4 * leases::RENEW, refused).await;
    relayed.stop().await;
    let audit = audit(&relayed.options, &*relayed.log(), last)
        .await
        .unwrap();
    assert_eq!((audit.events, audit.differing), (10, 10), "{audit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn second_records_go_to_their_topics() {
    let Some(brokers) = servers::kafka("second_records_go_to_their_topics") else {
        return;
    };
    let mut relayed = Relayed::new(&brokers, 2).await;
    let topic: &'static str = format!("{}.even", relayed.options.topic).leak();
    relayed.integration = vec![topic.to_owned()];
    relayed.route = Arc::new(move |event| {
        let is_even = event.position.0.is_multiple_of(2);
        is_even.then_some(topic).into_iter().collect()
    });
    let kill = CancellationToken::new();
    relayed.relay_until_killed(kill.clone());
    let first = relayed.feed(50).await;
    consume(&relayed, first).await;
    kill.cancel();
    relayed.leases.expire();
    relayed.relay();
    let last = relayed.feed(50).await;
    consume(&relayed, last).await;
    relayed.stop().await;

    let consumer = plain_consumer(&relayed.options, topic, 2);
    let mut seen = std::collections::BTreeSet::new();
    let reading = async {
        while seen.len() < 50 {
            let message = consumer.recv().await.unwrap();
            let record = record::decode(&message).unwrap();
            let event = record.event.unwrap();
            assert_eq!(
                message.partition(),
                i32::try_from(relayed.options.partition_of(&event.routing_key)).unwrap()
            );
            seen.insert(event.position.0);
        }
    };
    timeout(PATIENCE, reading)
        .await
        .expect("all second records");
    assert!(seen.into_iter().eq((2..=100).step_by(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_ahead_of_the_log_stops_the_relay() {
    let Some(brokers) = servers::kafka("a_topic_that_is_ahead_of_the_log") else {
        return;
    };
    let relayed = Relayed::new(&brokers, 2).await;
    relayed.relay();
    let last = relayed.feed(20).await;
    consume(&relayed, last).await;
    relayed.stop().await;
    // The log came back without its last events, or with others.
    for count in [10, 20] {
        let mut other = Relayed::new(&brokers, 2).await;
        other.options = relayed.options.clone();
        other.feed_with(count, r#"{"other":true}"#).await;
        if count == 20 {
            other.rig.log.raise_epoch_at(Position(15));
        }
        let ended = timeout(PATIENCE, run(other.deps(), CancellationToken::new())).await;
        let ended = ended.expect("it ends");
        assert!(matches!(ended, Err(Error::Diverged(_))), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_partitions_is_refused() {
    let Some(brokers) = servers::kafka("another_number_of_partitions_is_refused") else {
        return;
    };
    let mut relayed = Relayed::new(&brokers, 2).await;
    relayed.relay();
    relayed.wait_for_topic().await;
    relayed.stop().await;
    relayed.options.partitions = 3;
    let ended = timeout(PATIENCE, run(relayed.deps(), CancellationToken::new())).await;
    let error = ended.expect("it ends").unwrap_err().to_string();
    assert!(
        error.contains("has 2 partitions, but 3 are configured"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_forgets_is_refused() {
    let Some(brokers) = servers::kafka("a_topic_that_forgets_is_refused") else {
        return;
    };
    let relayed = Relayed::new(&brokers, 1).await;
    let admin: AdminClient<Context> =
        AdminClient::from_config_and_context(&client::config(&relayed.options), Context).unwrap();
    let topic = NewTopic::new(&relayed.options.topic, 1, TopicReplication::Fixed(1));
    let topic = topic.set("retention.ms", "604800000");
    let made = admin.create_topics([&topic], &AdminOptions::new()).await;
    made.unwrap().pop().unwrap().unwrap();
    let ended = timeout(PATIENCE, run(relayed.deps(), CancellationToken::new())).await;
    let error = ended.expect("it ends").unwrap_err().to_string();
    assert!(error.contains("has retention.ms=604800000"), "{error}");
}

#[test]
fn a_relay_says_what_failed_it_or_for_how_long_the_brokers_owe_an_answer() {
    let status = Status::default();
    assert_eq!(status.check(), Ok(()));
    status.waits_since(Some(Instant::now()));
    assert_eq!(status.check(), Ok(()));
    status.waits_since(Instant::now().checked_sub(SILENCE));
    let waits = "the brokers have not acknowledged anything for 5 s";
    assert_eq!(status.check(), Err(waits.to_owned()));
    status.fails("no broker".to_owned());
    assert_eq!(status.check(), Err("no broker".to_owned()));
    status.waits_since(None);
    assert_eq!(status.check(), Ok(()));
}
