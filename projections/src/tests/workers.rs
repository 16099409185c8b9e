//! Several workers of one group.

use event_store::bus::Bus;
use read_model::{ProjectionId, ReadModel};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Store,
    batches::assert_holds,
    bus::TestBus,
    on_both_stores,
    runner::{busy_world, caught_up, deps, soon},
};
use crate::{Deps, fold_all, run};

on_both_stores!(
    workers_share_the_partitions_and_each_event_is_projected_once,
    a_worker_without_partitions_stands_by,
    a_worker_that_was_cut_off_and_does_not_know_it_is_fenced_off,
);

const PARTITIONS: u32 = 5;

fn member(store: &Store, bus: &TestBus) -> Deps {
    Deps {
        group: Some("projections".to_owned()),
        ..deps(store, bus)
    }
}

/// Waits until the checkpoints of all partitions stand at `position`.
async fn stand_at(model: &dyn ReadModel, position: u64) {
    soon(async {
        loop {
            let stands = model.checkpoints(None).await.unwrap();
            let there = stands.iter().filter(|stand| stand.position >= position);
            if there.count() == ProjectionId::ALL.len() * PARTITIONS as usize {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn workers_share_the_partitions_and_each_event_is_projected_once(store: Store) {
    let world = busy_world(250);
    let bus = TestBus::new(PARTITIONS, 9);
    let (early, rest) = world.events.split_at(world.events.len() / 3);
    let (middle, late) = rest.split_at(rest.len() / 2);
    let (tasks, ends) = (
        TaskTracker::new(),
        [(); 3].map(|()| CancellationToken::new()),
    );
    let members = [(); 3].map(|()| member(&store, &bus));

    tasks.spawn(run(members[0].clone(), ends[0].clone()));
    bus.publish(early);
    caught_up(&members[0].progress, early.len() as u64).await;
    assert_eq!(bus.assignments(), [vec![0, 1, 2, 3, 4]]);

    // Two more join while events come.
    tasks.spawn(run(members[1].clone(), ends[1].clone()));
    bus.publish(middle);
    tasks.spawn(run(members[2].clone(), ends[2].clone()));
    for member in &members {
        // The position is that of all partitions, also of those that others have.
        caught_up(&member.progress, (early.len() + middle.len()) as u64).await;
    }
    assert_eq!(bus.assignments(), [vec![0, 3], vec![1, 4], vec![2]]);

    // One leaves, and the others take over what was its.
    ends[0].cancel();
    bus.publish(late);
    for member in &members[1..] {
        caught_up(&member.progress, world.events.len() as u64).await;
    }
    assert_eq!(bus.assignments(), [vec![0, 2, 4], vec![1, 3]]);
    assert_holds(store.model.as_ref(), &fold_all(&world.events).unwrap()).await;
    ends[1..].iter().for_each(CancellationToken::cancel);
    tasks.close();
    soon(tasks.wait()).await;
}

async fn a_worker_without_partitions_stands_by(store: Store) {
    let world = busy_world(80);
    let bus = TestBus::new(1, 50);
    let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
    let (first, second) = (member(&store, &bus), member(&store, &bus));
    let stop_first = CancellationToken::new();
    tasks.spawn(run(first.clone(), stop_first.clone()));
    tasks.spawn(run(second.clone(), end.clone()));
    let (early, late) = world.events.split_at(world.events.len() / 2);
    bus.publish(early);
    caught_up(&first.progress, early.len() as u64).await;
    caught_up(&second.progress, early.len() as u64).await;
    stop_first.cancel();
    bus.publish(late);
    caught_up(&second.progress, world.events.len() as u64).await;
    assert_holds(store.model.as_ref(), &fold_all(&world.events).unwrap()).await;
    end.cancel();
    tasks.close();
    soon(tasks.wait()).await;
}

async fn a_worker_that_was_cut_off_and_does_not_know_it_is_fenced_off(store: Store) {
    let world = busy_world(200);
    let bus = TestBus::new(PARTITIONS, 7);
    let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
    // Both believe that all partitions are theirs: neither is a member of the group.
    let both = [deps(&store, &bus), deps(&store, &bus)];
    for deps in &both {
        tasks.spawn(run(deps.clone(), end.clone()));
    }
    for part in world.events.chunks(40) {
        bus.publish(part);
        tokio::task::yield_now().await;
    }
    stand_at(store.model.as_ref(), world.events.len() as u64).await;
    assert_eq!(bus.partitions(), PARTITIONS);
    assert_holds(store.model.as_ref(), &fold_all(&world.events).unwrap()).await;
    end.cancel();
    tasks.close();
    soon(tasks.wait()).await;
}
