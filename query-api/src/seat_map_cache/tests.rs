//! What the routes alone don't show: the ring's end, memory's end, a bus that fails.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use chrono::Utc;
use domain::{
    Aggregate as _,
    ids::{CustomerId, ReservationId, ShowId},
    show::{Command, Event, Show, command::Selection},
};
use event_store::bus::{Bus, Cursor, Delivery, Error, Membership, Subscription};
use read_model::SeatMap;
use tokio::time::timeout;
use uuid::Uuid;

use super::{LiveMap, MAX_MAPS, Since, live::MAX_FRAMES};
use crate::{
    freshness::AtLeast,
    testing::{Projections, SOON, TestShow, World, six_seats},
};

/// A live map of six seats, the show behind it, and the position of the last event.
fn live_map() -> (LiveMap, Show, u64) {
    let now: chrono::DateTime<Utc> = "2026-06-01T12:00:00Z".parse().unwrap();
    let mut show = Show::default();
    let events = show
        .decide(&Command::Schedule(Box::new(six_seats(now))), now)
        .unwrap();
    let mut map = SeatMap::new(ShowId(Uuid::now_v7()));
    let mut position = 0;
    for event in &events {
        position += 1;
        show.evolve(event);
        map.apply(event, position);
    }
    (LiveMap::new(map, position), show, position)
}

fn hold_and_release(show: &mut Show) -> Vec<Event> {
    let now = "2026-06-01T12:00:00Z".parse().unwrap();
    let (customer_id, reservation_id) = (CustomerId(Uuid::now_v7()), ReservationId(Uuid::now_v7()));
    let hold = Command::Hold {
        reservation_id,
        customer_id,
        selection: Selection::Seats(vec!["A-1".to_owned()]),
        pass: None,
    };
    let release = Command::Release {
        reservation_id,
        customer_id,
    };
    let mut events = Vec::new();
    for command in [hold, release] {
        for event in show.decide(&command, now).unwrap() {
            show.evolve(&event);
            events.push(event);
        }
    }
    events
}

#[test]
fn the_ring_remembers_a_bounded_past_without_a_gap() {
    let (live, mut show, start) = live_map();
    let mut position = start;
    let mut apply = |live: &LiveMap| {
        for event in hold_and_release(&mut show) {
            position += 1;
            live.apply(vec![(event, position)]);
        }
        position
    };
    let last = apply(&live);
    let Since::Frames(frames) = live.since(start) else {
        panic!("the beginning is remembered");
    };
    let positions: Vec<u64> = frames.iter().map(|frame| frame.position()).collect();
    assert_eq!(positions, [start + 1, start + 2]);
    assert!(matches!(live.since(last), Since::Frames(none) if none.is_empty()));
    assert!(matches!(live.since(start - 1), Since::TooLongAgo));

    for _ in 0..MAX_FRAMES / 2 {
        apply(&live);
    }
    assert!(
        matches!(live.since(start), Since::TooLongAgo),
        "two frames were dropped"
    );
    let Since::Frames(frames) = live.since(start + 2) else {
        panic!("all that came after them is remembered");
    };
    assert_eq!(frames.len(), MAX_FRAMES);
}

#[test]
fn events_of_one_delivery_are_one_frame_with_the_last_state_of_each_seat() {
    let (live, mut show, start) = live_map();
    let events = hold_and_release(&mut show);
    let numbered = events.into_iter().zip(start + 1..);
    live.apply(numbered.collect());
    let Since::Frames(frames) = live.since(start) else {
        panic!("it is remembered");
    };
    let [frame] = &frames[..] else {
        panic!("{frames:?}");
    };
    let text = frame.event(&live.map());
    let expected = format!(
        "event: seats\nid: {0}\ndata: {{\"position\":{0},\"seats\":[{{\"seat_guid\":\"A-1\",\"status\":\"available\"}}],\
         \"standing\":[]}}\n\n",
        start + 2
    );
    assert_eq!(text, expected);
    live.apply(vec![]);
    assert_eq!(live.position(), start + 2, "nothing came, nothing changed");
}

#[tokio::test]
async fn the_map_that_was_not_used_for_longest_leaves_memory_unless_it_is_followed() {
    let world = World::start_with(Projections::Here, |bus| bus, 2).await;
    let cache = &world.state.seat_maps;
    let mut shows = Vec::new();
    for _ in 0..4 {
        shows.push(TestShow::schedule(&world).await);
    }
    let at_least = AtLeast(shows[3].position);
    let first = cache.get(shows[0].id, at_least).await.unwrap().live;
    let following = cache.follow_map(&first).expect("it is in memory");
    let second = cache.get(shows[1].id, at_least).await.unwrap().live;
    let third = cache.get(shows[2].id, at_least).await.unwrap().live;
    assert!(cache.follow_map(&second).is_none(), "it made room");
    assert!(Arc::ptr_eq(
        &cache.get(shows[0].id, at_least).await.unwrap().live,
        &first
    ));

    let also = cache.follow_map(&third).expect("it is in memory");
    let refused = cache.get(shows[3].id, at_least).await.unwrap_err();
    assert!(matches!(refused, crate::Error::TooMany(_)), "{refused:?}");
    drop(following);
    cache.get(shows[3].id, at_least).await.unwrap();
    assert!(cache.follow_map(&first).is_none());
    drop(also);
}

#[tokio::test]
async fn who_waits_for_a_show_that_is_not_there_is_in_nobodys_way() {
    let world = World::start(Projections::Here).await;
    let show = TestShow::schedule(&world).await;
    let cache = &world.state.seat_maps;
    // The last byte chooses the lane.
    let mut id = *show.id.0.as_bytes();
    id[0] ^= 1;
    let nowhere = ShowId(Uuid::from_bytes(id));
    tokio::select! {
        biased;
        refused = cache.get(nowhere, AtLeast(u64::MAX)) => panic!("the other had to wait for it: {refused:?}"),
        known = cache.get(show.id, AtLeast(show.position)) => drop(known.unwrap()),
    }
}

/// A bus whose subscriptions fail while `broken`, after having handed over whatever they had.
#[derive(Debug)]
struct Flaky {
    bus: Arc<dyn Bus>,
    broken: Arc<AtomicBool>,
    failures: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct FlakySubscription {
    subscription: Box<dyn Subscription>,
    broken: Arc<AtomicBool>,
    failures: Arc<AtomicUsize>,
}

#[async_trait]
impl Bus for Flaky {
    fn partitions(&self) -> u32 {
        self.bus.partitions()
    }

    fn partition_of(&self, routing_key: &str) -> u32 {
        self.bus.partition_of(routing_key)
    }

    async fn join(&self, group: &str) -> Result<Box<dyn Membership>, Error> {
        self.bus.join(group).await
    }

    async fn subscribe(&self, from: Vec<Cursor>) -> Result<Box<dyn Subscription>, Error> {
        Ok(Box::new(FlakySubscription {
            subscription: self.bus.subscribe(from).await?,
            broken: self.broken.clone(),
            failures: self.failures.clone(),
        }))
    }
}

#[async_trait]
impl Subscription for FlakySubscription {
    async fn next(&mut self, limit: usize) -> Result<Delivery, Error> {
        let delivery = self.subscription.next(limit).await?;
        if self.broken.load(Ordering::Acquire) {
            self.failures.fetch_add(1, Ordering::AcqRel);
            return Err(Error::Unavailable("the cable is out".to_owned()));
        }
        Ok(delivery)
    }
}

#[tokio::test]
async fn a_bus_that_fails_costs_time_but_no_event() {
    let (broken, failures) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let parts = (broken.clone(), failures.clone());
    let wrap = |bus| -> Arc<dyn Bus> {
        Arc::new(Flaky {
            bus,
            broken: parts.0,
            failures: parts.1,
        })
    };
    let world = World::start_with(Projections::Here, wrap, MAX_MAPS).await;
    let mut show = TestShow::schedule(&world).await;
    let path = show.path("/seats/status");
    world.get_at(&path, show.position).await;
    broken.store(true, Ordering::Release);
    show.hold(&world, Uuid::now_v7(), &["A-1"]).await;
    let failed = async {
        while failures.load(Ordering::Acquire) == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, failed).await.unwrap();
    let old = world.get(&path, &[]).await;
    assert_eq!(old.json()["statuses"], "aaaaaa", "it is served as it is");
    assert!(old.position() < show.position, "and says so");
    broken.store(false, Ordering::Release);
    let new = world.get_at(&path, show.position).await;
    assert_eq!(new.json()["statuses"], "haaaaa");
}
