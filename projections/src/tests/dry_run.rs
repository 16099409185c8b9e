//! What this release would make of history, without touching what is live.

use std::{
    collections::BTreeSet,
    num::NonZeroU32,
    sync::{Arc, Mutex},
};

use event_store::{EventLog, bus::Bus as _};
use read_model::{ProjectionId, Rows, Table, Write};
use tokio_util::sync::CancellationToken;

use super::{
    Store, batches::resume, bus::TestBus, clock, log::TestLog, runner::busy_world, world::World,
};
use crate::{
    fold_all,
    rebuild::{Deps, DryRun, Filter, Look, dry_run, rows_as_of},
};

/// A world that is projected, and a scratch.
struct Scene {
    world: World,
    live: Store,
    scratch: Store,
    bus: TestBus,
}

impl Scene {
    async fn new(decisions: u8, partitions: u32) -> Self {
        let world = busy_world(decisions);
        let bus = TestBus::new(partitions, usize::MAX);
        bus.publish(&world.events);
        let live = Store::new().await;
        let mut folder = resume(&live.model, bus.partitions()).await;
        for cursor in folder.cursors() {
            if let Some(delivery) = bus.next_delivery(&cursor, usize::MAX) {
                folder.step(vec![delivery]).await.unwrap();
            }
        }
        let scratch = Store::new().await;
        Self {
            world,
            live,
            scratch,
            bus,
        }
    }

    fn deps(&self) -> Deps {
        Deps {
            log: Arc::new(TestLog(self.bus.clone())),
            read_model: self.live.model.clone(),
            bus: Arc::new(self.bus.clone()),
            clock: clock(),
        }
    }

    async fn dry_run(&self, id: ProjectionId, filter: Filter) -> DryRun {
        let look = Look {
            filter,
            throttle: None,
        };
        let found = dry_run(&self.deps(), &self.scratch.model, id, &look, |_| {}).await;
        found.unwrap()
    }

    /// Makes the live rows of all payments say something else.
    async fn falsify(&self) -> usize {
        let mut payments = fold_all(&self.world.events).unwrap().payments;
        for payment in payments.values_mut() {
            payment.amount += 1;
        }
        let count = payments.len();
        let rows = Rows {
            payments,
            ..Rows::default()
        };
        let write = Write {
            rows,
            ..Write::default()
        };
        self.live.model.write(&write).await.unwrap();
        count
    }
}

#[tokio::test]
async fn what_is_right_is_found_the_same_and_nothing_is_swapped() {
    let scene = Scene::new(200, 3).await;
    let before = scene.live.model.versions().await.unwrap();
    for id in ProjectionId::ALL {
        let found = scene.dry_run(id, Filter::default()).await;
        assert!(found.is_same(), "{found:?}");
        assert_eq!((found.keys, found.resumed_from), (None, 0));
    }
    assert_eq!(scene.live.model.versions().await.unwrap(), before);
}

#[tokio::test]
async fn what_differs_is_named_by_table_key_and_column() {
    let scene = Scene::new(120, 2).await;
    let wrong = scene.falsify().await;
    let found = scene
        .dry_run(ProjectionId::Payments, Filter::default())
        .await;
    assert_eq!(found.differing, wrong as u64);
    assert_eq!(found.differences[0].table, "payments");
    assert_eq!(found.differences[0].columns, ["amount"]);
}

#[tokio::test]
async fn a_key_or_a_range_is_looked_at_alone() {
    let scene = Scene::new(200, 2).await;
    let wrong = scene.falsify().await;
    let payment = |event: &&event_store::RecordedEvent| &*event.stream.aggregate_type == "payment";
    let last = scene.world.events.iter().rev().find(payment).unwrap();
    let key = last.routing_key.clone();
    let of_key = Filter {
        keys: BTreeSet::from([key.clone()]),
        ..Filter::default()
    };
    let found = scene.dry_run(ProjectionId::Payments, of_key).await;
    assert_eq!(found.keys, Some(1));
    assert!(
        found.differing > 0 && found.differing < wrong as u64,
        "{found:?}"
    );
    assert_eq!(found.compared, found.differing);

    // A range is its keys, replayed from their beginning.
    let scratch = Store::new().await;
    let look = Look {
        filter: Filter {
            from: Some(last.position.0),
            to: Some(last.position.0),
            ..Filter::default()
        },
        throttle: None,
    };
    let id = ProjectionId::Payments;
    let ranged = dry_run(&scene.deps(), &scratch.model, id, &look, |_| {}).await;
    let ranged = ranged.unwrap();
    assert_eq!((ranged.keys, ranged.differing), (Some(1), found.differing));
    assert_eq!(ranged.differences, found.differences);
}

#[tokio::test]
async fn an_interrupted_dry_run_goes_on_and_keeps_to_its_pace() {
    let scene = Scene::new(120, 1).await;
    let id = ProjectionId::Reservations;
    let look = Look {
        filter: Filter::default(),
        throttle: NonZeroU32::new(400),
    };
    let (stop, deps) = (CancellationToken::new(), scene.deps());
    let done = Mutex::new(0);
    let interrupted = dry_run(&deps, &scene.scratch.model, id, &look, |progress| {
        *done.lock().unwrap() = progress.done;
        stop.cancel();
    });
    assert!(stop.run_until_cancelled(interrupted).await.is_none());
    let done = *done.lock().unwrap();
    assert!(done > 0);
    let began = tokio::time::Instant::now();
    let found = dry_run(&deps, &scene.scratch.model, id, &look, |_| {}).await;
    let found = found.unwrap();
    assert_eq!(found.resumed_from, done);
    assert!(found.is_same());
    let all = scene.world.events.len() as u64;
    assert_eq!(found.events, all - done);
    assert!(began.elapsed().as_millis() >= u128::from((all - done) * 1_000 / 400));
}

#[tokio::test]
async fn rows_as_of_a_position_are_those_of_a_fold_up_to_there() {
    let scene = Scene::new(150, 1).await;
    let log: Arc<dyn EventLog> = Arc::new(TestLog(scene.bus.clone()));
    let half = scene.world.events.len() / 2;
    let position = scene.world.events[half - 1].position.0;
    let id = ProjectionId::Reservations;
    let model = &scene.scratch.model;
    let parked = rows_as_of(&log, model, id, position, &clock(), |_| {}).await;
    assert_eq!(parked.unwrap(), []);
    let expected = fold_all(&scene.world.events[..half]).unwrap();
    let mut snapshot = model.snapshot(None).await.unwrap();
    let rows = snapshot
        .page(Table::Reservations, None, 1_000)
        .await
        .unwrap();
    assert_eq!(rows, expected.documents(Table::Reservations).unwrap());
}
