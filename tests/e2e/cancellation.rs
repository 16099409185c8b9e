//! A show is called off: everybody who paid has the points back.

use command_api::failpoints::Failpoints;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    harness::{DataFolder, Fan, Sale, TestApp, both_ways},
    refusals::stop_once,
};

both_ways!(
    every_sold_reservation_is_refunded,
    only_its_organizer_calls_a_show_off,
);
both_ways!(alone: a_cancellation_survives_a_restart_in_its_middle);

async fn every_sold_reservation_is_refunded(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fans = join_all((0..12).map(|_| Fan::with_points(&app, 100))).await;
    for (n, fan) in fans.iter().enumerate() {
        sale.buy(
            &app,
            fan,
            &[&format!("A-{}-{}", n % 10 + 1, n / 10 * 3 + 1)],
        )
        .await;
    }
    let holder = Fan::with_points(&app, 100).await;
    let held = sale.hold(&app, &holder, &["A-9-9"]).await;
    let progress = sale.path("/cancellation");
    app.get(&progress, &sale.organizer)
        .await
        .refused(404, "not_found");
    let reason = json!({"reason": "storm"});
    let cancelled = app
        .post(&sale.path("/cancel"), &sale.organizer, &reason)
        .key("c")
        .send()
        .await
        .expect(202);
    let seen = app
        .get_at(&progress, &sale.organizer, &cancelled["position"])
        .await
        .expect(200);
    assert_eq!(seen["reason"], "storm");
    let all = ["running", "to_refund", "refunding", "refunded", "failed"];
    let payments = |seen: &Value| -> u64 {
        let count = |state| seen["payments"][state].as_u64().unwrap();
        all.into_iter().map(count).sum()
    };
    assert_eq!(payments(&seen), 12, "{seen}");
    holder
        .pay(&app, &held["reservation_id"])
        .send()
        .await
        .refused(409, "show_cancelled");
    app.post("/v1/reservations", &holder.token, &sale.best(1))
        .send()
        .await
        .refused(409, "show_cancelled");
    for fan in &fans {
        app.until("/v1/me/points", &fan.token, |body| body["balance"] == 100)
            .await;
        app.until("/v1/me/reservations", &fan.token, |body| {
            body["items"][0]["status"] == "refunded"
        })
        .await;
        app.until("/v1/me/payments", &fan.token, |body| {
            body["items"][0]["status"] == "refunded"
        })
        .await;
    }
    app.until(&sale.path(""), "", |show| {
        show["status"] == "cancelled" && show["sold"] == 0 && show["held"] == 0
    })
    .await;
    let seen = app
        .until(&progress, &sale.organizer, |seen| seen["finished"] == true)
        .await;
    assert_eq!(
        (&seen["payments"]["refunded"], &seen["places_left"]),
        (&json!(12), &json!(0))
    );
    app.finish().await;
}

/// One refund of three stops half-way: organizer and operators see which, and for how long.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_does_not_end_is_seen() {
    let (failpoints, stopped) = stop_once("refund.credited");
    let app = TestApp::start_on(DataFolder::new(), |config| config.failpoints = failpoints).await;
    let sale = Sale::open(&app).await;
    for n in 1..=3 {
        let fan = Fan::with_points(&app, 100).await;
        sale.buy(&app, &fan, &[&format!("A-{n}-1")]).await;
    }
    app.post(
        &sale.path("/cancel"),
        &sale.organizer,
        &json!({"reason": "storm"}),
    )
    .send()
    .await
    .expect(202);
    stopped.notified().await;
    let seen = app
        .until(&sale.path("/cancellation"), &sale.organizer, |seen| {
            seen["payments"]["refunded"] == 2 && seen["places_left"] == 0
        })
        .await;
    assert_eq!(
        (&seen["payments"]["refunding"], &seen["finished"]),
        (&json!(1), &json!(false))
    );
    let admin = app.token(edge::auth::Role::Admin, uuid::Uuid::now_v7());
    let sagas = format!("/v1/ops/sagas?show_id={}", sale.show);
    let shown = app.get(&sagas, &admin).await.expect(200);
    assert_eq!(
        (&shown["counts"]["refunded"], &shown["counts"]["stuck"]),
        (&json!(2), &json!(0))
    );
    app.advance(61);
    let stuck = app.get(&format!("{sagas}&state=stuck"), &admin).await;
    let stuck = stuck.expect(200);
    assert_eq!(stuck["counts"]["stuck"], 1);
    assert_eq!(stuck["items"][0]["state"], "refunding");
    assert!(
        stuck["items"][0]["age_ms"].as_u64().unwrap() >= 61_000,
        "{stuck}"
    );
    // Whoever stopped is gone with the process; the next one ends the refund.
    let app = app
        .restart_after(|config| config.failpoints = Failpoints::default())
        .await;
    app.until(&sale.path("/cancellation"), &sale.organizer, |seen| {
        seen["finished"] == true && seen["payments"]["refunded"] == 3
    })
    .await;
    app.finish().await;
}

async fn only_its_organizer_calls_a_show_off(app: TestApp) {
    let sale = Sale::open(&app).await;
    let stranger = app.token(edge::auth::Role::Organizer, uuid::Uuid::now_v7());
    let reason = json!({"reason": "envy"});
    app.post(&sale.path("/cancel"), &stranger, &reason)
        .send()
        .await
        .refused(404, "not_found");
    app.post(&sale.path("/cancel"), &Fan::new(&app).token, &reason)
        .send()
        .await
        .refused(403, "forbidden");
    app.post(&sale.path("/cancel"), "", &reason)
        .send()
        .await
        .refused(401, "unauthenticated");
    app.finish().await;
}

async fn a_cancellation_survives_a_restart_in_its_middle(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fans = join_all((0..10).map(|_| Fan::with_points(&app, 100))).await;
    for (n, fan) in fans.iter().enumerate() {
        sale.buy(&app, fan, &[&format!("A-{}-5", n + 1)]).await;
    }
    app.post(
        &sale.path("/cancel"),
        &sale.organizer,
        &json!({"reason": "storm"}),
    )
    .send()
    .await
    .expect(202);
    let app = app.restart().await;
    app.until(&sale.path("/cancellation"), &sale.organizer, |seen| {
        seen["finished"] == true && seen["payments"]["refunded"] == 10
    })
    .await;
    for fan in &fans {
        app.until("/v1/me/points", &fan.token, |body| body["balance"] == 100)
            .await;
    }
    app.finish().await;
}
