//! Projections made anew, and keys that are parked, beside a running server.

use edge::auth::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    harness::{Fan, Sale, TestApp},
    operation::{run, sqlite},
};

/// How `/v1/ops/projections` shows the versions of a projection.
async fn versions(app: &TestApp, name: &str) -> Vec<Value> {
    let admin = app.token(Role::Admin, Uuid::now_v7());
    let shown = app.get("/v1/ops/projections", &admin).await.expect(200);
    let items = shown["items"].as_array().unwrap().iter();
    items.filter(|item| item["name"] == name).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_is_made_anew_beside_a_running_server_and_goes_on() {
    let app = TestApp::start().await;
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 10_000).await;
    let (_, paid) = sale.buy(&app, &fan, &["A-1-1"]).await;
    let payments = "/v1/me/payments";
    app.get_at(payments, &fan.token, &paid["position"])
        .await
        .expect(200);

    let data = app.data().clone();
    let (status, report) = run(&data, &["replay", "--projection", "payments"]);
    assert_eq!(status, 0, "{report}");
    assert_eq!(
        (&report["swapped"], &report["differing"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(
        (&report["version"], &report["compared"]),
        (&json!(2), &json!(1))
    );
    let (_, paid) = sale.buy(&app, &fan, &["A-1-2"]).await;
    let shown = app
        .get_at(payments, &fan.token, &paid["position"])
        .await
        .expect(200);
    assert_eq!(shown["items"].as_array().unwrap().len(), 2);
    let known = versions(&app, "payments").await;
    let seen: Vec<_> = known.iter().map(|v| (&v["version"], &v["state"])).collect();
    assert_eq!(
        seen,
        [(&json!(1), &json!("retired")), (&json!(2), &json!("live"))]
    );

    // Back to the version that was live before: it takes up what it has missed.
    let back = [
        "projections",
        "roll-back",
        "--projection",
        "payments",
        "--reason",
        "a rehearsal",
    ];
    let (status, _) = run(&data, &back);
    assert_eq!(status, 0);
    let (_, paid) = sale.buy(&app, &fan, &["A-1-3"]).await;
    let shown = app
        .get_at(payments, &fan.token, &paid["position"])
        .await
        .expect(200);
    assert_eq!(shown["items"].as_array().unwrap().len(), 3);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_key_holds_nobody_up_and_is_healed_by_a_rebuild() {
    let app = TestApp::start().await;
    let (sale, other) = (Sale::open(&app).await, Sale::open(&app).await);
    let fan = Fan::with_points(&app, 10_000).await;
    let held = sale.hold(&app, &fan, &["A-1-1"]).await;
    let id = held["reservation_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/reservations/{id}");
    app.get_at(&path, &fan.token, &held["position"])
        .await
        .expect(200);

    // The row is lost, and the worker that remembers it stops: the payment then contradicts the rows.
    let data = app.data().clone();
    // The server may still be closing the file.
    let delete = format!(
        "PRAGMA busy_timeout = 10000; DELETE FROM reservations WHERE reservation_id = '{id}'"
    );
    let app = app
        .restart_after(|_| drop(sqlite(&data.join("read-model.db"), &delete)))
        .await;
    let paid = fan
        .pay(&app, &held["reservation_id"])
        .send()
        .await
        .expect(201);
    let demanded = app.get_at(&path, &fan.token, &paid["position"]).await;
    demanded.refused(503, "not_caught_up");
    // Another show's reservations, and this show's payments, are not held up.
    let (bought, paid) = other.buy(&app, &fan, &["A-1-1"]).await;
    let elsewhere = format!(
        "/v1/reservations/{}",
        bought["reservation_id"].as_str().unwrap()
    );
    let shown = app
        .get_at(&elsewhere, &fan.token, &paid["position"])
        .await
        .expect(200);
    assert_eq!(shown["status"], "confirmed");
    app.get_at("/v1/me/points", &fan.token, &paid["position"])
        .await
        .expect(200);

    operators_see_the_key_and_try_in_vain(&app, sale.show.as_str()).await;
    let (status, report) = run(&data, &["replay", "--projection", "reservations"]);
    assert_eq!(
        (status, &report["parked"]),
        (0, &json!([sale.show])),
        "{report}"
    );
    let shown = app
        .get_at(&path, &fan.token, &paid["position"])
        .await
        .expect(200);
    assert_eq!(shown["status"], "confirmed");
    let live = versions(&app, "reservations").await;
    let live = live
        .iter()
        .find(|version| version["state"] == "live")
        .unwrap();
    assert_eq!(live["parked_keys"], json!([]));
    app.finish().await;
}

/// The first of the key's events still contradicts the rows, so there is nothing to retry.
async fn operators_see_the_key_and_try_in_vain(app: &TestApp, show: &str) {
    let live = versions(app, "reservations").await.remove(0);
    assert_eq!(live["parked_keys"][0]["key"], show);
    let (_, parked) = run(app.data(), &["projections", "parked"]);
    assert_eq!(parked["items"][0]["projection"], "reservations");
    let retry = [
        "projections",
        "retry",
        "--projection",
        "reservations",
        "--key",
        show,
        "--reason",
        "to see whether it goes",
    ];
    let (status, outcome) = run(app.data(), &retry);
    assert_eq!((status, &outcome["applied"]), (1, &json!([])), "{outcome}");
    let nothing = [
        "projections",
        "skip",
        "--projection",
        "sagas",
        "--key",
        "x",
        "--reason",
        "y",
    ];
    let (status, outcome) = run(app.data(), &nothing);
    assert_eq!(status, 1);
    assert!(
        outcome["said"].as_str().unwrap().contains("nothing parked"),
        "{outcome}"
    );
}
