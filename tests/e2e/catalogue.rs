//! Venues, concerts, shows: what an organizer sets up and anyone can read.

use chrono::TimeDelta;
use edge::auth::Role;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Fan, Sale, TestApp, both_ways, plan, show_settings, venue_file};

both_ways!(
    a_show_is_set_up_and_found,
    a_bad_plan_is_refused_by_its_place,
    a_plan_that_is_too_deep_or_too_large_is_refused_unread,
    the_arena_is_imported_whole,
    a_show_must_fit_its_venue_and_organizer,
    house_seats_are_taken_out_of_sale_and_put_back,
);

async fn a_show_is_set_up_and_found(app: TestApp) {
    let sale = Sale::open(&app).await;
    let show = app
        .get_at(&sale.path(""), "", &sale.position)
        .await
        .expect(200);
    assert_eq!(show["status"], "on_sale");
    assert_eq!(
        (
            &show["capacity"],
            &show["available"],
            &show["held"],
            &show["sold"],
            &show["blocked"]
        ),
        (&json!(150), &json!(150), &json!(0), &json!(0), &json!(0))
    );
    let mut categories = show["categories"].as_array().unwrap().clone();
    categories.sort_by_key(|category| category["name"].as_str().unwrap().to_owned());
    assert_eq!(
        json!(categories),
        json!([{"name": "Floor", "price": 5, "available": 50},
        {"name": "Stalls", "price": 10, "available": 100}])
    );
    let of_concert = app
        .get(&format!("/v1/shows?concert_id={}", sale.concert), "")
        .await
        .expect(200);
    assert_eq!(of_concert["items"][0]["show_id"], json!(sale.show));
    assert_eq!(of_concert["next_cursor"], Value::Null);
    let concert = app
        .get(&format!("/v1/concerts/{}", sale.concert), "")
        .await
        .expect(200);
    assert_eq!(
        (&concert["title"], &concert["artist"]),
        (&json!("A night"), &json!("The Band"))
    );
    assert_eq!(
        app.get("/v1/concerts", "").await.expect(200)["items"][0]["concert_id"],
        json!(sale.concert)
    );
    let later =
        (app.now() + TimeDelta::days(60)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let none = app
        .get(
            &format!("/v1/shows?concert_id={}&from={later}", sale.concert),
            "",
        )
        .await
        .expect(200);
    assert_eq!(none["items"], json!([]));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_show_goes_on_and_off_sale_by_its_times() {
    let app = TestApp::start().await;
    let opens = app.now() + TimeDelta::seconds(100);
    let closes = app.now() + TimeDelta::seconds(200);
    let sale = Sale::open_with(&app, |show| {
        show["on_sale_at"] = json!(opens);
        show["off_sale_at"] = json!(closes);
    })
    .await;
    let fan = Fan::new(&app);
    assert_eq!(
        app.get_at(&sale.path(""), "", &sale.position)
            .await
            .expect(200)["status"],
        "scheduled"
    );
    let early = app
        .post("/v1/reservations", &fan.token, &sale.best(1))
        .send()
        .await;
    assert!(early.headers.contains_key("retry-after"));
    early.refused(425, "not_on_sale_yet");
    app.advance(100);
    assert_eq!(
        app.get(&sale.path(""), "").await.expect(200)["status"],
        "on_sale"
    );
    app.post("/v1/reservations", &fan.token, &sale.best(1))
        .send()
        .await
        .expect(201);
    app.advance(100);
    assert_eq!(
        app.get(&sale.path(""), "").await.expect(200)["status"],
        "off_sale"
    );
    app.post("/v1/reservations", &fan.token, &sale.best(1))
        .send()
        .await
        .refused(409, "off_sale");
    app.finish().await;
}

/// A good plan with one thing changed, by a JSON pointer into it.
fn spoiled(pointer: &str, value: Value) -> Value {
    let mut plan = plan(2, 3);
    *plan.pointer_mut(pointer).unwrap() = value;
    plan
}

async fn a_bad_plan_is_refused_by_its_place(app: TestApp) {
    let organizer = app.token(Role::Organizer, Uuid::now_v7());
    let seat =
        |n: u32| json!({"seat_guid": format!("s{n}"), "seat_number": "1", "category": "Stalls"});
    let many = (0..60_000).map(seat).collect();
    let cases = [
        (
            "zones[0].rows[1].seats[2].category",
            spoiled("/zones/0/rows/1/seats/2/category", json!("Balcony")),
        ),
        (
            "zones[0].rows[1].seats[0].seat_guid",
            spoiled("/zones/0/rows/1/seats/0/seat_guid", json!("A-1-1")),
        ),
        ("seating_plan", spoiled("/zones", json!([]))),
        ("zones[0].rows", spoiled("/zones/0/rows", json!("many"))),
        (
            "zones[0].rows[0].seats[1].seat_guid",
            spoiled("/zones/0/rows/0/seats/1/seat_guid", json!({"id": 7})),
        ),
        ("zones", spoiled("/zones/0/rows/0/seats", many)),
    ];
    for (place, bad) in cases {
        let body = json!({"name": "Hall", "seating_plan": bad});
        let reply = app.post("/v1/venues", &organizer, &body).send().await;
        assert!(
            matches!(reply.status, 400 | 422),
            "{place}: {} {}",
            reply.status,
            reply.body
        );
        let detail = reply.body["detail"].as_str().unwrap();
        assert!(detail.contains(place), "{detail} must name {place}");
    }
    app.finish().await;
}

async fn a_plan_that_is_too_deep_or_too_large_is_refused_unread(app: TestApp) {
    let organizer = app.token(Role::Organizer, Uuid::now_v7());
    let post = app
        .client
        .post(app.url(&Method::POST, "/v1/venues"))
        .bearer_auth(&organizer);
    let deep = format!(
        r#"{{"name":"Hall","seating_plan":{}{}}}"#,
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    let reply = post
        .header("content-type", "application/json")
        .body(deep)
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 400);
    let huge = json!({"name": "Hall", "seating_plan": {"note": "x".repeat(17 * 1024 * 1024)}});
    app.post("/v1/venues", &organizer, &huge)
        .send()
        .await
        .refused(413, "body_too_large");
    app.finish().await;
}

async fn the_arena_is_imported_whole(app: TestApp) {
    let organizer = app.token(Role::Organizer, Uuid::now_v7());
    let body = json!({"name": "Arena", "seating_plan": venue_file("arena-15k.seating-plan.json"), "focus": {"x": 3600, "y": 2400}});
    let venue = app
        .post("/v1/venues", &organizer, &body)
        .send()
        .await
        .expect(201);
    assert_eq!(
        (&venue["seats"], &venue["standing_capacity"]),
        (&json!(15_000), &json!(0))
    );
    app.finish().await;
}

async fn a_show_must_fit_its_venue_and_organizer(app: TestApp) {
    let sale = Sale::open(&app).await;
    let mut show = show_settings(&app);
    show["concert_id"] = json!(sale.concert);
    show["venue_id"] = json!(sale.venue);
    let post = async |body: &Value, token: &str| app.post("/v1/shows", token, body).send().await;
    let mut prices = show.clone();
    prices["prices"] = json!({"Stalls": 10, "Balcony": 3});
    let refusal = post(&prices, &sale.organizer)
        .await
        .refused(422, "prices_mismatch");
    assert_eq!(
        (&refusal["missing"], &refusal["unknown"]),
        (&json!(["Floor"]), &json!(["Balcony"]))
    );
    let stranger = app.token(Role::Organizer, Uuid::now_v7());
    post(&show, &stranger).await.refused(404, "not_found");
    let mut room = show.clone();
    room["waiting_room"] = json!({"admit_per_second": 0, "max_active": 100});
    assert_eq!(post(&room, &sale.organizer).await.status, 422);
    let mut unknown = show.clone();
    unknown["colour"] = json!("red");
    assert_eq!(post(&unknown, &sale.organizer).await.status, 400);
    post(&show, &Fan::new(&app).token)
        .await
        .refused(403, "forbidden");
    app.finish().await;
}

async fn house_seats_are_taken_out_of_sale_and_put_back(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 100).await;
    let block = json!({"seats": ["A-1-1", "A-1-2"], "reason": "camera"});
    let blocked = app
        .post(&sale.path("/blocks"), &sale.organizer, &block)
        .send()
        .await
        .expect(200);
    app.post("/v1/reservations", &fan.token, &sale.seats(&["A-1-1"]))
        .send()
        .await
        .refused(409, "seats_unavailable");
    let show = app
        .get_at(&sale.path(""), "", &blocked["position"])
        .await
        .expect(200);
    assert_eq!(
        (&show["blocked"], &show["available"]),
        (&json!(2), &json!(148))
    );
    let stranger = app.token(Role::Organizer, Uuid::now_v7());
    app.post(&sale.path("/blocks"), &stranger, &block)
        .send()
        .await
        .refused(404, "not_found");
    sale.hold(&app, &fan, &["A-1-3"]).await;
    let taken = json!({"seats": ["A-1-3", "A-1-4"], "reason": "camera"});
    let refusal = app
        .post(&sale.path("/blocks"), &sale.organizer, &taken)
        .send()
        .await
        .refused(409, "seats_unavailable");
    assert_eq!(refusal["seats"], json!(["A-1-3"]));
    app.post(&sale.path("/blocks/release"), &sale.organizer, &block)
        .send()
        .await
        .expect(200);
    sale.buy(&app, &fan, &["A-1-1"]).await;
    app.finish().await;
}
