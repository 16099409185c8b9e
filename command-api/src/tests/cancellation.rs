//! Shows that are called off.

use domain::{payment::Status, show::WIND_UP_BATCH};
use futures::future::join_all;
use serde_json::json;

use super::{
    fixtures::{show, stop_once, text, venue},
    harness::Api,
};

async fn cancel(api: &Api, show: &str) -> serde_json::Value {
    let path = format!("/v1/shows/{show}/cancel");
    api.keyed(
        &api.organizer(),
        &path,
        "cancel",
        json!({"reason": "storm"}),
    )
    .await
    .is(202)
}

#[tokio::test]
async fn every_sold_reservation_is_refunded() {
    let api = Api::start().await;
    let show = api.show().await;
    for (customer, seat) in [(1, "A-1"), (2, "A-2"), (3, "A-3")] {
        api.sell(customer, &show, &[seat]).await;
    }
    let held = api.hold(4, &show, &["A-4"]).await;
    let other = api.token(edge::auth::Role::Organizer, uuid::Uuid::from_u128(2));
    let path = format!("/v1/shows/{show}/cancel");
    api.post(&other, &path, json!({"reason": "storm"}))
        .await
        .refused(404, "not_found");
    let cancelled = cancel(&api, &show).await;
    assert_eq!(cancel(&api, &show).await, cancelled);
    api.post(&api.organizer(), &path, json!({"reason": "storm"}))
        .await
        .refused(409, "show_cancelled");
    let body = json!({"show_id": show, "seats": ["A-5"]});
    api.post(&api.customer(5), "/v1/reservations", body)
        .await
        .refused(409, "show_cancelled");
    let extend = format!("/v1/reservations/{held}/extend");
    api.post(&api.customer(4), &extend, json!({}))
        .await
        .refused(409, "show_cancelled");
    api.manage();
    api.until("PaymentRefunded", 3).await;
    api.until("HoldReleased", 1).await;
    assert_eq!(api.count("ReservationCancelled").await, 3);
    for customer in [1, 2, 3] {
        assert_eq!(api.balance(customer).await, 1_000);
    }
}

#[tokio::test]
async fn a_crash_while_a_show_is_wound_up_loses_no_refund() {
    for at in [
        "cancellation.told",
        "cancellation.requested",
        "cancellation.wound_up",
        "refund.cancelled",
        "refund.credited",
        "refund.completed",
    ] {
        let (failpoints, reached) = stop_once(at);
        let api = Api::with(failpoints).await;
        let show = api.show().await;
        let (_, payment) = api.sell(1, &show, &["A-1"]).await;
        api.sell(2, &show, &["A-2"]).await;
        cancel(&api, &show).await;
        api.manage();
        reached.notified().await;
        let api = api.restart().await;
        api.manage();
        api.until("PaymentRefunded", 2).await;
        assert_eq!(api.payment(&payment).await.status, Status::Refunded, "{at}");
        assert_eq!(
            (api.balance(1).await, api.balance(2).await),
            (1_000, 1_000),
            "{at}"
        );
        assert_eq!(api.count("PointsCredited").await, 2, "{at}");
        assert_eq!(api.count("ReservationCancelled").await, 2, "{at}");
    }
}

/// More reservations than one batch winds up, and a crash between two batches.
#[tokio::test]
async fn a_crash_between_two_batches_leaves_nobody_behind() {
    let (failpoints, reached) = stop_once("cancellation.wound_up");
    let api = Api::with(failpoints).await;
    let mut venue = venue();
    venue["standing"][0]["capacity"] = json!(WIND_UP_BATCH + 100);
    let venue = api
        .post(&api.organizer(), "/v1/venues", venue)
        .await
        .is(201);
    let body = show(&text(&venue, "venue_id"), &api.concert().await);
    let show = api.post(&api.organizer(), "/v1/shows", body).await.is(201);
    let show = text(&show, "show_id");
    let fans: Vec<_> = (0..WIND_UP_BATCH as u128 + 20).collect();
    let place = json!({"show_id": show, "standing": {"category": "Standing", "quantity": 1}});
    let holds = fans.iter().map(|fan| {
        let (customer, place) = (api.customer(1_000 + fan), place.clone());
        let api = &api;
        async move { api.post(&customer, "/v1/reservations", place).await.is(201) }
    });
    join_all(holds).await;
    for (customer, seat) in [(1, "A-1"), (2, "A-2"), (3, "A-3")] {
        api.sell(customer, &show, &[seat]).await;
    }
    cancel(&api, &show).await;
    api.manage();
    reached.notified().await;
    let released = api.count("HoldReleased").await;
    assert_eq!(released, WIND_UP_BATCH, "holds come first");
    assert_eq!(
        api.count("RefundRequested").await,
        3,
        "before any place is free"
    );
    let api = api.restart().await;
    api.manage();
    api.until("HoldReleased", fans.len()).await;
    api.until("PaymentRefunded", 3).await;
    assert_eq!(api.count("ReservationCancelled").await, 3);
    for customer in [1, 2, 3] {
        assert_eq!(api.balance(customer).await, 1_000);
    }
}
