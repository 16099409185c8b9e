//! A show is called off: everybody who paid has the points back.

use futures::future::join_all;
use serde_json::json;

use crate::harness::{Fan, Sale, TestApp, both_ways};

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
    let reason = json!({"reason": "storm"});
    let cancelled = app
        .post(&sale.path("/cancel"), &sale.organizer, &reason)
        .key("c")
        .send()
        .await
        .expect(202);
    assert!(cancelled["position"].is_u64());
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
    for fan in &fans {
        app.until("/v1/me/points", &fan.token, |body| body["balance"] == 100)
            .await;
    }
    app.finish().await;
}
