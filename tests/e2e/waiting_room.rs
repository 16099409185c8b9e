//! The waiting room, from the doors to the last seat.

use std::collections::BTreeMap;

use edge::auth::Role;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Call, Fan, Sale, TestApp, both_ways};

both_ways!(
    a_crowd_is_let_in_in_order_and_buys_the_hall,
    the_flow_is_paused_and_resumed,
    a_pass_is_needed_and_is_good_for_its_owner_alone,
);

/// A show of 150 places with a waiting room.
async fn sale(app: &TestApp, admit_per_second: u32, max_active: u32) -> Sale {
    Sale::open_with(app, |show| {
        show["waiting_room"] =
            json!({"admit_per_second": admit_per_second, "max_active": max_active});
    })
    .await
}

fn entries(sale: &Sale) -> String {
    format!("/v1/waiting-room/{}/entries", sale.show)
}

fn enter<'a>(app: &'a TestApp, sale: &Sale, fan: &Fan) -> Call<'a> {
    app.call(Method::POST, &entries(sale), &fan.token, None)
}

fn path_of(sale: &Sale, entry: &Value) -> String {
    format!("{}/{}", entries(sale), entry["entry_id"].as_str().unwrap())
}

async fn until_admitted(app: &TestApp, sale: &Sale, fan: &Fan, entry: &Value) -> Value {
    app.until(&path_of(sale, entry), &fan.token, |body| {
        body["state"] == "admitted"
    })
    .await
}

/// Holds with a pass.
fn hold<'a>(app: &'a TestApp, sale: &Sale, fan: &Fan, pass: &Value, seat: &str) -> Call<'a> {
    let call = app.post("/v1/reservations", &fan.token, &sale.seats(&[seat]));
    match pass.as_str() {
        Some(pass) => call.header("queue-pass", pass),
        None => call,
    }
}

async fn a_crowd_is_let_in_in_order_and_buys_the_hall(app: TestApp) {
    const CROWD: usize = 20;
    let sale = sale(&app, 1_000, 3).await;
    let mut queue = Vec::new();
    for _ in 0..CROWD {
        let fan = Fan::with_points(&app, 100).await;
        let entry = enter(&app, &sale, &fan).send().await.expect(201);
        queue.push((fan, entry));
    }
    let numbers: Vec<_> = queue
        .iter()
        .map(|(_, entry)| entry["queue_number"].as_u64().unwrap())
        .collect();
    assert!(
        numbers.is_sorted_by(|one, other| one < other),
        "{numbers:?}"
    );
    // Never further back than before.
    let mut ahead = BTreeMap::new();
    for (n, (fan, entry)) in queue.iter().enumerate() {
        for (later, (fan, entry)) in queue.iter().enumerate().skip(n) {
            let reply = app.get(&path_of(&sale, entry), &fan.token).await;
            let now = reply.expect(200)["ahead"].as_u64().unwrap();
            let before = ahead.insert(later, now).unwrap_or(now);
            assert!(now <= before, "from {before} ahead to {now}");
        }
        let admitted = until_admitted(&app, &sale, fan, entry).await;
        let seat = format!("A-{}-{}", n / 10 + 1, n % 10 + 1);
        let held = hold(&app, &sale, fan, &admitted["pass"], &seat);
        let held = held.send().await.expect(201);
        fan.pay(&app, &held["reservation_id"])
            .send()
            .await
            .expect(201);
        let again = hold(&app, &sale, fan, &admitted["pass"], "A-9-9");
        let refused = again.send().await.refused(403, "not_admitted");
        assert_eq!(refused["reason"], "used");
    }
    app.finish().await;
}

async fn the_flow_is_paused_and_resumed(app: TestApp) {
    let sale = sale(&app, 1_000, 10).await;
    let flow = format!("/v1/waiting-room/{}", sale.show);
    let pause = app.post(&format!("{flow}/pause"), &sale.organizer, &json!({}));
    assert_eq!(pause.send().await.expect(200)["paused"], true);
    let stranger = app.token(Role::Organizer, Uuid::now_v7());
    let foreign = app.post(&format!("{flow}/pause"), &stranger, &json!({}));
    foreign.send().await.refused(404, "not_found");
    let fan = Fan::new(&app);
    let entry = enter(&app, &sale, &fan).send().await.expect(201);
    let told = app
        .until(&path_of(&sale, &entry), &fan.token, |body| {
            body["paused"] == true
        })
        .await;
    assert_eq!(told["state"], "waiting");
    let change = json!({"max_active": 20});
    let change = app.call(Method::PATCH, &flow, &sale.organizer, Some(&change));
    assert_eq!(change.send().await.expect(200)["max_active"], 20);
    let resume = app.post(&format!("{flow}/resume"), &sale.organizer, &json!({}));
    assert_eq!(resume.send().await.expect(200)["paused"], false);
    until_admitted(&app, &sale, &fan, &entry).await;
    app.finish().await;
}

async fn a_pass_is_needed_and_is_good_for_its_owner_alone(app: TestApp) {
    let sale = sale(&app, 1_000, 10).await;
    let (fan, other) = (Fan::new(&app), Fan::new(&app));
    let refused = hold(&app, &sale, &fan, &Value::Null, "A-1-1").send().await;
    let refused = refused.refused(403, "not_admitted");
    assert_eq!(refused["reason"], "missing");
    let entry = enter(&app, &sale, &fan).send().await.expect(201);
    let again = enter(&app, &sale, &fan).send().await;
    let again = again.refused(409, "already_in_waiting_room");
    assert_eq!(again["entry_id"], entry["entry_id"]);
    let admitted = until_admitted(&app, &sale, &fan, &entry).await;
    let stolen = hold(&app, &sale, &other, &admitted["pass"], "A-1-1");
    let refused = stolen.send().await.refused(403, "not_admitted");
    assert_eq!(refused["reason"], "invalid");
    let foreign = app.get(&path_of(&sale, &entry), &other.token).await;
    foreign.refused(404, "not_found");
    let held = hold(&app, &sale, &fan, &admitted["pass"], "A-1-1");
    held.send().await.expect(201);
    let leave = app.call(Method::DELETE, &path_of(&sale, &entry), &fan.token, None);
    assert_eq!(leave.send().await.status, 204);
    app.finish().await;
}

/// The queue is lost with the process; receipts bring it back in its order.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_order_of_those_who_have_receipts() {
    let app = TestApp::start().await;
    let sale = sale(&app, 1, 1).await;
    let mut queue = Vec::new();
    for _ in 0..4 {
        let fan = Fan::new(&app);
        let entry = enter(&app, &sale, &fan).send().await.expect(201);
        queue.push((fan, entry));
    }
    let (inside, entry) = &queue[0];
    until_admitted(&app, &sale, inside, entry).await;
    let app = app.restart().await;
    let look = async |(fan, entry): &(Fan, Value)| {
        let call = app.call(Method::GET, &path_of(&sale, entry), &fan.token, None);
        let call = call.header("queue-receipt", entry["receipt"].as_str().unwrap());
        call.send().await.expect(200)
    };
    for waiting in queue[1..].iter().rev() {
        let back = look(waiting).await;
        assert_eq!(
            (&back["recovering"], &back["ahead"]),
            (&json!(true), &Value::Null)
        );
    }
    assert_eq!(look(&queue[0]).await["state"], "admitted");
    // Who is silent for as long as the room recovers loses the place when it has.
    app.advance(30);
    for waiting in &queue[1..] {
        look(waiting).await;
    }
    app.advance(30);
    for (place, waiting) in queue[1..].iter().enumerate() {
        assert_eq!(look(waiting).await["ahead"], json!(place));
    }
    app.finish().await;
}
