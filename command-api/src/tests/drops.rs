//! Drops: whoever looks after them dies after each step, and another one comes to the same result; a crowd wins as often as it should.

use std::collections::BTreeMap;

use chrono::{TimeDelta, TimeZone, Utc};
use domain::{
    Aggregate,
    drop::{
        Command, DRAW_BATCH, DrawMode, ENTRY_BATCH, Entering, Entrant, FairDrop, Open, Outcome,
        SETTLE_BATCH, Status, Step,
    },
    ids::{CustomerId, DropId},
};
use event_store::{Position, RecordedEvent};
use serde_json::json;
use uuid::Uuid;

use super::{
    fixtures::{stop_once, text},
    harness::Api,
};
use crate::{
    drops::{
        Beacons,
        fairness::{Lots, entry_id, root},
        in_order,
    },
    failpoints::Failpoints,
    key_store::Key,
    process_managers::Next,
};

/// Fans of which every third has points.
const FANS: u128 = 24;

async fn open(api: &Api, draw: &str) -> String {
    open_with(api, draw, "0.7").await
}

async fn open_with(api: &Api, draw: &str, win_probability: &str) -> String {
    let now = api.state.clock.now();
    let body = json!({"title": "Signed vinyl", "stock": 5, "win_probability": win_probability, "price": 40,
        "opens_at": now - TimeDelta::seconds(1), "closes_at": now + TimeDelta::minutes(5), "draw": draw});
    let opened = api.post(&api.organizer(), "/v1/drops", body).await.is(201);
    text(&opened, "drop_id")
}

async fn enter_all(api: &Api, drop: &str) {
    let path = format!("/v1/drops/{drop}/entries");
    for n in 1..=FANS {
        if n % 3 == 0 {
            api.charge(n, 100).await;
        }
        api.keyed(&api.customer(n), &path, "k", json!({}))
            .await
            .is(202);
    }
}

/// Every event of the drops, and of nothing else.
async fn events(api: &Api) -> Vec<RecordedEvent> {
    let all = api.state.log.read_all(Position(0), 10_000).await.unwrap();
    let of_drops = all
        .into_iter()
        .filter(|event| &*event.stream.aggregate_type == FairDrop::TYPE);
    of_drops.collect()
}

/// How each entry stands in the end.
async fn results(api: &Api, drop: &str) -> BTreeMap<u128, Status> {
    let look = |drop: &FairDrop, _, _| {
        (1..=FANS)
            .map(|n| {
                (
                    n,
                    drop.entry_of(super::fixtures::customer_id(n).into())
                        .unwrap()
                        .0
                        .status,
                )
            })
            .collect()
    };
    api.state.executors.drops.read(drop, look).await.unwrap()
}

async fn check_ended_well(api: &Api, drop: &str, at: &str) {
    let results = results(api, drop).await;
    for (n, status) in &results {
        assert!(
            !matches!(status, Status::Entered | Status::Won | Status::Standby),
            "{at}: {n} is {status:?}"
        );
        if n % 3 == 0 {
            let paid = if *status == Status::Paid { 40 } else { 0 };
            assert_eq!(api.balance(*n).await, 100 - paid, "{at}: {n} is {status:?}");
        } else {
            assert_ne!(*status, Status::Paid, "{at}: {n}");
        }
    }
    let paid = results
        .values()
        .filter(|status| **status == Status::Paid)
        .count();
    assert!(paid <= 5, "{at}: {paid}");
    assert_eq!(api.count("SecretRevealed").await, 1, "{at}");
    assert_eq!(api.count("PointsDebited").await, paid, "{at}");
    // Of the order it was drawn in, nothing depends on how often somebody died.
    let drawn = events(api)
        .await
        .into_iter()
        .filter(|event| event.event_type == "EntriesDrawn");
    let lots: usize = drawn
        .map(|event| event.payload.matches("\"lot\"").count())
        .sum();
    assert_eq!(
        lots,
        usize::try_from(FANS).unwrap(),
        "{at}: each is drawn once"
    );
}

#[tokio::test]
async fn whoever_dies_is_followed_by_one_that_comes_to_the_same_end() {
    for at in [
        "drop.closed",
        "drop.sealed",
        "drop.drawn",
        "drop.debited",
        "drop.settled",
        "drop.released",
        "drop.dismissed",
        "drop.revealed",
    ] {
        let (stop, died) = stop_once(at);
        let api = Api::with(stop).await;
        // Of eight with points all draw a winning lot: somebody is next to the end.
        let chance = if at == "drop.dismissed" { "1" } else { "0.7" };
        let drop = open_with(&api, "at_close", chance).await;
        enter_all(&api, &drop).await;
        api.advance(301);
        api.manage();
        died.notified().await;
        let api = api.restart().await;
        api.advance(10);
        api.manage();
        api.until("SecretRevealed", 1).await;
        check_ended_well(&api, &drop, at).await;
    }
}

#[tokio::test]
async fn on_entry_too() {
    for at in ["drop.debited", "drop.settled", "drop.released"] {
        let (stop, died) = stop_once(at);
        let api = Api::with(stop).await;
        let drop = open(&api, "on_entry").await;
        api.manage();
        enter_all(&api, &drop).await;
        died.notified().await;
        let api = api.restart().await;
        api.advance(301);
        api.manage();
        api.until("SecretRevealed", 1).await;
        check_ended_well(&api, &drop, at).await;
    }
}

#[tokio::test]
async fn two_who_look_after_it_at_once_do_no_harm() {
    let api = Api::with(Failpoints::default()).await;
    let drop = open(&api, "at_close").await;
    enter_all(&api, &drop).await;
    api.advance(301);
    let id: DropId = drop.parse().unwrap();
    let (core, keys) = (&api.state.core, &*api.state.identity.keys);
    let beacons = Beacons::default();
    let drive = || crate::drops::drive(core, keys, &beacons, id);
    let (one, two, three) = tokio::join!(drive(), drive(), drive());
    one.and(two).and(three).unwrap();
    check_ended_well(&api, &drop, "three at once").await;
}

/// Closed and sealed in one turn, it waits with the timer that stands then, not with the one that the turn began for: the organizer's value
/// sets that one again.
#[tokio::test]
async fn a_drop_waits_for_its_beacon_with_the_timer_that_it_has_then() {
    let api = Api::with(Failpoints::default()).await;
    let now = api.state.clock.now();
    let body = json!({"title": "Signed vinyl", "stock": 5, "win_probability": "0.7", "price": 0,
        "opens_at": now - TimeDelta::seconds(1), "closes_at": now + TimeDelta::minutes(5), "draw": "at_close",
        "beacon": {"source": "nobody's", "round": 7}});
    let opened = api.post(&api.organizer(), "/v1/drops", body).await.is(201);
    let drop = text(&opened, "drop_id");
    enter_all(&api, &drop).await;
    api.advance(301);
    let (core, keys) = (&api.state.core, &*api.state.identity.keys);
    let beacons = Beacons::default();
    let waits = crate::drops::drive(core, keys, &beacons, drop.parse().unwrap());
    let Next::After { timer, .. } = waits.await.unwrap() else {
        panic!("nobody has told the beacon's value");
    };
    let due = async || {
        let horizon = api.state.clock.now();
        let due = api.state.log.due(FairDrop::TYPE, horizon, 10).await;
        due.unwrap()[0].wake_at.timestamp_micros()
    };
    let timer = timer.unwrap().timestamp_micros();
    assert_eq!(due().await, timer);
    let path = format!("/v1/drops/{drop}/close");
    let told = json!({"beacon_value": "ab54"});
    api.post(&api.organizer(), &path, told).await.is(200);
    assert_ne!(due().await, timer);
}

/// A drop of two hundred thousand, as it is decided: without a log, with a fixed secret.
#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one draw, from the list to the stock"
)]
fn two_hundred_thousand_are_drawn_exactly() {
    const ENTRIES: u32 = 200_000;
    const STOCK: u32 = 20_000;
    let noon = Utc.timestamp_opt(1_800_000_000, 0).unwrap();
    let drop_id = DropId(Uuid::from_u128(1));
    let mut drop = FairDrop::default();
    let ask = |drop: &mut FairDrop, command: &Command, minutes: i64| {
        let now = noon + TimeDelta::minutes(minutes);
        for event in drop.due(now) {
            drop.evolve(&event);
        }
        for event in drop.decide(command, now).unwrap() {
            drop.evolve(&event);
        }
    };
    let open = Open {
        organizer_id: Uuid::from_u128(2).into(),
        title: "Signed vinyl".to_owned(),
        stock: STOCK,
        win_probability: "0.05".to_owned(),
        price: 0,
        opens_at: noon,
        closes_at: noon + TimeDelta::hours(1),
        draw: DrawMode::AtClose,
        beacon: None,
        show_id: None,
        commitment: "c0".to_owned(),
    };
    ask(&mut drop, &Command::Open(Box::new(open)), 0);
    let customers: Vec<_> = (0..ENTRIES)
        .map(|n| CustomerId(Uuid::from_u128(u128::from(n))))
        .collect();
    let entering = |customer: &CustomerId| Entering {
        entrant: Entrant {
            entry_id: entry_id(drop_id, *customer),
            customer_id: *customer,
            command_id: customer.0,
        },
        lot: None,
    };
    for batch in customers.chunks(ENTRY_BATCH) {
        let entering = batch.iter().map(entering).collect();
        ask(&mut drop, &Command::Enter { entering }, 1);
    }
    let entries = drop.entry_ids();
    let published = root(&entries);
    let sealed = Command::Seal {
        root: hex::encode(published),
        entries: ENTRIES,
    };
    ask(&mut drop, &sealed, 60);
    let order = in_order(&Lots::new(&Key::new([7; 32]), &published, ""), &entries);
    for (from, lots) in (0..).step_by(DRAW_BATCH).zip(order.chunks(DRAW_BATCH)) {
        ask(
            &mut drop,
            &Command::Draw {
                from,
                lots: lots.to_vec(),
            },
            61,
        );
    }
    loop {
        let winners = drop.unsettled(SETTLE_BATCH);
        if winners.is_empty() {
            break;
        }
        let outcomes = winners
            .iter()
            .map(|(index, _)| (*index, Outcome::Paid))
            .collect();
        ask(&mut drop, &Command::Settle { outcomes }, 62);
    }
    assert_eq!(drop.step(noon + TimeDelta::hours(2)), Step::Reveal);
    let mut counts = BTreeMap::new();
    for customer in &customers {
        let (entry, _) = drop.entry_of(*customer).unwrap();
        *counts.entry(format!("{:?}", entry.status)).or_insert(0_u32) += 1;
    }
    let paid = counts["Paid"];
    assert!((9_610..=10_390).contains(&paid), "{counts:?}");
    assert_eq!(
        counts["Lost"],
        ENTRIES - paid,
        "every entry is answered once: {counts:?}"
    );
    assert_eq!(drop.stock_left(), STOCK - paid);
}
