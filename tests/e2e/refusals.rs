//! Each refusal by its status and code, where no journey meets it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use command_api::failpoints::Failpoints;
use edge::auth::Role;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::harness::{DataFolder, Fan, Sale, TestApp, both_ways, plan, show_settings};

both_ways!(
    what_can_not_be_held_or_paid_says_why,
    what_can_not_be_set_up_says_why,
    a_request_that_can_not_be_read_says_why,
);

/// Holds back for ever who first comes to the failpoint `at`; tells when that is.
pub(crate) fn stop_once(at: &'static str) -> (Failpoints, Arc<Notify>) {
    let reached = Arc::new(Notify::new());
    let (notify, stopped) = (reached.clone(), Arc::new(AtomicBool::new(false)));
    let failpoints = Failpoints::new(move |name| {
        let (notify, stopped) = (notify.clone(), stopped.clone());
        Box::pin(async move {
            if name == at && !stopped.swap(true, Ordering::SeqCst) {
                notify.notify_one();
                std::future::pending::<()>().await;
            }
        })
    });
    (failpoints, reached)
}

/// Cuts a payment off after its debit, lets `meanwhile` happen, and repeats it: it is refused for good, and the points are back.
async fn refused_after_debit(
    status: u16,
    code: &str,
    meanwhile: impl AsyncFnOnce(&TestApp, &Sale, &Fan, &Value),
) {
    let (failpoints, debited) = stop_once("payment.debited");
    let app = TestApp::start_on(DataFolder::new(), |config| config.failpoints = failpoints).await;
    // Shorter than the process manager waits: it does not finish the payment before the test does.
    let sale = Sale::open_with(&app, |show| show["hold_seconds"] = json!(5)).await;
    let fan = Fan::with_points(&app, 100).await;
    let held = sale.hold(&app, &fan, &["A-1-1"]).await;
    let pay = || fan.pay(&app, &held["reservation_id"]).key("pay").send();
    tokio::select! {
        reply = pay() => panic!("{code}: not stopped: {reply:?}"),
        () = debited.notified() => {}
    }
    meanwhile(&app, &sale, &fan, &held).await;
    let refusal = pay().await.refused(status, code);
    assert_eq!(refusal["refunded"], true, "{refusal}");
    assert_eq!(fan.balance(&app, &refusal["position"]).await, 100, "{code}");
    assert_eq!(
        pay().await.refused(status, code),
        refusal,
        "a recorded failure is repeated"
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_refused_after_its_debit_gives_the_points_back() {
    refused_after_debit(409, "hold_expired", async |app, sale, _, _| {
        app.advance(6);
        sale.hold(app, &Fan::new(app), &["A-1-1"]).await;
    })
    .await;
    refused_after_debit(409, "reservation_cancelled", async |app, _, fan, held| {
        let id = held["reservation_id"].as_str().unwrap();
        let cancel = format!("/v1/reservations/{id}/cancel");
        let call = app.post(&cancel, &fan.token, &json!({}));
        call.send().await.expect(200);
    })
    .await;
    refused_after_debit(409, "show_cancelled", async |app, sale, _, _| {
        let reason = json!({"reason": "storm"});
        let call = app.post(&sale.path("/cancel"), &sale.organizer, &reason);
        call.send().await.expect(202);
    })
    .await;
    refused_after_debit(422, "purchase_limit_exceeded", async |app, sale, fan, _| {
        app.advance(6);
        let others = ["A-2-1", "A-2-2", "A-2-3", "A-2-4"];
        sale.hold(app, fan, &others).await;
    })
    .await;
}

async fn what_can_not_be_held_or_paid_says_why(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 100).await;
    let held = sale.hold(&app, &fan, &["A-1-1"]).await;
    let seat = json!({"show_id": sale.show, "seats": ["A-1-2"]});
    let with = |field: &str, value: Value| {
        let mut body = seat.clone();
        body[field] = value;
        body
    };
    let balcony = json!({"category": "Balcony", "quantity": 1});
    for (body, status, code) in [
        (json!({"show_id": sale.show}), 400, "invalid_selection"),
        (with("standing", balcony.clone()), 400, "invalid_selection"),
        (with("hurry", json!(true)), 400, "unknown_field"),
        (with("show_id", json!("x")), 400, "invalid_field"),
        (with("show_id", json!(Uuid::now_v7())), 404, "not_found"),
        (with("seats", json!(["Z-9-9"])), 422, "unknown_seats"),
        (with("seats", json!([])), 422, "invalid_field"),
        (
            json!({"show_id": sale.show, "best_available": balcony}),
            422,
            "unknown_category",
        ),
    ] {
        let call = app.post("/v1/reservations", &fan.token, &body);
        call.send().await.refused(status, code);
    }
    let reservation = held["reservation_id"].clone();
    let cancel = format!("/v1/reservations/{}/cancel", reservation.as_str().unwrap());
    let call = app.post(&cancel, &fan.token, &json!({}));
    call.send().await.expect(200);
    let paid = fan.pay(&app, &reservation).send().await;
    paid.refused(409, "reservation_cancelled");
    let (_, paid) = sale.buy(&app, &fan, &["A-1-3"]).await;
    let refund = format!(
        "/v1/payments/{}/refund",
        paid["payment_id"].as_str().unwrap()
    );
    let refund = || app.post(&refund, &sale.organizer, &json!({"reason": "rain"}));
    refund().send().await.expect(200);
    refund().send().await.refused(409, "already_refunded");
    app.finish().await;
}

async fn what_can_not_be_set_up_says_why(app: TestApp) {
    let organizer = app.token(Role::Organizer, Uuid::now_v7());
    let spoiled = |pointer: &str, value: Value| {
        let mut plan = plan(2, 3);
        *plan.pointer_mut(pointer).unwrap() = value;
        json!({"name": "Hall", "seating_plan": plan})
    };
    let seat = "/zones/0/rows/1/seats/2";
    for (body, code) in [
        (
            spoiled(&format!("{seat}/category"), json!("Balcony")),
            "unknown_category",
        ),
        (
            spoiled(&format!("{seat}/seat_guid"), json!("A-1-1")),
            "duplicate_seat",
        ),
        (spoiled("/zones", json!([])), "empty_seating_plan"),
        (spoiled("/zones", json!(7)), "invalid_seating_plan"),
    ] {
        let call = app.post("/v1/venues", &organizer, &body);
        call.send().await.refused(422, code);
    }
    let mut show = show_settings(&app);
    show["concert_id"] = json!(Uuid::now_v7());
    show["venue_id"] = json!(Uuid::now_v7());
    let call = app.post("/v1/shows", &organizer, &show);
    call.send().await.refused(404, "not_found");
    app.finish().await;
}

async fn a_request_that_can_not_be_read_says_why(app: TestApp) {
    let fan = Fan::new(&app);
    let charge = json!({"amount": 1});
    for key in ["", &"k".repeat(256)] {
        let call = app.post("/v1/points/charges", &fan.token, &charge);
        call.key(key)
            .send()
            .await
            .refused(400, "invalid_idempotency_key");
    }
    for (media, body, status, code) in [
        ("text/plain", "amount=1", 415, "unsupported_media_type"),
        ("application/json", "{\"amount\":", 400, "malformed_json"),
        ("application/json", "{}", 400, "invalid_field"),
    ] {
        let request = app
            .client
            .post(app.url(&Method::POST, "/v1/points/charges"))
            .bearer_auth(&fan.token);
        let reply = request.header("content-type", media).body(body).send();
        let reply = reply.await.unwrap();
        assert_eq!(reply.status(), status, "{body}");
        assert_eq!(reply.json::<Value>().await.unwrap()["code"], code, "{body}");
    }
    for (query, code) in [
        ("limit=0", "invalid_parameter"),
        ("colour=red", "unknown_parameter"),
        ("cursor=nonsense", "invalid_cursor"),
    ] {
        let path = format!("/v1/me/reservations?{query}");
        app.get(&path, &fan.token).await.refused(400, code);
    }
    app.get_at("/v1/concerts", "", &json!("soon"))
        .await
        .refused(400, "invalid_position");
    app.get("/v1/me/points", "nonsense")
        .await
        .refused(401, "invalid_token");
    let refresh = json!({"refresh_token": "nonsense"});
    let call = app.post("/v1/sessions/refresh", "", &refresh);
    call.send().await.refused(401, "invalid_refresh_token");
    app.finish().await;
}
