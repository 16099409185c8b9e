//! Events that can't be projected.

use read_model::{ProjectionId, Rows};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Store,
    batches::assert_holds,
    bus::TestBus,
    on_both_stores,
    runner::{caught_up, deps, soon},
    world::World,
};
use crate::{Error, Fold, fold_all, parked, run};

on_both_stores!(
    what_contradicts_the_rows_is_parked_with_what_follows_of_its_key_and_others_go_on,
    a_damaged_event_is_parked_for_every_projection,
    retried_events_are_projected_in_order_while_the_worker_goes_on,
    skipping_goes_on_with_what_is_behind,
);

/// Two shows; of the first one, the hold at `culprit` is left out of the log that the workers see.
struct Poisoned {
    world: World,
    culprit: usize,
}

impl Poisoned {
    fn new() -> Self {
        let mut world = World::of(&[(2, 1), (3, 1), (1, 0), (2, 1), (12, 1)]);
        let culprit = 4;
        assert_eq!(world.events[culprit].event_type, "SeatsHeld");
        world.release(0);
        world.hold(3);
        world.hold(4);
        Self { world, culprit }
    }

    /// The log as it is, with an event that says of a reservation nothing that is known.
    fn events(&self) -> Vec<event_store::RecordedEvent> {
        let mut events = self.world.events.clone();
        // Unlike any other: it marks the place, and no projection is interested in it.
        let bystander = "CustomerErased";
        let customer = self.world.events[0].event_id;
        events[self.culprit].event_type = bystander.to_owned();
        events[self.culprit].stream = event_store::StreamId::new("customer", customer.to_string());
        events[self.culprit].payload =
            format!(r#"{{"{bystander}":{{"customer_id":"{customer}"}}}}"#);
        events
    }

    fn key(&self) -> &str {
        &self.world.events[self.culprit].routing_key
    }
}

async fn project(store: &Store, bus: &TestBus, until: u64) {
    let (deps, end) = (deps(store, bus), CancellationToken::new());
    let worker = TaskTracker::new().spawn(run(deps.clone(), end.clone()));
    caught_up(&deps.progress, until).await;
    end.cancel();
    soon(worker).await.unwrap().unwrap();
}

/// The rows that parked events leave: those of a fold that stops at them.
async fn rows_before_parked(store: &Store, events: &[event_store::RecordedEvent]) -> Rows {
    let model = &store.model;
    let parked = model.parked_keys().await.unwrap();
    let stands = model.checkpoints(None).await.unwrap();
    let mut fold = Fold::until(&stands, &parked, std::sync::Arc::new(|_| 0));
    for event in events {
        fold.apply(event).unwrap();
    }
    fold.into_rows()
}

async fn what_contradicts_the_rows_is_parked_with_what_follows_of_its_key_and_others_go_on(
    store: Store,
) {
    let poisoned = Poisoned::new();
    let (events, bus) = (poisoned.events(), TestBus::new(1, 3));
    bus.publish(&events);
    project(&store, &bus, events.len() as u64).await;
    let parked = parked::list(store.model.as_ref(), None).await.unwrap();
    // The release of a reservation that is not there concerns one projection alone.
    assert!(!parked.is_empty());
    assert!(
        parked
            .iter()
            .all(|event| event.projection == ProjectionId::Reservations)
    );
    assert!(parked.iter().all(|event| event.key == poisoned.key()));
    assert!(
        parked[0].reason.contains("reservations"),
        "{}",
        parked[0].reason
    );
    let behind: Vec<u64> = events
        .iter()
        .filter(|event| event.routing_key == poisoned.key())
        .map(|event| event.position.0)
        .filter(|position| *position >= parked[0].position)
        .collect();
    let positions: Vec<u64> = parked.iter().map(|event| event.position).collect();
    assert_eq!(positions, behind);
    let dead = bus.dead.lock().unwrap().clone();
    let told: Vec<u64> = dead.iter().map(|(_, position)| *position).collect();
    assert_eq!(told, positions);
    assert_holds(
        store.model.as_ref(),
        &rows_before_parked(&store, &events).await,
    )
    .await;
}

async fn a_damaged_event_is_parked_for_every_projection(store: Store) {
    let mut world = World::of(&[(2, 1), (3, 1), (12, 0), (12, 0), (12, 1)]);
    let culprit = world
        .events
        .iter()
        .position(|e| e.event_type == "PointsCharged")
        .unwrap();
    let good = world.events[culprit].payload.clone();
    world.events[culprit].payload = r#"{"PointsCharged":{}}"#.to_owned();
    let bus = TestBus::new(2, 4);
    bus.publish(&world.events);
    project(&store, &bus, world.events.len() as u64).await;
    let model = store.model.as_ref();
    let parked = parked::list(model, None).await.unwrap();
    let of = |id| parked.iter().filter(|event| event.projection == id).count();
    for id in ProjectionId::ALL {
        assert_eq!(of(id), 2, "{}", id.name());
    }
    // Damage does not heal by itself: only the reason could be another.
    let key = parked[0].key.clone();
    let stuck = parked::retry(model, ProjectionId::Points, &key)
        .await
        .unwrap();
    assert_eq!(
        stuck.stuck.map(|(position, _)| position),
        Some(culprit as u64 + 1)
    );
    // Without what the event says, the row is that of the other events.
    for id in ProjectionId::ALL {
        let skipped = parked::skip(model, id, &key).await.unwrap();
        assert_eq!(
            (skipped.skipped, skipped.stuck),
            (Some(culprit as u64 + 1), None)
        );
    }
    assert_eq!(parked::list(model, None).await.unwrap(), []);
    world.events[culprit].payload = good;
    let mut rows = fold_all(&world.events).unwrap();
    rows.transactions.remove(&(culprit as u64 + 1));
    assert_holds(model, &rows).await;
}

async fn retried_events_are_projected_in_order_while_the_worker_goes_on(store: Store) {
    let poisoned = Poisoned::new();
    let (events, bus) = (poisoned.events(), TestBus::new(1, 3));
    let (last, early) = events.split_last().unwrap();
    bus.publish(early);
    let (deps, end) = (deps(&store, &bus), CancellationToken::new());
    let worker = TaskTracker::new().spawn(run(deps.clone(), end.clone()));
    caught_up(&deps.progress, early.len() as u64).await;
    let model = store.model.as_ref();
    let before = parked::list(model, None).await.unwrap();
    let first = before[0].position;

    // The cause is removed: the reservation that was missing is there.
    let fixed = fold_all(&poisoned.world.events[..=poisoned.culprit]).unwrap();
    let write = read_model::Write {
        rows: Rows {
            reservations: fixed.reservations,
            ..Rows::default()
        },
        ..read_model::Write::default()
    };
    model.write(&write).await.unwrap();
    let projection = ProjectionId::Reservations;
    let outcome = parked::retry(model, projection, poisoned.key())
        .await
        .unwrap();
    assert_eq!(outcome.applied[0], first);
    assert_eq!(outcome.stuck, None);

    // The worker may have believed the key parked for a moment longer: what it parked then, it takes up itself.
    bus.publish(std::slice::from_ref(last));
    caught_up(&deps.progress, last.position.0).await;
    soon(async {
        while !parked::list(model, None).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_holds(model, &fold_all(&poisoned.world.events).unwrap()).await;
    end.cancel();
    soon(worker).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_key_that_is_not_parked_can_t_be_dealt_with() {
    let store = Store::new().await;
    let refused = parked::skip(store.model.as_ref(), ProjectionId::Sagas, "nothing").await;
    assert!(
        matches!(refused, Err(Error::NothingParked { .. })),
        "{refused:?}"
    );
}

async fn skipping_goes_on_with_what_is_behind(store: Store) {
    let poisoned = Poisoned::new();
    let (events, bus) = (poisoned.events(), TestBus::new(1, 3));
    bus.publish(&events);
    project(&store, &bus, events.len() as u64).await;
    let model = store.model.as_ref();
    let projection = ProjectionId::Reservations;
    let parked = parked::list(model, Some(projection)).await.unwrap();
    let outcome = parked::skip(model, projection, poisoned.key())
        .await
        .unwrap();
    assert_eq!(outcome.skipped, Some(parked[0].position));
    assert_eq!(outcome.stuck, None);
    assert_eq!(outcome.applied.len(), parked.len() - 1);
    let mut expected = fold_all(&poisoned.world.events).unwrap();
    let gone = expected
        .reservations
        .values()
        .find(|row| row.position == parked[0].position);
    let gone = gone.unwrap().reservation_id;
    expected.reservations.remove(&gone);
    // The seat map does not know of the hold, either.
    let present: Vec<_> = {
        let mut snapshot = model.snapshot(None).await.unwrap();
        snapshot
            .page(read_model::Table::Reservations, None, 1_000)
            .await
            .unwrap()
    };
    assert_eq!(
        present,
        expected.documents(read_model::Table::Reservations).unwrap()
    );
}
