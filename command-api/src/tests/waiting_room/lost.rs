//! The store of the queue is away, or comes back without its data.

use std::sync::Arc;

use servers::Redis;

use super::*;
use crate::waiting_room::RedisWaitingRoom;

/// A fast room, so that all who may come in do at once.
fn fast() -> Value {
    json!({"admit_per_second": 100, "max_active": 2})
}

/// Customers that enter one after the other.
async fn enter_all(api: &Api, show: &str, customers: std::ops::RangeInclusive<u128>) -> Vec<Value> {
    let mut entries = Vec::new();
    for customer in customers {
        entries.push(api.enter(customer, show).await.is(201));
    }
    entries
}

/// Who came back is let in by the numbers on the receipts, whatever the order in which they came, and before whoever came new.
async fn order_is_kept(api: &Api, show: &str, entries: &[Value]) {
    for (customer, entry) in (1..)
        .zip(entries)
        .skip(2)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        let back = api.entry(customer, show, entry).await.is(200);
        assert_eq!(
            (&back["recovering"], &back["state"], &back["ahead"]),
            (&json!(true), &json!("waiting"), &Value::Null)
        );
        assert_eq!(back["queue_number"], entry["queue_number"]);
    }
    let new = api.enter(99, show).await.is(201);
    assert_eq!(new["queue_number"], 1_001, "the next block");
    api.advance(59);
    for (customer, entry) in (1..).zip(entries).skip(2) {
        let waits = api.entry(customer, show, entry).await.is(200);
        assert_eq!(waits["recovering"], true);
    }
    api.entry(99, show, &new).await.is(200);
    api.advance(1);
    for (place, (customer, entry)) in (1..).zip(entries).skip(2).enumerate() {
        let stands = api.entry(customer, show, entry).await.is(200);
        assert_eq!(stands["recovering"], false);
        if stands["state"] == "waiting" {
            let ahead = stands["ahead"].as_u64().unwrap();
            assert!(ahead <= place as u64, "{ahead} ahead of {customer}");
        }
    }
}

#[tokio::test]
async fn receipts_bring_back_what_a_restart_lost() {
    let api = Api::start().await;
    let show = api.open_room(fast()).await;
    let entries = enter_all(&api, &show, 1..=6).await;
    api.manage();
    let first = api.until_admitted(1, &show, &entries[0]).await;
    api.until_admitted(2, &show, &entries[1]).await;
    let api = api.restart().await;
    let unknown = path_of(&show, &entries[3]);
    let without = api
        .send_as(4, Method::GET, &unknown, None, Value::Null)
        .await;
    without.refused(404, "not_found");
    order_is_kept(&api, &show, &entries).await;
    // Who was inside still is, by the log.
    let inside = api.entry(1, &show, &entries[0]).await.is(200);
    assert_eq!(
        (&inside["state"], &inside["pass_expires_at"]),
        (&json!("admitted"), &first["pass_expires_at"])
    );
    api.hold_with(1, &show, &first["pass"], "A-1").await.is(201);
    api.manage();
    let leave = path_of(&show, &entries[1]);
    api.send_as(2, Method::DELETE, &leave, None, Value::Null)
        .await
        .is(204);
    api.until_admitted(3, &show, &entries[2]).await;
    let fourth = api.entry(4, &show, &entries[3]).await.is(200);
    assert_eq!(
        (&fourth["state"], &fourth["ahead"]),
        (&json!("waiting"), &json!(0))
    );
    let reasons = api.count("NumbersReserved").await;
    assert_eq!(reasons, 2);
}

#[tokio::test]
async fn a_receipt_that_comes_too_late_is_no_place() {
    let api = Api::start().await;
    let show = api.open_room(fast()).await;
    let entries = enter_all(&api, &show, 1..=3).await;
    let api = api.restart().await;
    api.entry(2, &show, &entries[1]).await.is(200);
    api.advance(60);
    api.entry(3, &show, &entries[2])
        .await
        .refused(404, "not_found");
    let path = format!("/v1/waiting-room/{show}/entries");
    let receipt = entries[2]["receipt"].as_str().unwrap();
    let again = api
        .send_as(
            3,
            Method::POST,
            &path,
            Some(("queue-receipt", receipt)),
            Value::Null,
        )
        .await
        .is(201);
    assert_eq!(
        (&again["queue_number"], &again["ahead"]),
        (&json!(1_001), &json!(1))
    );
}

#[tokio::test]
async fn a_receipt_that_is_none_is_refused_instead_of_a_new_place_given() {
    let api = Api::start().await;
    let show = api.open_room(fast()).await;
    let entries = enter_all(&api, &show, 1..=2).await;
    let api = api.restart().await;
    let path = format!("/v1/waiting-room/{show}/entries");
    for receipt in ["torn", entries[0]["receipt"].as_str().unwrap()] {
        let receipt = Some(("queue-receipt", receipt));
        api.send_as(2, Method::POST, &path, receipt, Value::Null)
            .await
            .refused(400, "invalid_receipt");
    }
    let kept = api.entry(2, &show, &entries[1]).await.is(200);
    assert_eq!(kept["queue_number"], entries[1]["queue_number"]);
}

#[tokio::test]
async fn who_was_served_does_not_come_back_by_an_old_receipt() {
    let api = Api::start().await;
    let show = api.open_room(fast()).await;
    let entries = enter_all(&api, &show, 1..=3).await;
    api.manage();
    let admitted = api.until_admitted(1, &show, &entries[0]).await;
    let held = api
        .hold_with(1, &show, &admitted["pass"], "A-1")
        .await
        .is(201);
    api.charge(1, 1_000).await;
    api.pay(1, &text(&held, "reservation_id"), "k")
        .await
        .is(201);
    api.entry_until(3, &show, &entries[2], |body| body["state"] == "admitted")
        .await;
    // Past the passes of all, so that the log does not put the first back inside.
    let api = api.restart().await;
    api.advance(700);
    api.entry(1, &show, &entries[0])
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn without_a_store_nobody_enters_and_pass_holders_buy() {
    // Nobody listens there.
    let away = RedisWaitingRoom::new("redis://127.0.0.1:1").unwrap();
    let api = Api::with_waiting_room(Arc::new(away)).await;
    let show = api.open_room(fast()).await;
    let refused = api.enter(1, &show).await;
    assert!(refused.headers.contains_key("retry-after"));
    refused.refused(503, "unavailable");
    let entrant = domain::waiting_room::Entrant {
        number: 1,
        entry_id: uuid::Uuid::from_u128(5).into(),
        customer_id: super::super::fixtures::customer_id(1).into(),
    };
    let standing = crate::waiting_room::Standing {
        entrant,
        early: false,
        state: crate::waiting_room::State::Admitted {
            expires_at: api.state.clock.now() + chrono::TimeDelta::seconds(60),
        },
        notice: crate::waiting_room::Notice::default(),
        recovers: false,
    };
    let pass = api.state.tickets.pass(show.parse().unwrap(), &standing);
    api.hold_with(1, &show, &json!(pass), "A-1").await.is(201);
}

#[tokio::test]
async fn a_redis_that_is_killed_during_an_on_sale_keeps_nobodys_place_but_receipts_do() {
    let test = "a Redis killed during an on-sale";
    let Some(server) = Redis::start(test, false).await else {
        return;
    };
    let store = Arc::new(RedisWaitingRoom::new(&server.url()).unwrap());
    let api = Api::with_waiting_room(store).await;
    let show = api.open_room(fast()).await;
    let entries = enter_all(&api, &show, 1..=8).await;
    api.manage();
    let first = api.until_admitted(1, &show, &entries[0]).await;
    api.until_admitted(2, &show, &entries[1]).await;
    server.kill();
    let gone = api.entry(3, &show, &entries[2]).await;
    assert!(gone.headers.contains_key("retry-after"));
    gone.refused(503, "unavailable");
    api.enter(50, &show).await.refused(503, "unavailable");
    api.hold_with(1, &show, &first["pass"], "A-1").await.is(201);
    server.start_again().await;
    api.entry_until(8, &show, &entries[7], |body| body["recovering"] == true)
        .await;
    order_is_kept(&api, &show, &entries).await;
    let leave = path_of(&show, &entries[1]);
    api.send_as(2, Method::DELETE, &leave, None, Value::Null)
        .await
        .is(204);
    api.until_admitted(3, &show, &entries[2]).await;
    let fourth = api.entry(4, &show, &entries[3]).await.is(200);
    assert_eq!(fourth["state"], "waiting", "two at a time");
    assert_eq!(fourth["ahead"], 0);
}
