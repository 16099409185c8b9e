//! A worker's part in a group. The group shares the partitions out; nothing is read and no offset is kept through it.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rdkafka::{
    ClientContext, TopicPartitionList,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance},
    error::KafkaError,
};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::{
    Options,
    client::{self, blocking},
    topic,
};
use crate::bus::{Error, Membership};

/// How long a member may be silent before its partitions are given to others; the least that brokers take by default.
const SESSION_MS: &str = "6000";

/// How often a member tells that it lives.
const HEARTBEAT_MS: &str = "2000";

/// How soon a member that is dropped notices, at the latest.
const TURN: Duration = Duration::from_millis(100);

/// A worker in a group.
pub(super) struct KafkaMembership {
    assigned: watch::Receiver<Vec<u32>>,
    over: Arc<AtomicBool>,
}

/// Joins `group`.
///
/// # Errors
/// [`Error::Refused`], [`Error::Unavailable`].
pub(super) async fn join(options: &Options, group: &str) -> Result<KafkaMembership, Error> {
    let (sender, assigned) = watch::channel(Vec::new());
    let over = Arc::new(AtomicBool::new(false));
    let (options, group, ends) = (options.clone(), group.to_owned(), Arc::clone(&over));
    let member = blocking(move || {
        topic::check(&topic::client(&options)?, &options)?;
        let shares = Shares {
            group: group.clone(),
            assigned: sender,
            mine: Mutex::default(),
        };
        let consumer = BaseConsumer::from_config_and_context(&config(&options, &group), shares)
            .map_err(client::unavailable)?;
        consumer
            .subscribe(&[&options.topic])
            .map_err(client::unavailable)?;
        Ok(consumer)
    })
    .await?;
    // A thread, since the library calls back from within the poll, and leaving the group waits for the brokers.
    std::thread::Builder::new()
        .name("kafka-member".to_owned())
        .spawn(move || take_part(&member, &ends))
        .map_err(|error| Error::Unavailable(format!("no thread for a member: {error}")))?;
    Ok(KafkaMembership { assigned, over })
}

fn config(options: &Options, group: &str) -> rdkafka::ClientConfig {
    let mut config = client::config(options);
    config
        .set("group.id", group)
        .set("session.timeout.ms", SESSION_MS)
        .set("heartbeat.interval.ms", HEARTBEAT_MS)
        // Only partitions that move are taken away, and they are given on only once they were let go of.
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "latest");
    config
}

/// Plays the part until it is over; dropping the consumer then leaves the group.
fn take_part(member: &BaseConsumer<Shares>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        match member.poll(TURN) {
            // Paused as soon as they are assigned, partitions may still yield what was asked for before.
            Some(Ok(_)) | None => {}
            Some(Err(error)) if client::is_passing(&error) => debug!(%error, "the group goes on"),
            Some(Err(error)) => warn!(%error, "the group met an error"),
        }
    }
    member.context().publish(Vec::clear);
}

/// What the group gave this member.
struct Shares {
    group: String,
    assigned: watch::Sender<Vec<u32>>,
    mine: Mutex<Vec<u32>>,
}

impl Shares {
    fn publish(&self, change: impl FnOnce(&mut Vec<u32>)) {
        let mut mine = self.mine.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut mine);
        mine.sort_unstable();
        mine.dedup();
        info!(group = self.group, partitions = ?*mine, "partitions of this worker");
        self.assigned.send_replace(mine.clone());
    }
}

impl ClientContext for Shares {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        client::log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::met(&error, reason);
    }
}

impl ConsumerContext for Shares {
    /// Tells of what is taken away before the group hears that it was let go of.
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(list) => {
                let gone = partitions(list);
                self.publish(|mine| mine.retain(|partition| !gone.contains(partition)));
            }
            Rebalance::Error(error) => warn!(%error, "the group could not share out"),
            Rebalance::Assign(_) => {}
        }
    }

    fn post_rebalance(&self, member: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            if let Err(error) = member.pause(list) {
                warn!(%error, "partitions of a member could not be paused");
            }
            let new = partitions(list);
            self.publish(|mine| mine.extend(new));
        }
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<u32> {
    let elements = list.elements();
    let numbers = elements.iter().map(|e| u32::try_from(e.partition()));
    numbers.filter_map(Result::ok).collect()
}

impl Membership for KafkaMembership {
    fn assigned(&self) -> watch::Receiver<Vec<u32>> {
        self.assigned.clone()
    }
}

impl Drop for KafkaMembership {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for KafkaMembership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaMembership")
            .field("assigned", &*self.assigned.borrow())
            .finish_non_exhaustive()
    }
}
