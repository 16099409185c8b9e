//! The worker over a bus in memory and a store on disk.

use std::{sync::Arc, time::Duration};

use read_model::ProjectionId;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Store,
    batches::assert_holds,
    bus::TestBus,
    clock,
    world::{World, recorded_at},
};
use crate::{Deps, Error, Progress, Readiness, fold_all, run};

/// Longest wait of a test for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn deps(store: &Store, bus: &TestBus) -> Deps {
    Deps {
        bus: Arc::new(bus.clone()),
        read_model: store.model.clone(),
        progress: Progress::default(),
        group: None,
        log: None,
        clock: clock(),
    }
}

pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.unwrap()
}

pub(super) async fn caught_up(progress: &Progress, position: u64) {
    for id in ProjectionId::ALL {
        soon(progress.wait_for(id, position)).await;
    }
}

pub(super) fn busy_world(decisions: u8) -> World {
    let happen = |n: u8| (n.wrapping_mul(37), n.wrapping_mul(101));
    World::of(&(0..decisions).map(happen).collect::<Vec<_>>())
}

#[tokio::test]
async fn follows_what_comes() {
    let (store, world) = (Store::new().await, busy_world(200));
    let bus = TestBus::new(3, 7);
    let (deps, shutdown) = (deps(&store, &bus), CancellationToken::new());
    let tasks = TaskTracker::new();
    let worker = tasks.spawn(run(deps.clone(), shutdown.clone()));
    assert_eq!(deps.progress.position(ProjectionId::Points), 0);
    let (early, late) = world.events.split_at(world.events.len() / 2);
    bus.publish(early);
    caught_up(&deps.progress, early.len() as u64).await;
    assert_eq!(deps.progress.readiness(), Readiness::Following);
    bus.publish(late);
    caught_up(&deps.progress, world.events.len() as u64).await;
    let lag = deps
        .progress
        .lag(ProjectionId::SeatMaps, recorded_at(99_999));
    assert_eq!((lag.positions, lag.ms), (0, 0));
    assert_holds(store.model.as_ref(), &fold_all(&world.events).unwrap()).await;
    shutdown.cancel();
    soon(worker).await.unwrap().unwrap();
}

#[tokio::test]
async fn goes_on_where_an_earlier_worker_stood() {
    let (store, world) = (Store::new().await, busy_world(150));
    let bus = TestBus::new(2, 11);
    let (early, late) = world.events.split_at(world.events.len() / 3);
    for part in [early, late] {
        bus.publish(part);
        let end = part.last().unwrap().position.0;
        let (deps, shutdown) = (deps(&store, &bus), CancellationToken::new());
        let tasks = TaskTracker::new();
        let worker = tasks.spawn(run(deps.clone(), shutdown.clone()));
        caught_up(&deps.progress, end).await;
        shutdown.cancel();
        soon(worker).await.unwrap().unwrap();
    }
    assert_holds(store.model.as_ref(), &fold_all(&world.events).unwrap()).await;
}

#[tokio::test]
async fn two_workers_project_each_event_once() {
    let (store, world) = (Store::new().await, busy_world(250));
    let bus = TestBus::new(1, 9);
    let shutdown = CancellationToken::new();
    let tasks = TaskTracker::new();
    let both = [deps(&store, &bus), deps(&store, &bus)];
    for deps in &both {
        tasks.spawn(run(deps.clone(), shutdown.clone()));
    }
    bus.publish(&world.events);
    for deps in &both {
        caught_up(&deps.progress, world.events.len() as u64).await;
    }
    assert_holds(store.model.as_ref(), &fold_all(&world.events).unwrap()).await;
    shutdown.cancel();
    tasks.close();
    soon(tasks.wait()).await;
}

#[tokio::test]
async fn an_event_that_is_not_understood_stops_the_worker_right_before_it() {
    let (store, mut world) = (Store::new().await, busy_world(60));
    let culprit = world.events.len() / 2;
    let good = fold_all(&world.events[..culprit]).unwrap();
    world.events[culprit].event_type = "SeatsTeleported".to_owned();
    let bus = TestBus::new(1, usize::MAX);
    bus.publish(&world.events);
    let deps = deps(&store, &bus);
    let stopped = soon(Box::pin(run(deps.clone(), CancellationToken::new()))).await;
    assert!(
        matches!(stopped, Err(Error::Undecodable { position, .. }) if position == culprit as u64 + 1),
        "{stopped:?}"
    );
    let readiness = deps.progress.readiness();
    assert!(
        matches!(&readiness, Readiness::Stopped { reason } if reason.contains("SeatsTeleported")),
        "{readiness:?}"
    );
    assert_eq!(deps.progress.position(ProjectionId::Sagas), culprit as u64);
    assert_eq!(store.model.parked(None).await.unwrap(), []);
    assert_holds(store.model.as_ref(), &good).await;
    // What waits grows old while the worker stands.
    let later = recorded_at(99_999);
    assert!(deps.progress.lag(ProjectionId::Sagas, later).ms > 90_000);
}
