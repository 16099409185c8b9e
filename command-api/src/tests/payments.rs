//! Charging, paying, refunding: while nothing crashes.

use domain::payment::Status;
use serde_json::json;
use uuid::Uuid;

use super::{
    fixtures::{show, text},
    harness::Api,
};

#[tokio::test]
async fn points_are_charged_once_for_a_key() {
    let api = Api::start().await;
    let customer = api.customer(1);
    let charge = |key, amount| {
        api.keyed(
            &customer,
            "/v1/points/charges",
            key,
            json!({"amount": amount}),
        )
    };
    let first = charge("k", 500).await.is(201);
    assert_eq!(first["balance"], 500);
    assert_eq!(charge("l", 20).await.is(201)["balance"], 520);
    assert_eq!(charge("k", 500).await.is(201), first);
    charge("k", 501)
        .await
        .refused(422, "idempotency_key_reused");
    charge("m", 0).await.refused(422, "invalid_field");
    charge("m", 1_000_000_001)
        .await
        .refused(422, "invalid_field");
    assert_eq!(api.balance(1).await, 520);
}

#[tokio::test]
async fn a_payment_debits_and_sells() {
    let api = Api::start().await;
    let show = api.show().await;
    api.charge(1, 500).await;
    let reservation = api.hold(1, &show, &["A-1", "A-2"]).await;
    let paid = api.pay(1, &reservation, "k").await.is(201);
    assert_eq!(paid["status"], "completed");
    assert_eq!(paid["amount"], 200);
    assert_eq!(paid["balance"], 300);
    assert_eq!(paid["reservation_id"], reservation);
    assert_eq!(
        paid["position"],
        api.state.log.head().await.unwrap().position.0
    );
    assert_eq!(api.pay(1, &reservation, "k").await.is(201), paid);
    let api = api.restart().await;
    assert_eq!(api.pay(1, &reservation, "k").await.is(201), paid);
    let problem = api
        .pay(1, &reservation, "l")
        .await
        .refused(409, "already_paid");
    assert_eq!(problem["payment_id"], paid["payment_id"]);
    let other = json!({"reservation_id": Uuid::from_u128(5), "method": "points"});
    api.keyed(&api.customer(1), "/v1/payments", "k", other)
        .await
        .refused(422, "idempotency_key_reused");
    let saga = [
        "PaymentRequested",
        "PointsDebited",
        "ReservationConfirmed",
        "PaymentCompleted",
    ];
    assert_eq!(api.events(&["venue", "concert"]).await[5..], saga);
}

#[tokio::test]
async fn what_is_refused_before_anything_is_recorded() {
    let api = Api::start().await;
    let show = api.show().await;
    let reservation = api.hold(1, &show, &["A-1"]).await;
    let problem = api
        .pay(1, &reservation, "k")
        .await
        .refused(422, "insufficient_points");
    assert_eq!(
        (&problem["balance"], &problem["required"]),
        (&json!(0), &json!(100))
    );
    api.pay(2, &reservation, "k")
        .await
        .refused(404, "not_found");
    api.pay(1, &Uuid::from_u128(3).to_string(), "l")
        .await
        .refused(404, "not_found");
    let card = json!({"reservation_id": reservation, "method": "card"});
    api.post(&api.customer(1), "/v1/payments", card)
        .await
        .refused(400, "invalid_field");
    // Expired, and taken by another: nothing is debited.
    api.charge(1, 100).await;
    api.advance(300);
    api.hold(2, &show, &["A-1"]).await;
    let problem = api
        .pay(1, &reservation, "k")
        .await
        .refused(409, "hold_expired");
    assert!(problem["position"].as_u64().unwrap() > 0, "{problem:#}");
    assert_eq!(problem.get("refunded"), None);
    assert_eq!(api.count("PaymentRequested").await, 0);
    // A refusal is not kept under the key.
    let other = api.hold(1, &show, &["B-1"]).await;
    api.pay(1, &other, "m").await.is(201);
}

#[tokio::test]
async fn expired_seats_that_are_free_are_taken_again() {
    let api = Api::start().await;
    let show = api.show().await;
    api.charge(1, 100).await;
    let reservation = api.hold(1, &show, &["A-1"]).await;
    api.advance(301);
    api.pay(1, &reservation, "k").await.is(201);
    let problem = json!({"show_id": show, "seats": ["A-1"]});
    api.post(&api.customer(2), "/v1/reservations", problem)
        .await
        .refused(409, "seats_unavailable");
}

#[tokio::test]
async fn many_payments_of_one_reservation_debit_once() {
    let api = Api::start().await;
    let show = api.show().await;
    api.charge(1, 100_000).await;
    let reservation = api.hold(1, &show, &["A-1"]).await;
    let keys: Vec<_> = (0..20).map(|key| key.to_string()).collect();
    let answers =
        futures::future::join_all(keys.iter().map(|key| api.pay(1, &reservation, key))).await;
    let mut paid = 0;
    for answer in answers {
        match answer.status.as_u16() {
            201 => paid += 1,
            409 => {
                let code = text(&answer.body, "code");
                assert!(
                    ["payment_in_progress", "already_paid"].contains(&&*code),
                    "{code}"
                );
            }
            other => panic!("{other}: {:#}", answer.body),
        }
    }
    assert_eq!(paid, 1);
    assert_eq!(api.balance(1).await, 99_900);
    assert_eq!(api.count("PointsDebited").await, 1);
    assert_eq!(api.count("PaymentRequested").await, 1);
}

#[tokio::test]
async fn one_key_in_many_requests_is_one_payment() {
    let api = Api::start().await;
    let show = api.show().await;
    api.charge(1, 100_000).await;
    let reservation = api.hold(1, &show, &["A-1"]).await;
    let answers = futures::future::join_all((0..20).map(|_| api.pay(1, &reservation, "k"))).await;
    let bodies: Vec<_> = answers.into_iter().map(|answer| answer.is(201)).collect();
    assert!(
        bodies.windows(2).all(|pair| pair[0] == pair[1]),
        "{bodies:#?}"
    );
    assert_eq!(api.balance(1).await, 99_900);
    assert_eq!(api.count("PaymentRequested").await, 1);
}

#[tokio::test]
async fn a_refund_frees_the_seats_and_gives_the_points_back() {
    let api = Api::start().await;
    let show = api.show().await;
    let (reservation, payment) = api.sell(1, &show, &["A-1"]).await;
    let refund = format!("/v1/payments/{payment}/refund");
    let body = json!({"reason": "rain"});
    api.post(&api.customer(1), &refund, body.clone())
        .await
        .refused(403, "forbidden");
    let other = api.token(edge::auth::Role::Organizer, Uuid::from_u128(2));
    api.post(&other, &refund, body.clone())
        .await
        .refused(404, "not_found");
    let organizer = api.organizer();
    let unknown = format!("/v1/payments/{}/refund", Uuid::from_u128(4));
    api.post(&organizer, &unknown, body.clone())
        .await
        .refused(404, "not_found");
    let refunded = api
        .keyed(&organizer, &refund, "k", body.clone())
        .await
        .is(200);
    assert_eq!(refunded["status"], "refunded");
    assert_eq!(
        refunded["position"],
        api.state.log.head().await.unwrap().position.0
    );
    assert_eq!(api.balance(1).await, 1_000);
    assert_eq!(
        api.keyed(&organizer, &refund, "k", body.clone())
            .await
            .is(200),
        refunded
    );
    api.post(&organizer, &refund, body)
        .await
        .refused(409, "already_refunded");
    // The payment was completed: that answer stands.
    let paid = api
        .pay(1, &reservation, &format!("sell {reservation}"))
        .await
        .is(201);
    assert_eq!(paid["status"], "completed");
    api.pay(1, &reservation, "again")
        .await
        .refused(409, "reservation_cancelled");
    assert_eq!(api.payment(&payment).await.status, Status::Refunded);
    api.hold(2, &show, &["A-1"]).await;
}

#[tokio::test]
async fn what_costs_nothing_is_paid_for_and_refunded_too() {
    let api = Api::start().await;
    let mut body = show(&api.venue().await, &api.concert().await);
    body["prices"] = json!({"Parquet": 0, "Standing": 0});
    let show = api.post(&api.organizer(), "/v1/shows", body).await.is(201);
    let reservation = api.hold(1, &text(&show, "show_id"), &["A-1"]).await;
    let paid = api.pay(1, &reservation, "k").await.is(201);
    assert_eq!((&paid["amount"], &paid["balance"]), (&json!(0), &json!(0)));
    let refund = format!("/v1/payments/{}/refund", text(&paid, "payment_id"));
    api.post(&api.organizer(), &refund, json!({"reason": "rain"}))
        .await
        .is(200);
}
