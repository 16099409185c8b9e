//! Points: charged, spent, accounted for.

use edge::auth::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Fan, Sale, TestApp, both_ways};

both_ways!(
    each_movement_is_listed,
    a_charge_repeated_with_its_key_counts_once,
    an_amount_must_be_a_positive_whole_number,
);

async fn each_movement_is_listed(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fan = Fan::new(&app);
    let charged = fan.charge(&app, 70).await;
    assert_eq!(charged["balance"], 70);
    let (_, paid) = sale.buy(&app, &fan, &["A-1-1"]).await;
    let list = app
        .get_at("/v1/me/points/transactions", &fan.token, &paid["position"])
        .await
        .expect(200);
    let items = list["items"].as_array().unwrap();
    let amounts: Vec<(&Value, &Value)> = items
        .iter()
        .map(|item| (&item["kind"], &item["amount"]))
        .collect();
    assert_eq!(
        amounts,
        [
            (&json!("debit"), &json!(10)),
            (&json!("charge"), &json!(70))
        ]
    );
    assert_eq!(
        app.get("/v1/me/points", &fan.token).await.expect(200)["balance"],
        60
    );
    app.finish().await;
}

async fn a_charge_repeated_with_its_key_counts_once(app: TestApp) {
    let fan = Fan::new(&app);
    let body = json!({"amount": 50});
    let first = app
        .post("/v1/points/charges", &fan.token, &body)
        .key("top-up")
        .send()
        .await
        .expect(201);
    let other = fan.charge(&app, 1).await;
    let again = app
        .post("/v1/points/charges", &fan.token, &body)
        .key("top-up")
        .send()
        .await
        .expect(201);
    assert_eq!(first, again);
    assert_eq!(
        app.get_at("/v1/me/points", &fan.token, &other["position"])
            .await
            .expect(200)["balance"]
            .as_i64()
            .unwrap(),
        51
    );
    app.finish().await;
}

async fn an_amount_must_be_a_positive_whole_number(app: TestApp) {
    let fan = Fan::new(&app);
    for amount in [
        json!(0),
        json!(-5),
        json!(1.5),
        json!("7"),
        json!(null),
        json!(i64::MAX),
    ] {
        let reply = app
            .post("/v1/points/charges", &fan.token, &json!({"amount": amount}))
            .send()
            .await;
        assert!(
            matches!(reply.status, 400 | 422),
            "{amount}: {} {}",
            reply.status,
            reply.body
        );
    }
    let organizer = app.token(Role::Organizer, Uuid::now_v7());
    app.post("/v1/points/charges", &organizer, &json!({"amount": 5}))
        .send()
        .await
        .refused(403, "forbidden");
    app.finish().await;
}
