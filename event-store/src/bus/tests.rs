//! The adapter keeps the contract, and each check finds the fault it is there for.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;

use super::{
    Alone, Bus, Cursor, Delivery, Error, LogTailBus, Membership, Subscription, conformance, open,
};
use crate::{log::Position, testing::Rig};

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
        1
    }

    fn partition_of(&self, _routing_key: &str) -> u32 {
        0
    }

    async fn join(&self, _group: &str) -> Result<Box<dyn Membership>, Error> {
        Ok(Box::new(Alone::with(1)))
    }

    async fn subscribe(&self, mut from: Vec<Cursor>) -> Result<Box<dyn Subscription>, Error> {
        let head = self.rig.port().head().await.unwrap();
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

/// Which checks fail on a bus with this fault.
async fn failing(rig: &Arc<Rig>, fault: Fault) -> Vec<&'static str> {
    let (rig, log) = (Arc::clone(rig), rig.port());
    let bus = Faulty { rig, fault };
    let mut failing = Vec::new();
    macro_rules! check {
        ($($name:ident),* $(,)?) => {$(
            if conformance::$name(&bus, &*log).await.is_err() {
                failing.push(stringify!($name));
            }
        )*};
    }
    if fault == Fault::Sleeps {
        check!(wakes_who_waits);
        return failing;
    }
    check!(
        delivers_everything_once,
        keeps_order_per_key,
        moves_up_to_forward,
        resumes_after_its_cursor,
        respects_the_limit,
        wakes_who_waits,
        survives_cancellation,
        refuses_a_cursor_beyond_the_end,
        refuses_a_cursor_of_a_newer_epoch,
    );
    failing
}

#[tokio::test]
async fn the_log_tail_keeps_the_contract() {
    let rig = Arc::new(Rig::new().await);
    assert_eq!(failing(&rig, Fault::None).await, [""; 0]);
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
    ];
    join_all(found_by.map(|(fault, check)| async move {
        let rig = Arc::new(Rig::new().await);
        let failing = failing(&rig, fault).await;
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
    assert_eq!(open("log:", rig.port()).unwrap().partitions(), 1);
    let error = open("pigeon:coop", rig.port()).unwrap_err().to_string();
    assert_eq!(
        error,
        r#"no bus is known for "pigeon:coop"; known are: log:"#
    );
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
