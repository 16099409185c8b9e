//! A consumer that is slow does not make the process grow.

use std::time::Duration;

use futures::FutureExt;
use tokio::time::{interval, timeout};

use super::{
    super::subscription::{self, MAX_QUEUED_BYTES},
    PATIENCE, beginning, incompressible,
};
use crate::{bus::Subscription, relay::testing::Relayed};

/// How fast the slow consumer is.
const TURN: Duration = Duration::from_millis(250);

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_slow_consumer_is_bounded() {
    let Some(brokers) = servers::kafka("what_waits_for_a_slow_consumer_is_bounded") else {
        return;
    };
    let relayed = Relayed::new(&brokers, 2).await;
    relayed.relay();
    relayed.wait_for_topic().await;
    // Several times what may wait.
    let payload = incompressible(64 * 1024);
    let mut last = relayed.feed_with(1, &payload).await;
    for _ in 0..15 {
        last = relayed.feed_with(64, &payload).await;
    }
    let total = usize::try_from(last.0).unwrap() * payload.len();
    assert!(total > 3 * MAX_QUEUED_BYTES);
    let from = beginning(&relayed.options);
    let mut config = subscription::config(&relayed.options);
    config.set("statistics.interval.ms", "1000");
    let slow = subscription::subscribe_with(&config, &relayed.options, from).await;
    let mut slow = slow.unwrap();
    let mut events = slow.next(1).await.unwrap().events.len() as u64;
    let mut queued_bytes = slow.queued_bytes();
    // It takes four events a second: time enough to fetch everything, were there no bound.
    let mut turn = interval(TURN);
    let looks = async {
        let mut most = 0;
        for _ in 0..4 {
            while !queued_bytes.has_changed().unwrap() {
                // The library tells from within a poll alone.
                let taken = slow.next(1).now_or_never();
                events += taken.map_or(0, |taken| taken.unwrap().events.len() as u64);
                turn.tick().await;
            }
            most = most.max(*queued_bytes.borrow_and_update());
        }
        most
    };
    let most = timeout(PATIENCE, looks).await.expect("statistics come");
    assert!(most > 0 && most < 2 * MAX_QUEUED_BYTES as u64, "{most}");
    // And what was left at the brokers comes once it is asked for.
    let rest = async {
        while events < last.0 {
            events += slow.next(100).await.unwrap().events.len() as u64;
        }
    };
    timeout(PATIENCE, rest).await.expect("the rest comes");
    relayed.stop().await;
}
