//! The adapter on real brokers.

mod rules;

use rdkafka::{
    Message,
    config::FromClientConfigAndContext,
    producer::{FutureProducer, FutureRecord},
};

use super::{Options, audit, client, topic};
use crate::{
    bus::{Bus, Cursor, Error, tests::failing},
    log::Position,
    relay::testing::Relayed,
};

/// The beginning of every partition.
fn beginning(options: &Options) -> Vec<Cursor> {
    let cursors = (0..options.partitions).map(|partition| Cursor {
        partition,
        ..Cursor::default()
    });
    cursors.collect()
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
