//! Holding, extending, giving back.

use serde_json::json;
use uuid::Uuid;

use super::{fixtures::text, harness::Api};

#[tokio::test]
async fn seats_are_held_all_or_none() {
    let api = Api::start().await;
    let show = api.show().await;
    let body = json!({"show_id": show, "seats": ["A-1", "A-2"]});
    let customer = api.customer(1);
    let held = api
        .keyed(&customer, "/v1/reservations", "k", body.clone())
        .await
        .is(201);
    assert_eq!(held["status"], "held");
    assert_eq!(held["amount"], 200);
    assert_eq!(held["expires_at"], "2026-06-01T12:05:00Z");
    assert_eq!(held["standing"], json!(null));
    let seat = json!({"seat_guid": "A-1", "zone": "Floor", "row": "A", "number": "1", "category": "Parquet", "price": 100});
    assert_eq!(held["seats"][0], seat);
    assert_eq!(
        api.keyed(&customer, "/v1/reservations", "k", body)
            .await
            .is(201),
        held
    );
    let late = json!({"show_id": show, "seats": ["A-2", "A-3"]});
    let problem = api
        .post(&api.customer(2), "/v1/reservations", late)
        .await
        .refused(409, "seats_unavailable");
    assert_eq!(problem["seats"], json!(["A-2"]));
    assert_eq!(problem["alternatives"].as_array().unwrap().len(), 2);
    assert_eq!(problem["position"], held["position"]);
    assert_eq!(
        problem["taken"],
        json!([{"seat_guid": "A-2", "position": held["position"]}])
    );
    assert_eq!(api.count("SeatsHeld").await, 1);
}

#[tokio::test]
async fn best_available_and_standing_places() {
    let api = Api::start().await;
    let show = api.show().await;
    let customer = api.customer(1);
    let best = json!({"show_id": show, "best_available": {"category": "Parquet", "quantity": 2}});
    let held = api.post(&customer, "/v1/reservations", best).await.is(201);
    assert_eq!(held["seats"].as_array().unwrap().len(), 2);
    let standing = json!({"show_id": show, "standing": {"category": "Standing", "quantity": 2}});
    let held = api
        .post(&customer, "/v1/reservations", standing)
        .await
        .is(201);
    assert_eq!(
        held["standing"],
        json!({"name": "Pit", "category": "Standing", "quantity": 2, "price": 40})
    );
    assert_eq!(held["seats"], json!([]));
    assert_eq!(held["amount"], 80);
    for customer in [2, 3] {
        let body = json!({"show_id": show, "standing": {"category": "Standing", "quantity": 3}});
        api.post(&api.customer(customer), "/v1/reservations", body)
            .await
            .is(201);
    }
    let body = json!({"show_id": show, "standing": {"category": "Standing", "quantity": 3}});
    let problem = api.post(&api.customer(4), "/v1/reservations", body).await;
    assert_eq!(problem.refused(409, "standing_unavailable")["remaining"], 2);
}

#[tokio::test]
async fn a_hold_names_exactly_one_selection() {
    let api = Api::start().await;
    let show = api.show().await;
    let customer = api.customer(1);
    let post = |body| api.post(&customer, "/v1/reservations", body);
    post(json!({"show_id": show}))
        .await
        .refused(400, "invalid_selection");
    let two = json!({"show_id": show, "seats": ["A-1"], "standing": {"category": "Standing", "quantity": 1}});
    post(two).await.refused(400, "invalid_selection");
    post(json!({"show_id": show, "seats": ["A-1"], "colour": 1}))
        .await
        .refused(400, "unknown_field");
    post(json!({"show_id": "x", "seats": ["A-1"]}))
        .await
        .refused(400, "invalid_field");
    post(json!({"show_id": show, "seats": ["Z-1"]}))
        .await
        .refused(422, "unknown_seats");
    let unknown =
        json!({"show_id": show, "best_available": {"category": "Balcony", "quantity": 1}});
    post(unknown).await.refused(422, "unknown_category");
    post(json!({"show_id": Uuid::from_u128(7), "seats": ["A-1"]}))
        .await
        .refused(404, "not_found");
    let over = json!({"show_id": show, "seats": ["A-1", "A-2", "A-3", "A-4", "A-5"]});
    let problem = post(over).await.refused(422, "purchase_limit_exceeded");
    assert_eq!(problem["limit"], 4);
    api.post(
        &api.organizer(),
        "/v1/reservations",
        json!({"show_id": show, "seats": ["A-1"]}),
    )
    .await
    .refused(403, "forbidden");
}

#[tokio::test]
async fn the_sale_has_a_beginning_and_an_end() {
    let api = Api::start().await;
    let mut body = super::fixtures::show(&api.venue().await, &api.concert().await);
    body["on_sale_at"] = "2026-06-01T12:01:00Z".into();
    body["off_sale_at"] = "2026-06-01T12:02:00Z".into();
    let show = text(
        &api.post(&api.organizer(), "/v1/shows", body).await.is(201),
        "show_id",
    );
    let hold = json!({"show_id": show, "seats": ["A-1"]});
    let customer = api.customer(1);
    let early = api
        .keyed(&customer, "/v1/reservations", "k", hold.clone())
        .await;
    assert_eq!(early.headers["retry-after"], "60");
    let problem = early.refused(425, "not_on_sale_yet");
    assert_eq!(problem["on_sale_at"], "2026-06-01T12:01:00Z");
    assert_eq!(problem["retry_after_ms"], 60_000);
    api.advance(60);
    // A refusal is not kept: the same key is decided anew.
    api.keyed(&customer, "/v1/reservations", "k", hold.clone())
        .await
        .is(201);
    api.advance(60);
    api.post(&customer, "/v1/reservations", hold)
        .await
        .refused(409, "off_sale");
}

#[tokio::test]
async fn a_hold_is_extended_once_and_given_back() {
    let api = Api::start().await;
    let show = api.show().await;
    let reservation = api.hold(1, &show, &["A-1"]).await;
    let (extend, cancel) = (
        format!("/v1/reservations/{reservation}/extend"),
        format!("/v1/reservations/{reservation}/cancel"),
    );
    let customer = api.customer(1);
    api.post(&api.customer(2), &extend, json!({}))
        .await
        .refused(404, "not_found");
    api.post(&api.customer(2), &cancel, json!({}))
        .await
        .refused(404, "not_found");
    let unknown = format!("/v1/reservations/{}/extend", Uuid::from_u128(8));
    api.post(&customer, &unknown, json!({}))
        .await
        .refused(404, "not_found");
    api.post(&customer, "/v1/reservations/x/extend", json!({}))
        .await
        .refused(404, "not_found");
    api.advance(10);
    let extended = api.keyed(&customer, &extend, "k", json!({})).await.is(200);
    assert_eq!(extended["expires_at"], "2026-06-01T12:10:00Z");
    assert_eq!(
        api.keyed(&customer, &extend, "k", json!({})).await.is(200),
        extended
    );
    api.post(&customer, &extend, json!({}))
        .await
        .refused(409, "already_extended");
    // The claim tells the show after a restart, when nothing is remembered.
    let api = api.restart().await;
    let cancelled = api.keyed(&customer, &cancel, "k", json!({})).await.is(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(
        api.keyed(&customer, &cancel, "k", json!({})).await.is(200),
        cancelled
    );
    api.hold(2, &show, &["A-1"]).await;
}

#[tokio::test]
async fn a_sold_reservation_is_not_given_back() {
    let api = Api::start().await;
    let show = api.show().await;
    let (reservation, _) = api.sell(1, &show, &["A-1"]).await;
    let cancel = format!("/v1/reservations/{reservation}/cancel");
    api.post(&api.customer(1), &cancel, json!({}))
        .await
        .refused(409, "already_confirmed");
}

#[tokio::test]
async fn one_of_many_gets_the_seat() {
    let api = Api::start().await;
    let show = api.show().await;
    let body = json!({"show_id": show, "seats": ["A-1"]});
    let tries = (0..50).map(|customer| {
        let (api, body) = (&api, body.clone());
        async move {
            api.post(&api.customer(customer), "/v1/reservations", body)
                .await
                .status
                .as_u16()
        }
    });
    let answers = futures::future::join_all(tries).await;
    assert_eq!(
        answers.iter().filter(|status| **status == 201).count(),
        1,
        "{answers:?}"
    );
    assert_eq!(
        answers.iter().filter(|status| **status == 409).count(),
        49,
        "{answers:?}"
    );
}
