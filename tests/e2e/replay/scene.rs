//! A history with nearly every command in it.

use chrono::TimeDelta;
use edge::auth::Role;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Fan, Sale, TestApp};

/// The last event of each kind of command that is in it.
pub(super) const KINDS: [&str; 33] = [
    "StandingAreaAdded",
    "ConcertAnnounced",
    "StandingListed",
    "SeatsHeld",
    "HoldExtended",
    "HoldReleased",
    "HoldExpired",
    "ReservationConfirmed",
    "ReservationCancelled",
    "SeatsBlocked",
    "SeatsUnblocked",
    "ShowCancelled",
    "PaymentRequested",
    "PaymentCompleted",
    "RefundRequested",
    "PaymentRefunded",
    "PointsCharged",
    "PointsDebited",
    "PointsCredited",
    "CustomerRegistered",
    "CustomerErased",
    "PersonalDataDestroyed",
    "FlowChanged",
    "NumbersReserved",
    "CustomersAdmitted",
    "DropOpened",
    "EntriesRecorded",
    "EntriesSealed",
    "EntriesDrawn",
    "WinnersSettled",
    "StandbysDismissed",
    "SecretRevealed",
    "DropClosed",
];

/// Plays it; answers the show that most of it is about.
pub(super) async fn history(app: &TestApp) -> String {
    let sale = Sale::open(app).await;
    let fans = [
        Fan::with_points(app, 1_000).await,
        Fan::with_points(app, 1_000).await,
    ];
    holds(app, &sale, &fans).await;
    money(app, &sale, &fans).await;
    called_off(app, &fans).await;
    queue(app, &fans[0]).await;
    drop_of_vinyl(app).await;
    customer(app).await;
    sale.show
}

async fn holds(app: &TestApp, sale: &Sale, [fan, other]: &[Fan; 2]) {
    let hold = async |body: &Value| {
        let call = app.post("/v1/reservations", &fan.token, body);
        call.send().await.expect(201)
    };
    let path = |held: &Value, act: &str| {
        format!(
            "/v1/reservations/{}/{act}",
            held["reservation_id"].as_str().unwrap()
        )
    };
    let none = json!({});
    let best = hold(&sale.best(2)).await;
    let extend = app.post(&path(&best, "extend"), &fan.token, &none);
    extend.send().await.expect(200);
    let standing = hold(&sale.standing(2)).await;
    let cancel = app.post(&path(&standing, "cancel"), &fan.token, &none);
    cancel.send().await.expect(200);
    // Named in another order than the plan's.
    hold(&sale.seats(&["A-7-5", "A-7-4"])).await;
    let house = json!({"seats": ["A-10-2", "A-10-1"], "reason": "press"});
    for act in ["/blocks", "/blocks/release"] {
        let call = app.post(&sale.path(act), &sale.organizer, &house);
        call.send().await.expect(200);
    }
    // All of it runs out; a seat of it is taken at that moment, another is paid for late.
    let late = sale.hold(app, other, &["A-8-1"]).await;
    app.advance(700);
    sale.hold(app, other, &["A-7-4"]).await;
    other
        .pay(app, &late["reservation_id"])
        .send()
        .await
        .expect(201);
}

async fn money(app: &TestApp, sale: &Sale, [fan, other]: &[Fan; 2]) {
    let (_, paid) = sale.buy(app, fan, &["A-1-1"]).await;
    let refund = format!(
        "/v1/payments/{}/refund",
        paid["payment_id"].as_str().unwrap()
    );
    let reason = json!({"reason": "the customer fell ill"});
    app.post(&refund, &sale.organizer, &reason)
        .send()
        .await
        .expect(200);
    sale.buy(app, fan, &["A-1-2"]).await;
    // Refused before anything is recorded.
    let poor = Fan::with_points(app, 1).await;
    let held = sale.hold(app, &poor, &["A-2-1"]).await;
    let refused = poor.pay(app, &held["reservation_id"]).send().await;
    refused.refused(422, "insufficient_points");
    let _ = other;
}

async fn called_off(app: &TestApp, [fan, other]: &[Fan; 2]) {
    let sale = Sale::open(app).await;
    sale.buy(app, fan, &["A-1-1"]).await;
    sale.hold(app, other, &["A-1-2"]).await;
    let reason = json!({"reason": "storm"});
    let cancel = app.post(&sale.path("/cancel"), &sale.organizer, &reason);
    cancel.send().await.expect(202);
    app.until(&sale.path("/cancellation"), &sale.organizer, |seen| {
        seen["finished"] == true
    })
    .await;
}

async fn queue(app: &TestApp, fan: &Fan) {
    let sale = Sale::open_with(app, |show| {
        show["waiting_room"] = json!({"admit_per_second": 100, "max_active": 10});
    })
    .await;
    let entries = format!("/v1/waiting-room/{}/entries", sale.show);
    let entry = app
        .call(Method::POST, &entries, &fan.token, None)
        .send()
        .await;
    let entry = entry.expect(201);
    let path = format!("{entries}/{}", entry["entry_id"].as_str().unwrap());
    let admitted = app
        .until(&path, &fan.token, |entry| entry["state"] == "admitted")
        .await;
    let hold = app.post("/v1/reservations", &fan.token, &sale.seats(&["A-1-1"]));
    let pass = admitted["pass"].as_str().unwrap();
    let reserved = hold.header("queue-pass", pass).send().await.expect(201);
    fan.pay(app, &reserved["reservation_id"])
        .send()
        .await
        .expect(201);
    let flow = format!("/v1/waiting-room/{}", sale.show);
    for act in ["pause", "resume"] {
        let call = app.post(&format!("{flow}/{act}"), &sale.organizer, &json!({}));
        call.send().await.expect(200);
    }
}

/// Two drops: one is drawn at its close, one as entries come.
pub(crate) async fn drop_of_vinyl(app: &TestApp) {
    let organizer = app.token(Role::Organizer, Uuid::now_v7());
    for (draw, crowd) in [("at_close", 6), ("on_entry", 3)] {
        let body = json!({"title": "Signed vinyl", "stock": 2, "win_probability": "1", "price": 40,
            "opens_at": app.now() - TimeDelta::seconds(60), "closes_at": app.now() + TimeDelta::hours(1), "draw": draw});
        let opened = app
            .post("/v1/drops", &organizer, &body)
            .send()
            .await
            .expect(201);
        let path = format!("/v1/drops/{}", opened["drop_id"].as_str().unwrap());
        for n in 0..crowd {
            let fan = Fan::new(app);
            if n % 2 == 0 {
                fan.charge(app, 100).await;
            }
            let entries = format!("{path}/entries");
            let entered = app
                .call(Method::POST, &entries, &fan.token, None)
                .send()
                .await;
            entered.expect(202);
        }
        if draw == "at_close" {
            let close = app.post(&format!("{path}/close"), &organizer, &json!({}));
            close.send().await.expect(200);
        }
        app.until(&path, "", |drop| drop["status"] == "over").await;
    }
}

async fn customer(app: &TestApp) {
    for (email, erased) in [("ada@example.org", true), ("bea@example.org", false)] {
        let body = json!({"email": email, "password": "correct horse battery", "name": "Ada"});
        let call = app.post("/v1/customers", "", &body);
        let registered = call.send().await.expect(201);
        let id = registered["customer_id"].as_str().unwrap().parse().unwrap();
        if erased {
            let token = app.token(Role::Customer, id);
            let erase = app.call(Method::DELETE, "/v1/me", &token, None);
            assert!(erase.send().await.status < 300);
        }
    }
}
