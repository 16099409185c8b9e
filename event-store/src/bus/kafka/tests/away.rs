//! Brokers that go away and come back: the bus says so, and goes on by itself.

use rdkafka::mocking::MockCluster;
use tokio::time::timeout;

use super::{PATIENCE, beginning};
use crate::{
    bus::{Bus, Error},
    log::Position,
    relay::testing::Relayed,
};

/// A cluster within the library, whose brokers can be switched off. It makes no topics by request.
fn cluster(
    relayed: &mut Relayed,
) -> MockCluster<'static, rdkafka::producer::DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    let partitions = i32::try_from(relayed.options.partitions).unwrap();
    let options = &mut relayed.options;
    cluster.create_topic(&options.topic, partitions, 1).unwrap();
    cluster.create_topic(&options.dead_letters(), 1, 1).unwrap();
    options.brokers = cluster.bootstrap_servers();
    relayed.bus = super::super::KafkaBus::new(options.clone());
    cluster
}

/// Follows every partition until each has come to `last`; how often the bus was unavailable on the way.
async fn follow(relayed: &Relayed, last: Position) -> (Vec<Position>, usize) {
    let (mut cursors, mut given, mut away) = (beginning(&relayed.options), Vec::new(), 0);
    let following = async {
        'subscribing: loop {
            let mut subscription = match relayed.bus.subscribe(cursors.clone()).await {
                Ok(subscription) => subscription,
                Err(Error::Unavailable(_)) => {
                    away += 1;
                    continue;
                }
                Err(error) => panic!("{error}"),
            };
            while cursors.iter().any(|cursor| cursor.position < last) {
                let delivery = match subscription.next(100).await {
                    Ok(delivery) => delivery,
                    Err(Error::Unavailable(_)) => {
                        away += 1;
                        continue 'subscribing;
                    }
                    Err(error) => panic!("{error}"),
                };
                given.extend(delivery.events.iter().map(|event| event.position));
                for cursor in &mut cursors {
                    if cursor.partition == delivery.cursor.partition {
                        *cursor = delivery.cursor;
                    }
                }
            }
            break;
        }
    };
    timeout(PATIENCE, following).await.expect("it goes on");
    given.sort();
    (given, away)
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_come_back_are_found() {
    let mut relayed = Relayed::new("", 2).await;
    let cluster = cluster(&mut relayed);
    relayed.relay();
    let first = relayed.feed(50).await;
    let (given, _) = follow(&relayed, first).await;
    assert_eq!(given.len(), 50);

    let mut waiting = relayed
        .bus
        .subscribe(beginning(&relayed.options))
        .await
        .unwrap();
    cluster.broker_down(-1).unwrap();
    let last = relayed.feed(50).await;
    // Who waits is told, whoever asks too.
    let told = async {
        loop {
            if let Err(error) = waiting.next(100).await {
                break error;
            }
        }
    };
    let told = timeout(PATIENCE, told).await.expect("it is told");
    assert!(matches!(told, Error::Unavailable(_)), "{told}");
    let refused = relayed.bus.subscribe(beginning(&relayed.options)).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");

    cluster.broker_up(-1).unwrap();
    let (given, _) = follow(&relayed, last).await;
    assert_eq!(given, (1..=last.0).map(Position).collect::<Vec<_>>());
    relayed.stop().await;
}
