//! Holding places: by seat, best available, standing; and why a hold is refused.

use serde_json::{Value, json};

use crate::harness::{Fan, Sale, TestApp, both_ways};

both_ways!(
    seats_are_held_paid_and_seen_as_sold,
    a_taken_seat_is_refused_with_alternatives_that_are_free,
    best_available_seats_stand_side_by_side,
    standing_places_are_sold_by_capacity,
    the_limit_counts_all_reservations_of_a_customer,
    no_single_seat_is_left_over_where_the_show_says_so,
    a_hold_that_makes_no_sense_is_refused,
);
both_ways!(alone: a_repeated_hold_takes_effect_once);

async fn seats_are_held_paid_and_seen_as_sold(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 100).await;
    let held = sale.hold(&app, &fan, &["A-2-3", "A-2-4"]).await;
    assert_eq!(
        (&held["status"], &held["amount"], &held["standing"]),
        (&json!("held"), &json!(20), &Value::Null)
    );
    assert_eq!(
        held["seats"][0],
        json!({"seat_guid": "A-2-3", "zone": "A", "row": "2", "number": "3", "category": "Stalls", "price": 10})
    );
    let map = app
        .get_at(&sale.path("/seats?status=held"), "", &held["position"])
        .await
        .expect(200);
    assert_eq!(map["seats"].as_array().unwrap().len(), 2);
    let paid = fan
        .pay(&app, &held["reservation_id"])
        .send()
        .await
        .expect(201);
    assert_eq!(
        (
            &paid["status"],
            &paid["amount"],
            &paid["balance"],
            &paid["reservation_id"]
        ),
        (
            &json!("completed"),
            &json!(20),
            &json!(80),
            &held["reservation_id"]
        )
    );
    let path = format!(
        "/v1/reservations/{}",
        held["reservation_id"].as_str().unwrap()
    );
    assert_eq!(
        app.get_at(&path, &fan.token, &paid["position"])
            .await
            .expect(200)["status"],
        "confirmed"
    );
    let status = app
        .get_at(&sale.path("/seats/status"), "", &paid["position"])
        .await
        .expect(200);
    let letters = status["statuses"].as_str().unwrap();
    assert_eq!((letters.len(), &letters[10..20]), (100, "aassaaaaaa"));
    let show = app
        .get_at(&sale.path(""), "", &paid["position"])
        .await
        .expect(200);
    assert_eq!(
        (&show["sold"], &show["held"], &show["available"]),
        (&json!(2), &json!(0), &json!(148))
    );
    app.finish().await;
}

async fn a_taken_seat_is_refused_with_alternatives_that_are_free(app: TestApp) {
    let sale = Sale::open(&app).await;
    let (first, second) = (Fan::new(&app), Fan::new(&app));
    sale.hold(&app, &first, &["A-5-5", "A-5-6"]).await;
    let wanted = sale.seats(&["A-5-6", "A-5-7"]);
    let refusal = app
        .post("/v1/reservations", &second.token, &wanted)
        .send()
        .await
        .refused(409, "seats_unavailable");
    assert_eq!(refusal["seats"], json!(["A-5-6"]));
    let offered: Vec<&str> = refusal["alternatives"]
        .as_array()
        .unwrap()
        .iter()
        .map(|seat| seat.as_str().unwrap())
        .collect();
    assert!(!offered.is_empty());
    sale.hold(&app, &second, &offered[..2.min(offered.len())])
        .await;
    app.finish().await;
}

async fn best_available_seats_stand_side_by_side(app: TestApp) {
    let sale = Sale::open_with(&app, |show| show["max_seats_per_customer"] = json!(20)).await;
    let fan = Fan::new(&app);
    let held = app
        .post("/v1/reservations", &fan.token, &sale.best(4))
        .send()
        .await
        .expect(201);
    let numbers: Vec<i64> = held["seats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|seat| seat["number"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
    let rows: Vec<&Value> = held["seats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|seat| &seat["row"])
        .collect();
    assert!(rows.windows(2).all(|pair| pair[0] == pair[1]));
    // No row is eleven seats long.
    app.post("/v1/reservations", &fan.token, &sale.best(11))
        .send()
        .await
        .refused(409, "seats_unavailable");
    app.finish().await;
}

async fn standing_places_are_sold_by_capacity(app: TestApp) {
    let sale = Sale::open_with(&app, |show| show["max_seats_per_customer"] = json!(48)).await;
    let (first, second) = (Fan::with_points(&app, 1_000).await, Fan::new(&app));
    let held = app
        .post("/v1/reservations", &first.token, &sale.standing(48))
        .send()
        .await
        .expect(201);
    assert_eq!(
        held["standing"],
        json!({"name": "Pit", "category": "Floor", "quantity": 48, "price": 5})
    );
    assert_eq!((&held["seats"], &held["amount"]), (&json!([]), &json!(240)));
    let refusal = app
        .post("/v1/reservations", &second.token, &sale.standing(3))
        .send()
        .await;
    assert_eq!(refusal.refused(409, "standing_unavailable")["remaining"], 2);
    fan_gets(&app, &sale, &second, 2).await;
    first
        .pay(&app, &held["reservation_id"])
        .send()
        .await
        .expect(201);
    app.finish().await;
}

async fn fan_gets(app: &TestApp, sale: &Sale, fan: &Fan, quantity: u32) {
    app.post("/v1/reservations", &fan.token, &sale.standing(quantity))
        .send()
        .await
        .expect(201);
}

async fn the_limit_counts_all_reservations_of_a_customer(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 100).await;
    sale.buy(&app, &fan, &["A-1-1", "A-1-2"]).await;
    let held = sale.hold(&app, &fan, &["A-1-3"]).await;
    let over = sale.seats(&["A-1-4", "A-1-5"]);
    app.post("/v1/reservations", &fan.token, &over)
        .send()
        .await
        .refused(422, "purchase_limit_exceeded");
    let cancel = format!(
        "/v1/reservations/{}/cancel",
        held["reservation_id"].as_str().unwrap()
    );
    let cancelled = app
        .post(&cancel, &fan.token, &json!({}))
        .send()
        .await
        .expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    app.post("/v1/reservations", &fan.token, &over)
        .send()
        .await
        .expect(201);
    app.finish().await;
}

async fn no_single_seat_is_left_over_where_the_show_says_so(app: TestApp) {
    let sale = Sale::open_with(&app, |show| show["no_stranded_seats"] = json!(true)).await;
    let fan = Fan::new(&app);
    let gap = sale.seats(&["A-1-2", "A-1-3"]);
    let refusal = app.post("/v1/reservations", &fan.token, &gap).send().await;
    assert_eq!(
        refusal.refused(422, "stranded_seat")["seats"],
        json!(["A-1-1"])
    );
    sale.hold(&app, &fan, &["A-1-1", "A-1-2"]).await;
    app.finish().await;
}

async fn a_hold_that_makes_no_sense_is_refused(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fan = Fan::new(&app);
    let refused = async |body: Value| {
        let reply = app.post("/v1/reservations", &fan.token, &body).send().await;
        assert!(
            matches!(reply.status, 400 | 404 | 422),
            "{body} -> {} {}",
            reply.status,
            reply.body
        );
        assert_eq!(reply.headers["content-type"], "application/problem+json");
        assert!(reply.body["code"].is_string());
        reply.status
    };
    assert_eq!(refused(json!({"show_id": sale.show})).await, 400);
    let both = json!({"show_id": sale.show, "seats": ["A-1-1"], "standing": {"category": "Floor", "quantity": 1}});
    assert_eq!(refused(both).await, 400);
    assert_eq!(
        refused(json!({"show_id": "nonsense", "seats": ["A-1-1"]})).await,
        400
    );
    assert_eq!(
        refused(json!({"show_id": uuid::Uuid::now_v7(), "seats": ["A-1-1"]})).await,
        404
    );
    refused(sale.seats(&[])).await;
    refused(sale.seats(&["A-1-1", "A-1-1"])).await;
    refused(sale.seats(&["Z-9-9"])).await;
    refused(sale.best(0)).await;
    refused(json!({"show_id": sale.show, "best_available": {"category": "Nope", "quantity": 1, "adjacent": true}})).await;
    refused(json!({"show_id": sale.show, "best_available": {"category": "Stalls", "quantity": -1, "adjacent": true}})).await;
    refused(json!({"show_id": sale.show, "seats": ["A-1-1"], "hurry": true})).await;
    app.finish().await;
}

async fn a_repeated_hold_takes_effect_once(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fan = Fan::new(&app);
    let first = app
        .post("/v1/reservations", &fan.token, &sale.best(2))
        .key("once")
        .send()
        .await
        .expect(201);
    let again = app
        .post("/v1/reservations", &fan.token, &sale.best(2))
        .key("once")
        .send()
        .await
        .expect(201);
    assert_eq!(first, again);
    let other = app
        .post("/v1/reservations", &fan.token, &sale.best(1))
        .key("once")
        .send()
        .await;
    other.refused(422, "idempotency_key_reused");
    // Another customer's key of the same name is another key.
    let stranger = Fan::new(&app);
    app.post("/v1/reservations", &stranger.token, &sale.best(1))
        .key("once")
        .send()
        .await
        .expect(201);
    let app = app.restart().await;
    let later = app
        .post("/v1/reservations", &fan.token, &sale.best(2))
        .key("once")
        .send()
        .await
        .expect(201);
    assert_eq!(first, later);
    // A refusal was not recorded: once the reason is gone, the same key succeeds.
    let wanted = first["seats"][0]["seat_guid"].as_str().unwrap();
    let third = Fan::new(&app);
    app.post("/v1/reservations", &third.token, &sale.seats(&[wanted]))
        .key("k")
        .send()
        .await
        .refused(409, "seats_unavailable");
    let cancel = format!(
        "/v1/reservations/{}/cancel",
        first["reservation_id"].as_str().unwrap()
    );
    app.post(&cancel, &fan.token, &json!({}))
        .send()
        .await
        .expect(200);
    app.post("/v1/reservations", &third.token, &sale.seats(&[wanted]))
        .key("k")
        .send()
        .await
        .expect(201);
    app.finish().await;
}
