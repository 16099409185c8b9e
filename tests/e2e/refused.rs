//! What auditors see of commands that were refused: why a seat was lost, in one call.

use std::fs;

use edge::auth::Role;
use futures::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    harness::{Fan, Sale, TestApp, both_ways},
    operation::frontrow,
};

both_ways!(
    a_lost_seat_is_explained_by_who_was_refused,
    a_crowd_on_one_seat_is_a_hundred_refusals_and_a_count
);

/// Codes and positions of a history's refusals.
fn codes(history: &Value) -> Vec<&str> {
    let refusals = history["refusals"].as_array().unwrap().iter();
    refusals
        .map(|refused| refused["code"].as_str().unwrap())
        .collect()
}

/// A history once it tells of so many refusals: they are written behind the answers.
async fn told(app: &TestApp, path: &str, auditor: &str, refusals: usize) -> Value {
    let all = |history: &Value| codes(history).len() == refusals;
    app.until(path, auditor, all).await
}

async fn a_lost_seat_is_explained_by_who_was_refused(app: TestApp) {
    let sale = Sale::open(&app).await;
    let (winner, loser) = (Fan::new(&app), Fan::new(&app));
    let held = sale.hold(&app, &winner, &["A-1-1"]).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let attempt = app.post("/v1/reservations", &loser.token, &sale.seats(&["A-1-1"]));
    let attempt = attempt.header("x-request-id", trace).send().await;
    let answer = attempt.refused(409, "seats_unavailable");
    let id = held["reservation_id"].as_str().unwrap();
    let call = |verb: &str| {
        app.post(
            &format!("/v1/reservations/{id}/{verb}"),
            &winner.token,
            &json!({}),
        )
    };
    call("extend").send().await.expect(200);
    call("extend").send().await.refused(409, "already_extended");
    let pay = winner.pay(&app, &held["reservation_id"]).send().await;
    pay.refused(422, "insufficient_points");
    // What is nobody's is not noted: nobody could bound it.
    let nowhere = json!({"show_id": Uuid::now_v7(), "seats": ["A-1-1"]});
    let nowhere = app.post("/v1/reservations", &loser.token, &nowhere);
    nowhere.send().await.refused(404, "not_found");

    let auditor = app.token(Role::Auditor, Uuid::now_v7());
    let path = sale.path("/seats/A-1-1").replace("/v1/", "/v1/audit/");
    let story = told(&app, &path, &auditor, 3).await;
    let mut all = codes(&story);
    all.sort_unstable();
    assert_eq!(
        all,
        [
            "already_extended",
            "insufficient_points",
            "seats_unavailable"
        ]
    );
    let mut refusals = story["refusals"].as_array().unwrap().iter();
    let lost = refusals.find(|refused| refused["code"] == "seats_unavailable");
    let lost = lost.unwrap();
    for (field, expected) in [
        ("position", answer["position"].clone()),
        ("actor", format!("customer:{}", loser.id).into()),
        ("command", "hold_seats".into()),
        ("about", json!([format!("seat/{}/A-1-1", sale.show)])),
        ("correlation_id", trace.into()),
    ] {
        assert_eq!(lost[field], expected, "{field}");
    }
    // It stands behind the decision that it lost to.
    let mut items = story["items"].as_array().unwrap().iter();
    let won = items
        .find(|item| item["event_type"] == "SeatsHeld")
        .unwrap();
    assert_eq!(won["position"], held["position"]);
    assert!(won["position"].as_u64() <= lost["position"].as_u64());

    for (query, expected) in [
        (format!("reservation_id={id}"), 2),
        (format!("customer_id={}", loser.id), 1),
        (format!("customer_id={}", winner.id), 2),
        (format!("correlation_id={trace}"), 1),
        (format!("show_id={}&seat_guid=A-1-2", sale.show), 0),
    ] {
        let path = format!("/v1/audit/history?{query}");
        told(&app, &path, &auditor, expected).await;
    }
    app.finish().await;
}

async fn a_crowd_on_one_seat_is_a_hundred_refusals_and_a_count(app: TestApp) {
    const EACH: usize = 15;
    let sale = Sale::open(&app).await;
    sale.hold(&app, &Fan::new(&app), &["A-1-1"]).await;
    let fans: Vec<_> = (0..10).map(|_| Fan::new(&app)).collect();
    join_all(fans.iter().map(async |fan| {
        for _ in 0..EACH {
            let late = app.post("/v1/reservations", &fan.token, &sale.seats(&["A-1-1"]));
            late.send().await.refused(409, "seats_unavailable");
        }
    }))
    .await;
    let auditor = app.token(Role::Auditor, Uuid::now_v7());
    let path = sale.path("/seats/A-1-1").replace("/v1/", "/v1/audit/");
    let all = fans.len() * EACH;
    let counted = |history: &Value| history["refusal_counts"][0]["refused"] == all;
    let story = app.until(&path, &auditor, counted).await;
    assert_eq!(codes(&story).len(), 100);
    assert_eq!(
        story["refusal_counts"][0]["about"],
        format!("seat/{}/A-1-1", sale.show)
    );
    app.finish().await;
}

/// At the command line, in order; and what waits is written when the server stops.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_tells_them_in_order() {
    let app = TestApp::start().await;
    let sale = Sale::open(&app).await;
    let (winner, loser) = (Fan::with_points(&app, 100).await, Fan::new(&app));
    let held = sale.hold(&app, &winner, &["A-1-1"]).await;
    let late = app.post("/v1/reservations", &loser.token, &sale.seats(&["A-1-1"]));
    late.send().await.refused(409, "seats_unavailable");
    let paid = winner.pay(&app, &held["reservation_id"]).send().await;
    paid.expect(201);
    let data = app.stop().await;
    let seat = ["audit", "history", "--show", &sale.show, "--seat", "A-1-1"];
    let output = frontrow(&data.0, &seat).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let places = [
        "SeatsHeld",
        "refused: seats_unavailable",
        "PaymentRequested",
    ];
    let places = places.map(|what| printed.find(what).unwrap_or_else(|| panic!("{printed}")));
    assert!(places.is_sorted(), "{printed}");
    assert!(printed.contains("6 decisions, 1 refusal;"), "{printed}");
}

/// Whatever a customer wrote, nothing of it outlives the customer but the id.
#[tokio::test(flavor = "multi_thread")]
async fn of_an_erased_customer_the_id_is_left() {
    const EMAIL: &str = "ada.lovelace@example.org";
    let app = TestApp::start().await;
    let sale = Sale::open(&app).await;
    let ada = json!({"email": EMAIL, "password": "correct horse battery", "name": "Ada Lovelace"});
    let ada = app.post("/v1/customers", "", &ada).send().await.expect(201);
    let id: Uuid = ada["customer_id"].as_str().unwrap().parse().unwrap();
    let token = app.token(Role::Customer, id);
    sale.hold(&app, &Fan::new(&app), &["A-1-1"]).await;
    for (seats, code) in [
        (sale.seats(&["A-1-1"]), "seats_unavailable"),
        (sale.seats(&[EMAIL]), "unknown_seats"),
        (
            json!({"show_id": sale.show, "standing": {"category": EMAIL, "quantity": 1}}),
            "unknown_category",
        ),
    ] {
        let call = app.post("/v1/reservations", &token, &seats);
        let call = call.header("x-request-id", EMAIL);
        let status = if code == "seats_unavailable" {
            409
        } else {
            422
        };
        call.send().await.refused(status, code);
    }
    let me = app.call(reqwest::Method::DELETE, "/v1/me", &token, None);
    me.send().await.expect(200);
    let data = app.stop().await;
    let customer = id.to_string();
    let history = [
        "audit",
        "history",
        "--customer",
        &customer,
        "--output",
        "json",
    ];
    let output = frontrow(&data.0, &history).output().unwrap();
    let story: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        codes(&story),
        ["seats_unavailable", "unknown_seats", "unknown_category"]
    );
    for file in fs::read_dir(&data.0).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            let told = bytes
                .windows(EMAIL.len())
                .any(|part| part == EMAIL.as_bytes());
            assert!(!told, "{} tells {EMAIL}", path.display());
        }
    }
}
