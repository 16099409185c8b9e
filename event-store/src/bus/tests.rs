//! The adapter keeps the contract, and each check finds the fault it is there for.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;

use super::{
    Alone, Bus, Cursor, Delivery, Error, LogTailBus, Membership, Subscription, Topic, conformance,
    open,
};
use crate::{
    log::{EventLog, Position},
    testing::Rig,
};

/// One thing that a bus does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Delivers an event twice.
    Repeats,
    /// Leaves an event out.
    Skips,
    /// Changes what an event says.
    Changes,
    /// Delivers events in another order.
    Reorders,
    /// Lets the cursor fall behind what was delivered.
    FallsBack,
    /// Begins at the event that the cursor ends with.
    BeginsAtCursor,
    /// Gives more than was asked for.
    ExceedsLimit,
    /// Never tells of what comes later.
    Sleeps,
    /// Takes a delivery before it can hand it over.
    LosesOnCancel,
    /// Takes any cursor for one within the log.
    TrustsPositions,
    /// Takes any epoch for its own.
    TrustsEpochs,
    /// Tells of another partition than the events come in.
    MisplacesKeys,
    /// Gives a member nothing.
    SharesNothing,
    /// Has a partition that stands still.
    ForgetsAPartition,
}

#[derive(Debug)]
struct Faulty {
    rig: Arc<Rig>,
    fault: Fault,
}

#[derive(Debug)]
struct FaultySubscription {
    inner: Box<dyn Subscription>,
    fault: Fault,
    deliveries: usize,
}

#[async_trait]
impl Bus for Faulty {
    fn partitions(&self) -> u32 {
        1 + u32::from(self.fault == Fault::ForgetsAPartition)
    }

    fn partition_of(&self, _routing_key: &str) -> u32 {
        u32::from(self.fault == Fault::MisplacesKeys)
    }

    async fn join(&self, _group: &str) -> Result<Box<dyn Membership>, Error> {
        let partitions = u32::from(self.fault != Fault::SharesNothing);
        Ok(Box::new(Alone::with(partitions)))
    }

    async fn subscribe(&self, mut from: Vec<Cursor>) -> Result<Box<dyn Subscription>, Error> {
        let head = self.rig.port().head().await.unwrap();
        if from.iter().all(|cursor| cursor.partition > 0) {
            return Ok(Box::new(Silent));
        }
        from.retain(|cursor| cursor.partition == 0);
        for cursor in &mut from {
            match self.fault {
                Fault::TrustsPositions => cursor.position = cursor.position.min(head.position),
                Fault::TrustsEpochs => cursor.epoch = cursor.epoch.min(head.epoch),
                Fault::BeginsAtCursor => {
                    cursor.position = Position(cursor.position.0.saturating_sub(1));
                }
                _ => {}
            }
        }
        Ok(Box::new(FaultySubscription {
            inner: LogTailBus::new(self.rig.port()).subscribe(from).await?,
            fault: self.fault,
            deliveries: 0,
        }))
    }
}

/// Nothing ever comes.
#[derive(Debug)]
struct Silent;

#[async_trait]
impl Subscription for Silent {
    async fn next(&mut self, _limit: usize) -> Result<Delivery, Error> {
        std::future::pending().await
    }
}

#[async_trait]
impl Subscription for FaultySubscription {
    async fn next(&mut self, limit: usize) -> Result<Delivery, Error> {
        if self.fault == Fault::Sleeps {
            return std::future::pending().await;
        }
        let limit = limit + usize::from(self.fault == Fault::ExceedsLimit);
        let mut delivery = self.inner.next(limit).await?;
        self.deliveries += 1;
        match self.fault {
            Fault::Repeats => delivery.events.extend(delivery.events.last().cloned()),
            Fault::Skips => drop(delivery.events.pop()),
            Fault::Reorders => delivery.events.reverse(),
            Fault::FallsBack if self.deliveries == 2 => delivery.cursor.position = Position(1),
            // Many turns, because how many pass before the log answers differs from one time to the next.
            Fault::LosesOnCancel => {
                for _ in 0..32 {
                    tokio::task::yield_now().await;
                }
            }
            Fault::Changes => {
                let events = delivery.events.iter_mut();
                events.for_each(|event| event.payload.push(' '));
            }
            _ => {}
        }
        Ok(delivery)
    }
}

/// Which checks fail on a bus, and why.
pub(super) async fn failing(bus: &dyn Bus, log: &dyn EventLog) -> Vec<(&'static str, String)> {
    let mut failing = Vec::new();
    macro_rules! check {
        ($($name:ident),* $(,)?) => {$(
            if let Err(wrong) = conformance::$name(bus, log).await {
                failing.push((stringify!($name), wrong));
            }
        )*};
    }
    check!(
        delivers_everything_once,
        keeps_order_per_key,
        moves_up_to_forward,
        resumes_after_its_cursor,
        tells_the_partition_of_a_key,
        covers_positions_of_other_partitions,
        shares_partitions_out,
        respects_the_limit,
        wakes_who_waits,
        survives_cancellation,
        refuses_a_cursor_beyond_the_end,
        refuses_a_cursor_of_a_newer_epoch,
    );
    failing
}

/// Which checks fail on a bus with this fault.
async fn failing_with(rig: &Arc<Rig>, fault: Fault) -> Vec<&'static str> {
    let (rig, log) = (Arc::clone(rig), rig.port());
    let bus = Faulty { rig, fault };
    // The others would wait for ever, or for long.
    let only = match fault {
        Fault::Sleeps => conformance::wakes_who_waits(&bus, &*log).await,
        Fault::SharesNothing => conformance::shares_partitions_out(&bus, &*log).await,
        Fault::ForgetsAPartition => {
            conformance::covers_positions_of_other_partitions(&bus, &*log).await
        }
        _ => {
            let failing = failing(&bus, &*log).await;
            return failing.into_iter().map(|(check, _)| check).collect();
        }
    };
    let check = match fault {
        Fault::Sleeps => "wakes_who_waits",
        Fault::SharesNothing => "shares_partitions_out",
        _ => "covers_positions_of_other_partitions",
    };
    only.err().map(|_| check).into_iter().collect()
}

#[tokio::test]
async fn the_log_tail_keeps_the_contract() {
    let rig = Arc::new(Rig::new().await);
    let bus = Faulty {
        rig: Arc::clone(&rig),
        fault: Fault::None,
    };
    assert_eq!(failing(&bus, &*rig.port()).await, []);
}

#[tokio::test]
async fn each_fault_is_found() {
    let found_by = [
        (Fault::Repeats, "delivers_everything_once"),
        (Fault::Skips, "delivers_everything_once"),
        (Fault::Changes, "delivers_everything_once"),
        (Fault::Reorders, "keeps_order_per_key"),
        (Fault::FallsBack, "moves_up_to_forward"),
        (Fault::BeginsAtCursor, "resumes_after_its_cursor"),
        (Fault::ExceedsLimit, "respects_the_limit"),
        (Fault::Sleeps, "wakes_who_waits"),
        (Fault::LosesOnCancel, "survives_cancellation"),
        (Fault::TrustsPositions, "refuses_a_cursor_beyond_the_end"),
        (Fault::TrustsEpochs, "refuses_a_cursor_of_a_newer_epoch"),
        (Fault::MisplacesKeys, "tells_the_partition_of_a_key"),
        (Fault::SharesNothing, "shares_partitions_out"),
        (
            Fault::ForgetsAPartition,
            "covers_positions_of_other_partitions",
        ),
    ];
    join_all(found_by.map(|(fault, check)| async move {
        let rig = Arc::new(Rig::new().await);
        let failing = failing_with(&rig, fault).await;
        assert!(
            failing.contains(&check),
            "{fault:?} was found by {failing:?} only"
        );
    }))
    .await;
}

#[tokio::test]
async fn only_known_schemes_open() {
    let rig = Rig::new().await;
    let topic = Topic::default();
    let open = |url, log| open(url, log, &topic).map(|bus| bus.partitions());
    assert_eq!(open("log:", Some(rig.port())).unwrap(), 1);
    let error = open("pigeon:coop", None).unwrap_err().to_string();
    assert_eq!(
        error,
        r#"no bus is known for "pigeon:coop"; known are: log:, kafka:HOST:PORT[,HOST:PORT...]"#
    );
    let error = open("log:", None).unwrap_err().to_string();
    assert!(error.contains("is the log itself"), "{error}");
    let kafka = open("kafka:localhost:9092,other:9092", None);
    #[cfg(feature = "kafka")]
    assert_eq!(kafka.unwrap(), topic.partitions);
    #[cfg(not(feature = "kafka"))]
    assert!(kafka.unwrap_err().to_string().contains("feature `kafka`"));
}

#[tokio::test]
async fn a_cursor_that_makes_no_sense_is_refused() {
    let rig = Rig::new().await;
    let bus = LogTailBus::new(rig.port());
    let other = Cursor {
        partition: 1,
        ..Cursor::default()
    };
    for from in [
        vec![],
        vec![other],
        vec![Cursor::default(), Cursor::default()],
    ] {
        let refused = bus.subscribe(from).await.map(drop);
        assert!(matches!(refused, Err(Error::Diverged(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn an_event_of_a_newer_epoch_in_place_of_one_seen_is_refused() {
    let rig = Rig::new().await;
    let (bus, log) = (LogTailBus::new(rig.port()), rig.port());
    conformance::delivers_everything_once(&bus, &*log)
        .await
        .unwrap();
    let head = log.head().await.unwrap();
    let cursor = Cursor {
        epoch: head.epoch,
        position: Position(head.position.0 - 1),
        ..Cursor::default()
    };
    // After what was seen, a new epoch is how the log goes on.
    rig.log.raise_epoch_at(head.position);
    let mut tail = bus.subscribe(vec![cursor]).await.unwrap();
    let delivery = tail.next(10).await.unwrap();
    assert_eq!(delivery.cursor.epoch, head.epoch + 1);
    assert_eq!(delivery.cursor.position, head.position);
    rig.log.raise_epoch_at(cursor.position);
    let refused = bus.subscribe(vec![cursor]).await.map(drop);
    assert!(matches!(refused, Err(Error::Diverged(_))), "{refused:?}");
}
