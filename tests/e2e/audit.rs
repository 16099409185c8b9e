//! What an auditor asks: the log, a seat's story, the map as it was.

use std::path::Path;

use edge::auth::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    harness::{Fan, Sale, TestApp, both_ways},
    operation::frontrow,
};

both_ways!(
    a_lost_seat_is_explained,
    the_log_is_shown_in_order,
    questions_are_checked
);

fn auditor(app: &TestApp) -> String {
    app.token(Role::Auditor, Uuid::now_v7())
}

/// The auditor may read a standby of the log: waits until it has a position.
async fn until_seen(app: &TestApp, auditor: &str, position: &Value) {
    let before = position.as_u64().unwrap() - 1;
    let path = format!("/v1/audit/events?after={before}&limit=1");
    let seen = |page: &Value| !page["items"].as_array().unwrap().is_empty();
    app.until(&path, auditor, seen).await;
}

fn types(history: &Value) -> Vec<&str> {
    let items = history["items"].as_array().unwrap().iter();
    items
        .map(|item| item["event_type"].as_str().unwrap())
        .collect()
}

/// How one seat of a map stands.
fn status<'a>(map: &'a Value, seat: &str) -> &'a str {
    let mut seats = map["seats"].as_array().unwrap().iter();
    let seat = seats.find(|view| view["seat_guid"] == seat).unwrap();
    seat["status"].as_str().unwrap()
}

async fn a_lost_seat_is_explained(app: TestApp) {
    let sale = Sale::open(&app).await;
    let winner = Fan::with_points(&app, 100).await;
    let loser = Fan::new(&app);
    let held = sale.hold(&app, &winner, &["A-1-1"]).await;
    let attempt = app.post("/v1/reservations", &loser.token, &sale.seats(&["A-1-1"]));
    attempt.send().await.refused(409, "seats_unavailable");
    let paid = winner.pay(&app, &held["reservation_id"]).send().await;
    let paid = paid.expect(201);

    // Every decision about the seat: who, when, what.
    let auditor = auditor(&app);
    until_seen(&app, &auditor, &paid["position"]).await;
    let path = sale.path("/seats/A-1-1").replace("/v1/", "/v1/audit/");
    let story = app.get(&path, &auditor).await.expect(200);
    let expected = [
        "SeatsListed",
        "SeatsHeld",
        "PaymentRequested",
        "PointsDebited",
        "ReservationConfirmed",
        "PaymentCompleted",
    ];
    assert_eq!(types(&story), expected);
    let decision = &story["items"][1];
    assert_eq!(decision["position"], held["position"]);
    assert_eq!(decision["actor"], format!("customer:{}", winner.id));

    // The same by everything else that names it.
    let reservation = held["reservation_id"].as_str().unwrap();
    let payment = paid["payment_id"].as_str().unwrap();
    let correlation = decision["correlation_id"].as_str().unwrap();
    for (query, expected) in [
        (format!("reservation_id={reservation}"), &expected[1..]),
        (format!("payment_id={payment}"), &expected[2..]),
        (format!("saga_id={payment}"), &expected[2..]),
        (format!("correlation_id={correlation}"), &expected[1..2]),
        (
            format!("show_id={}&seat_guid=A-1-1", sale.show),
            &expected[..],
        ),
        (
            format!("show_id={}&seat_guid=A-1-2", sale.show),
            &expected[..1],
        ),
    ] {
        let path = format!("/v1/audit/history?{query}");
        let told = app.get(&path, &auditor).await.expect(200);
        assert_eq!(types(&told), expected, "{query}");
    }

    the_map_as_it_was(&app, &sale, &auditor, decision, &paid).await;
    app.finish().await;
}

/// The map before, between and after, and the reservation when it was held.
async fn the_map_as_it_was(app: &TestApp, sale: &Sale, auditor: &str, hold: &Value, paid: &Value) {
    let map = sale.path("/seats").replace("/v1/", "/v1/audit/");
    let at = |position: u64| format!("{map}?as_of_position={position}");
    let held_at = hold["position"].as_u64().unwrap();
    for (path, expected) in [
        (at(held_at - 1), "available"),
        (at(held_at), "held"),
        (at(paid["position"].as_u64().unwrap()), "sold"),
        (map.clone(), "sold"),
    ] {
        let map = app.get(&path, auditor).await.expect(200);
        assert_eq!(status(&map, "A-1-1"), expected, "{path}");
    }
    let path = format!("{map}?as_of={}", hold["recorded_at"].as_str().unwrap());
    let then = app.get(&path, auditor).await.expect(200);
    assert_ne!(status(&then, "A-1-1"), "available");
    // The present is what the query API shows.
    let shown = app
        .get_at(&sale.path("/seats"), "", &paid["position"])
        .await;
    let mut now = app.get(&map, auditor).await.expect(200);
    now.as_object_mut().unwrap().remove("as_of_position");
    assert_eq!(now, shown.expect(200));

    let reservation = hold["payload"]["SeatsHeld"]["reservation_id"].as_str();
    let reservation = reservation.unwrap();
    let path = format!("/v1/audit/as-of/reservation/{reservation}?as_of_position={held_at}");
    let row = app.get(&path, auditor).await.expect(200);
    assert_eq!(row["items"][0]["row"]["status"], "held");
}

async fn the_log_is_shown_in_order(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 100).await;
    let (held, paid) = sale.buy(&app, &fan, &["A-2-1"]).await;
    let auditor = auditor(&app);
    until_seen(&app, &auditor, &paid["position"]).await;
    the_log_is_dense(&app, &auditor).await;
    let path = format!(
        "/v1/audit/events?aggregate_type=show&aggregate_id={}",
        sale.show
    );
    let own = app.get(&path, &auditor).await.expect(200);
    assert_eq!(
        types(&own),
        [
            "ShowScheduled",
            "SeatsListed",
            "StandingListed",
            "SeatsHeld",
            "ReservationConfirmed"
        ]
    );
    let decision = &own["items"][3];
    assert_eq!(
        decision["payload"]["SeatsHeld"]["reservation_id"],
        held["reservation_id"]
    );
    assert_eq!(
        decision["metadata"]["actor"],
        format!("customer:{}", fan.id)
    );
    let before = decision["position"].as_u64().unwrap() - 1;
    let rest = app
        .get(&format!("{path}&after={before}&limit=1"), &auditor)
        .await;
    let rest = rest.expect(200);
    assert_eq!(types(&rest), ["SeatsHeld"]);
    assert_eq!(rest["next_cursor"], decision["position"].to_string());

    // A customer's id names two streams.
    let path = format!("/v1/audit/events?aggregate_id={}", fan.id);
    let own = app.get(&path, &auditor).await.expect(200);
    assert_eq!(types(&own), ["PointsCharged", "PointsDebited"]);
    let path = format!("/v1/audit/events?aggregate_type=payment&after={before}");
    let payments = app.get(&path, &auditor).await.expect(200);
    let payments = payments["items"].as_array().unwrap();
    assert!(
        payments
            .iter()
            .all(|event| event["aggregate_type"] == "payment")
    );
    let own = |event: &&Value| event["payload"].to_string().contains(&fan.id.to_string());
    assert_eq!(payments.iter().filter(own).count(), 2);
    app.finish().await;
}

/// The first pages of the log.
async fn the_log_is_dense(app: &TestApp, auditor: &str) {
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let path = format!("/v1/audit/events?after={after}&limit=3");
        let page = app.get(&path, auditor).await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!((1..=3).contains(&items.len()));
        seen.extend(
            items
                .iter()
                .map(|event| event["position"].as_u64().unwrap()),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        after = next.parse().unwrap();
        if seen.len() > 30 {
            break;
        }
    }
    let dense: Vec<_> = (1..=seen.len() as u64).collect();
    assert_eq!(seen, dense);
}

async fn questions_are_checked(app: TestApp) {
    let auditor = auditor(&app);
    let show = Uuid::now_v7();
    for path in [
        "/v1/audit/events".to_owned(),
        format!("/v1/audit/history?reservation_id={show}"),
        format!("/v1/audit/shows/{show}/seats"),
        format!("/v1/audit/shows/{show}/seats/A-1"),
        format!("/v1/audit/as-of/show/{show}"),
        "/v1/audit/as-of/catalogue".to_owned(),
    ] {
        app.get(&path, "").await.refused(401, "unauthenticated");
        let admin = app.token(Role::Admin, Uuid::now_v7());
        app.get(&path, &admin).await.refused(403, "forbidden");
    }
    for (path, status, code) in [
        (
            "/v1/audit/events?limit=0".to_owned(),
            400,
            "invalid_parameter",
        ),
        (
            "/v1/audit/events?limit=1001".to_owned(),
            400,
            "invalid_parameter",
        ),
        (
            "/v1/audit/events?from=1".to_owned(),
            400,
            "unknown_parameter",
        ),
        ("/v1/audit/history".to_owned(), 400, "invalid_parameter"),
        (
            format!("/v1/audit/history?show_id={show}"),
            400,
            "invalid_parameter",
        ),
        (
            format!("/v1/audit/history?payment_id={show}&saga_id={show}"),
            400,
            "invalid_parameter",
        ),
        (format!("/v1/audit/shows/{show}/seats"), 404, "not_found"),
        (
            format!("/v1/audit/shows/{show}/seats/A-1"),
            404,
            "not_found",
        ),
        (format!("/v1/audit/as-of/payment/{show}"), 404, "not_found"),
        (
            format!("/v1/audit/shows/{show}/seats?as_of_position=9999999999"),
            400,
            "invalid_parameter",
        ),
        (
            format!("/v1/audit/shows/{show}/seats?as_of_position=0&as_of=2026-01-01T00:00:00Z"),
            400,
            "invalid_parameter",
        ),
    ] {
        app.get(&path, &auditor).await.refused(status, code);
    }
    app.finish().await;
}

/// What the program prints on both outputs, and its exit status.
fn run(data: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = frontrow(data, arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let printed = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), printed, said)
}

fn parts_are_verified(data: &Path, position: &Value) {
    let file = data.join("checked.json");
    let file = file.to_str().unwrap();
    for resumed in [json!(null), position.clone()] {
        let (status, printed, said) = run(
            data,
            &["audit", "verify", "--resume", file, "--output", "json"],
        );
        assert_eq!(status, 0, "{said}");
        let report: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(report["resumed_from"], resumed);
    }
    let (_, printed, _) = run(data, &["audit", "verify", "--to", &position.to_string()]);
    assert!(
        printed.contains(&format!("up to position {position}")),
        "{printed}"
    );
}

/// The same questions at the command line, beside a running server.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_answers_too() {
    let app = TestApp::start().await;
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 100).await;
    let (held, paid) = sale.buy(&app, &fan, &["A-1-1"]).await;
    app.get_at("/v1/me/payments", &fan.token, &paid["position"])
        .await
        .expect(200);
    let data = app.data().clone();
    let run = |arguments: &[&str]| run(&data, arguments);
    let seat = ["audit", "history", "--show", &sale.show, "--seat", "A-1-1"];
    let (status, printed, said) = run(&seat);
    assert_eq!(status, 0, "{said}");
    for part in [
        "SeatsHeld",
        "PointsDebited",
        "PaymentCompleted",
        "customer:",
        "6 decisions",
    ] {
        assert!(printed.contains(part), "{printed}");
    }
    let customer = fan.id.to_string();
    let (_, printed, _) = run(&[
        "audit",
        "history",
        "--customer",
        &customer,
        "--output",
        "json",
    ]);
    let told: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(types(&told)[0], "PointsCharged");
    assert_eq!(types(&told).len(), 6, "{told}");

    let position = held["position"].to_string();
    let (_, printed, said) = run(&[
        "audit",
        "as-of",
        "seat-map",
        &sale.show,
        "--position",
        &position,
    ]);
    assert!(printed.contains("1 held, 0 sold"), "{printed} {said}");
    assert!(printed.contains("haaaaaaaaa"), "{printed}");
    let (_, printed, _) = run(&["audit", "as-of", "points", &customer, "--output", "json"]);
    let told: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(told["items"][0]["row"]["balance"], 90);
    let (status, _, said) = run(&["audit", "as-of", "show"]);
    assert_eq!(status, 2, "{said}");
    let (status, _, said) = run(&["audit", "history"]);
    assert_eq!(status, 2, "{said}");
    let (status, _, said) = run(&["audit", "verify", "--bus"]);
    assert_eq!(status, 2);
    assert!(
        said.contains("the configured bus is the log itself"),
        "{said}"
    );

    parts_are_verified(&data, &paid["position"]);
    app.finish().await;
}
