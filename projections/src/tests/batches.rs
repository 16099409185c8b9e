//! However the log is cut into batches, whoever is interrupted where: the rows are those of a fresh fold.

use std::sync::Arc;

use event_store::bus::Bus;
use proptest::prelude::*;
use read_model::{Checkpoint, ProjectionId, ReadModel, Rows, Table, Write};

use super::{Store, bus::TestBus, clock, world::World};
use crate::{fold_all, folder::Folder};

/// Most rows of a table in a test.
const ALL: u32 = 100_000;

/// That the read model holds `rows` and nothing else.
pub(super) async fn assert_holds(model: &dyn ReadModel, rows: &Rows) {
    let mut snapshot = model.snapshot(None).await.unwrap();
    for table in Table::ALL {
        let stored = snapshot.page(table, None, ALL).await.unwrap();
        assert_eq!(stored, rows.documents(table).unwrap(), "{}", table.name());
    }
}

/// Takes up all partitions.
pub(super) async fn resume(model: &Arc<dyn ReadModel>, partitions: u32) -> Folder {
    let own: Vec<u32> = (0..partitions).collect();
    Folder::live(model, clock(), partitions, &own)
        .await
        .unwrap()
}

/// Folds all of the bus in steps of `sizes`, each step in a partition that `sizes` picks; starts anew from the
/// checkpoints after every step whose size is a multiple of three.
async fn fold_in_steps(model: &Arc<dyn ReadModel>, bus: &TestBus, sizes: &[u8]) {
    let mut folder = resume(model, bus.partitions()).await;
    let mut cursors = folder.cursors();
    for size in sizes.iter().cycle() {
        let partitions = cursors.len();
        let open = |n: &usize| bus.next_delivery(&cursors[*n], 1).is_some();
        let Some(n) = (0..partitions)
            .map(|n| (n + usize::from(*size)) % partitions)
            .find(open)
        else {
            return;
        };
        // Sometimes several deliveries are one batch: two of this partition, and one of the next.
        let mut deliveries = Vec::new();
        for n in [n, n, (n + 1) % partitions]
            .iter()
            .take(1 + usize::from(size % 3))
        {
            if let Some(delivery) = bus.next_delivery(&cursors[*n], usize::from(*size)) {
                cursors[*n] = delivery.cursor;
                deliveries.push(delivery);
            }
        }
        folder.step(deliveries).await.unwrap();
        if size.is_multiple_of(3) {
            folder = resume(model, bus.partitions()).await;
            cursors = folder.cursors();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn incremental_equals_rebuilt(
        decisions in prop::collection::vec(any::<(u8, u8)>(), 1..120),
        sizes in prop::collection::vec(1_u8..40, 1..10),
        partitions in 1_u32..4,
    ) {
        let world = World::of(&decisions);
        let expected = fold_all(&world.events).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = Store::new().await;
            let bus = TestBus::new(partitions, usize::MAX);
            bus.publish(&world.events);
            fold_in_steps(&store.model, &bus, &sizes).await;
            assert_holds(store.model.as_ref(), &expected).await;
        });
        for map in expected.seat_maps.values() {
            let counts = map.counts();
            prop_assert_eq!(counts.capacity, 32);
            let left: u32 = counts.categories.iter().map(|c| c.available).sum();
            prop_assert_eq!(left, counts.available);
        }
    }
}

#[tokio::test]
async fn a_delivery_that_comes_again_changes_nothing() {
    let world = World::of(&[(2, 1), (8, 1), (12, 1), (10, 0), (3, 2)]);
    let store = Store::new().await;
    let bus = TestBus::new(1, usize::MAX);
    bus.publish(&world.events);
    let mut folder = resume(&store.model, 1).await;
    let start = folder.cursors()[0];
    for limit in [3, 8, 5, usize::MAX, 2, usize::MAX] {
        let delivery = bus.next_delivery(&start, limit).unwrap();
        folder.step(vec![delivery]).await.unwrap();
    }
    assert_holds(store.model.as_ref(), &fold_all(&world.events).unwrap()).await;
}

#[tokio::test]
async fn a_stale_worker_is_refused_and_writes_nothing() {
    let world = World::of(&[(2, 1), (3, 2), (4, 3)]);
    let store = Store::new().await;
    let bus = TestBus::new(1, usize::MAX);
    bus.publish(&world.events);
    let model = &store.model;
    let mut slow = resume(model, 1).await;
    let mut quick = resume(model, 1).await;
    let start = slow.cursors()[0];
    let all = bus.next_delivery(&start, usize::MAX).unwrap();
    quick.step(vec![all]).await.unwrap();
    let part = bus.next_delivery(&start, 5).unwrap();
    let refused = slow.step(vec![part]).await;
    let moved = matches!(
        refused,
        Err(crate::Error::ReadModel(
            read_model::Error::CheckpointMoved { .. }
        ))
    );
    assert!(moved, "{refused:?}");
    assert_holds(model.as_ref(), &fold_all(&world.events).unwrap()).await;
}

#[tokio::test]
async fn a_projection_that_is_ahead_waits_for_the_others() {
    let world = World::of(&[(2, 1), (12, 1), (8, 1), (12, 1), (10, 0), (3, 2)]);
    let expected = fold_all(&world.events).unwrap();
    let store = Store::new().await;
    let bus = TestBus::new(1, usize::MAX);
    bus.publish(&world.events);
    let model = &store.model;
    fold_in_steps(model, &bus, &[40]).await;
    // One projection has to begin again, as a new version of it would.
    let end = model.checkpoints(None).await.unwrap();
    let payments = end
        .into_iter()
        .find(|c| c.projection == ProjectionId::Payments.name());
    let back = Write {
        advance: vec![(
            payments.unwrap(),
            Checkpoint::start(ProjectionId::Payments, 1, 0),
        )],
        ..Write::default()
    };
    model.write(&back).await.unwrap();
    let mut folder = resume(model, 1).await;
    let first = bus.next_delivery(&folder.cursors()[0], 6).unwrap();
    assert_eq!((first.events.len(), first.events[0].position.0), (6, 1));
    folder.step(vec![first]).await.unwrap();
    assert_holds(model.as_ref(), &expected).await;
    assert_eq!(folder.position(ProjectionId::Payments), 6);
    assert_eq!(
        folder.position(ProjectionId::Points),
        world.events.len() as u64
    );
}
