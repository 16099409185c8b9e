//! Rows made anew beside the live ones.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use read_model::{ProjectionId, Rows, VersionState, Versions, Write};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Store,
    batches::{assert_holds, resume},
    bus::TestBus,
    clock,
    log::TestLog,
    on_both_stores,
    runner::{busy_world, caught_up, deps, soon},
    world::World,
};
use crate::{
    fold_all, parked,
    rebuild::{Deps, Options, Phase, Report, rebuild, roll_back},
    run,
};

on_both_stores!(
    a_rebuild_beside_a_worker_ends_in_rows_that_the_worker_goes_on_with,
    an_interrupted_rebuild_goes_on_where_it_was,
    rows_that_differ_are_named_and_live_only_once_somebody_accepts,
    a_rebuild_takes_parked_keys_up_again_and_leaves_them_out_of_the_comparison,
);

fn rebuilding(store: &Store, bus: &TestBus) -> Deps {
    Deps {
        log: Arc::new(TestLog(bus.clone())),
        read_model: store.model.clone(),
        bus: Arc::new(bus.clone()),
        clock: clock(),
    }
}

async fn rebuilt(store: &Store, bus: &TestBus, id: ProjectionId) -> Report {
    let deps = rebuilding(store, bus);
    rebuild(&deps, id, &Options::default(), |_| {})
        .await
        .unwrap()
}

/// Projects what is on the bus in deliveries of `size`; some partitions further than others.
async fn project_some(store: &Store, bus: &TestBus, size: usize, steps: usize) {
    let mut folder = resume(&store.model, event_store::bus::Bus::partitions(bus)).await;
    let mut cursors = folder.cursors();
    for step in 0..steps {
        // Some partitions more often than others, but each at times.
        let n = (step * step + step / 2) % cursors.len();
        if let Some(delivery) = bus.next_delivery(&cursors[n], size) {
            cursors[n] = delivery.cursor;
            folder.step(vec![delivery]).await.unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rebuilt_equals_incremental_wherever_the_partitions_stand(
        decisions in prop::collection::vec(any::<(u8, u8)>(), 1..100),
        partitions in 1_u32..5,
        size in 1_usize..30,
        steps in 0_usize..12,
    ) {
        let world = World::of(&decisions);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = Store::new().await;
            let bus = TestBus::new(partitions, usize::MAX);
            bus.publish(&world.events);
            project_some(&store, &bus, size, steps).await;
            let model = store.model.as_ref();
            let before = model.checkpoints(None).await.unwrap();
            for id in ProjectionId::ALL {
                let report = rebuilt(&store, &bus, id).await;
                assert!(report.swapped && report.differences.is_empty(), "{report:?}");
            }
            let after = model.checkpoints(None).await.unwrap();
            let place = |c: &read_model::Checkpoint| (c.projection.clone(), c.partition, c.position, c.offset);
            assert_eq!(
                before.iter().map(place).collect::<Vec<_>>(),
                after.iter().map(place).collect::<Vec<_>>()
            );
            // The workers go on from there.
            project_some(&store, &bus, 1_000, 200).await;
            assert_holds(model, &fold_all(&world.events).unwrap()).await;
        });
    }
}

async fn a_rebuild_beside_a_worker_ends_in_rows_that_the_worker_goes_on_with(store: Store) {
    let world = busy_world(250);
    let bus = TestBus::new(3, 13);
    let (early, late) = world.events.split_at(world.events.len() / 2);
    bus.publish(early);
    let (deps, end) = (deps(&store, &bus), CancellationToken::new());
    let worker = TaskTracker::new().spawn(run(deps.clone(), end.clone()));
    caught_up(&deps.progress, 20).await;
    let publishing = async {
        for part in late.chunks(5) {
            bus.publish(part);
            tokio::task::yield_now().await;
        }
    };
    let rebuilding = async {
        for id in ProjectionId::ALL {
            let report = rebuilt(&store, &bus, id).await;
            assert_eq!((report.instead_of, report.version), (1, 2));
            assert!(report.swapped && report.differing == 0, "{report:?}");
        }
    };
    tokio::join!(publishing, rebuilding);
    let model = store.model.as_ref();
    soon(async {
        let all = world.events.len() as u64;
        while model
            .checkpoints(None)
            .await
            .unwrap()
            .iter()
            .any(|c| c.position < all)
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(Versions::live(&model.versions().await.unwrap()), {
        let mut second = Versions::default();
        for id in ProjectionId::ALL {
            second.set(id, 2);
        }
        second
    });
    assert_holds(model, &fold_all(&world.events).unwrap()).await;
    end.cancel();
    soon(worker).await.unwrap().unwrap();
}

async fn an_interrupted_rebuild_goes_on_where_it_was(store: Store) {
    let world = busy_world(200);
    let bus = TestBus::new(2, usize::MAX);
    bus.publish(&world.events);
    project_some(&store, &bus, 1_000, 10).await;
    let deps = rebuilding(&store, &bus);
    let id = ProjectionId::Reservations;
    let stop = CancellationToken::new();
    let seen = Mutex::new(0);
    let options = Options::default();
    let interrupted = rebuild(&deps, id, &options, |progress| {
        *seen.lock().unwrap() = progress.done;
        stop.cancel();
    });
    assert!(stop.run_until_cancelled(interrupted).await.is_none());
    let begun = *seen.lock().unwrap();
    assert!(begun > 0 && begun < world.events.len() as u64, "{begun}");
    let (first, phases) = (Mutex::new(None), Mutex::new(Vec::new()));
    let report = rebuild(&deps, id, &options, |progress| {
        first.lock().unwrap().get_or_insert(progress.done);
        phases.lock().unwrap().push(progress.phase);
    });
    let report = report.await.unwrap();
    assert_eq!(report.version, 2, "no third version was begun");
    assert!(first.lock().unwrap().unwrap() > begun);
    assert!(phases.lock().unwrap().contains(&Phase::Compare));
    assert_holds(store.model.as_ref(), &fold_all(&world.events).unwrap()).await;
}

async fn rows_that_differ_are_named_and_live_only_once_somebody_accepts(store: Store) {
    let world = busy_world(120);
    let bus = TestBus::new(2, usize::MAX);
    bus.publish(&world.events);
    project_some(&store, &bus, 1_000, 10).await;
    let good = fold_all(&world.events).unwrap();
    let mut wrong = good.payments.clone();
    wrong.retain(|_, payment| {
        payment.amount += 1;
        true
    });
    assert!(!wrong.is_empty());
    let write = Write {
        rows: Rows {
            payments: wrong.clone(),
            ..Rows::default()
        },
        ..Write::default()
    };
    store.model.write(&write).await.unwrap();
    let id = ProjectionId::Payments;
    let refused = rebuilt(&store, &bus, id).await;
    assert!(!refused.swapped);
    assert_eq!(refused.differing, wrong.len() as u64);
    assert_eq!(refused.differences[0].table, "payments");
    assert_eq!(refused.differences[0].columns, ["amount"]);
    let accept = Options {
        accept: true,
        anew: true,
        throttle: None,
    };
    let deps = rebuilding(&store, &bus);
    let accepted = rebuild(&deps, id, &accept, |_| {}).await.unwrap();
    assert!(accepted.swapped);
    assert_holds(store.model.as_ref(), &good).await;
    // The version that was live is kept to go back to; the one that was thrown away is not.
    let model = store.model.as_ref();
    assert_eq!(roll_back(model, id).await.unwrap(), 1);
    let versions = model.versions().await.unwrap();
    let states: Vec<_> = versions
        .iter()
        .filter(|v| v.projection == id)
        .map(|v| (v.version, v.state))
        .collect();
    assert_eq!(
        states,
        [(1, VersionState::Live), (3, VersionState::Retired)]
    );
}

async fn a_rebuild_takes_parked_keys_up_again_and_leaves_them_out_of_the_comparison(store: Store) {
    let mut world = World::of(&[(2, 1), (12, 0), (12, 1), (12, 0)]);
    let culprit = world
        .events
        .iter()
        .position(|e| e.event_type == "PointsCharged")
        .unwrap();
    let good = world.events[culprit].payload.clone();
    world.events[culprit].payload = r#"{"PointsCharged":{}}"#.to_owned();
    let bus = TestBus::new(1, usize::MAX);
    bus.publish(&world.events);
    project_some(&store, &bus, 1_000, 10).await;
    let model = store.model.as_ref();
    assert!(
        !parked::list(model, Some(ProjectionId::Points))
            .await
            .unwrap()
            .is_empty()
    );
    // What a release that reads the event would find.
    world.events[culprit].payload = good;
    let bus = TestBus::new(1, usize::MAX);
    bus.publish(&world.events);
    for id in ProjectionId::ALL {
        let report = rebuilt(&store, &bus, id).await;
        assert!(report.swapped, "{report:?}");
        assert_eq!(report.parked, [world.events[culprit].routing_key.clone()]);
    }
    assert_eq!(parked::list(model, None).await.unwrap(), []);
    assert_holds(model, &fold_all(&world.events).unwrap()).await;
}
