//! Paying: once, whole, or not at all.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    harness::{DataFolder, Fan, Sale, TestApp, assert_clean, both_ways},
    operation::{Served, token},
};

both_ways!(
    too_few_points_are_refused_and_nothing_is_lost,
    fifty_payments_of_one_reservation_debit_once,
    another_ones_reservation_is_not_found,
    a_confirmed_reservation_is_not_given_back_but_refunded,
);
both_ways!(alone: a_repeated_payment_answers_the_same);

/// The steps of checkout, after each of which a process may die.
const STEPS: [&str; 4] = [
    "payment.requested",
    "payment.debited",
    "payment.confirmed",
    "payment.completed",
];

async fn too_few_points_are_refused_and_nothing_is_lost(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 15).await;
    let held = sale.hold(&app, &fan, &["A-1-1", "A-1-2"]).await;
    let refusal = fan
        .pay(&app, &held["reservation_id"])
        .key("pay")
        .send()
        .await
        .refused(422, "insufficient_points");
    assert_eq!(
        (&refusal["balance"], &refusal["required"]),
        (&json!(15), &json!(20))
    );
    fan.charge(&app, 5).await;
    let paid = fan
        .pay(&app, &held["reservation_id"])
        .key("pay")
        .send()
        .await
        .expect(201);
    assert_eq!(paid["balance"], 0);
    app.finish().await;
}

async fn fifty_payments_of_one_reservation_debit_once(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 1_000).await;
    let held = sale.hold(&app, &fan, &["A-1-1"]).await;
    let pay = async |n: usize| {
        fan.pay(&app, &held["reservation_id"])
            .key(&format!("try-{n}"))
            .send()
            .await
    };
    let replies = join_all((0..50).map(pay)).await;
    let paid: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(paid.len(), 1);
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        let code = reply.body["code"].as_str().unwrap();
        assert!(
            reply.status == 409 && ["payment_in_progress", "already_paid"].contains(&code),
            "{}",
            reply.body
        );
    }
    assert_eq!(fan.balance(&app, &paid[0].body["position"]).await, 990);
    app.finish().await;
}

async fn a_repeated_payment_answers_the_same(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 100).await;
    let held = sale.hold(&app, &fan, &["A-1-1"]).await;
    let replies =
        join_all((0..10).map(|_| fan.pay(&app, &held["reservation_id"]).key("pay").send())).await;
    let answers: BTreeSet<String> = replies
        .into_iter()
        .filter(|reply| reply.status == 201)
        .map(|reply| reply.body.to_string())
        .collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let app = app.restart().await;
    let later = fan
        .pay(&app, &held["reservation_id"])
        .key("pay")
        .send()
        .await
        .expect(201);
    assert_eq!(later.to_string(), *answers.first().unwrap());
    fan.pay(&app, &held["reservation_id"])
        .key("other")
        .send()
        .await
        .refused(409, "already_paid");
    let path = format!("/v1/payments/{}", later["payment_id"].as_str().unwrap());
    assert_eq!(
        app.get_at(&path, &fan.token, &later["position"])
            .await
            .expect(200)["status"],
        "completed"
    );
    app.finish().await;
}

async fn another_ones_reservation_is_not_found(app: TestApp) {
    let sale = Sale::open(&app).await;
    let (owner, thief) = (Fan::new(&app), Fan::with_points(&app, 100).await);
    let held = sale.hold(&app, &owner, &["A-1-1"]).await;
    thief
        .pay(&app, &held["reservation_id"])
        .send()
        .await
        .refused(404, "not_found");
    thief
        .pay(&app, &json!(Uuid::now_v7()))
        .send()
        .await
        .refused(404, "not_found");
    let cancel = format!(
        "/v1/reservations/{}/cancel",
        held["reservation_id"].as_str().unwrap()
    );
    app.post(&cancel, &thief.token, &json!({}))
        .send()
        .await
        .refused(404, "not_found");
    let read = format!(
        "/v1/reservations/{}",
        held["reservation_id"].as_str().unwrap()
    );
    assert_eq!(
        app.get_at(&read, &thief.token, &held["position"])
            .await
            .status,
        404
    );
    app.finish().await;
}

async fn a_confirmed_reservation_is_not_given_back_but_refunded(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 100).await;
    let (held, paid) = sale.buy(&app, &fan, &["A-1-1"]).await;
    let cancel = format!(
        "/v1/reservations/{}/cancel",
        held["reservation_id"].as_str().unwrap()
    );
    app.post(&cancel, &fan.token, &json!({}))
        .send()
        .await
        .refused(409, "already_confirmed");
    let refund = format!(
        "/v1/payments/{}/refund",
        paid["payment_id"].as_str().unwrap()
    );
    app.post(&refund, &fan.token, &json!({"reason": "mine"}))
        .send()
        .await
        .refused(403, "forbidden");
    let refunded = app
        .post(&refund, &sale.organizer, &json!({"reason": "ill"}))
        .key("r")
        .send()
        .await
        .expect(200);
    assert_eq!(refunded["status"], "refunded");
    assert_eq!(fan.balance(&app, &refunded["position"]).await, 100);
    let again = app
        .post(&refund, &sale.organizer, &json!({"reason": "ill"}))
        .key("r")
        .send()
        .await
        .expect(200);
    assert_eq!(again, refunded);
    let read = format!(
        "/v1/reservations/{}",
        held["reservation_id"].as_str().unwrap()
    );
    assert_eq!(
        app.get_at(&read, &fan.token, &refunded["position"])
            .await
            .expect(200)["status"],
        "refunded"
    );
    sale.buy(&app, &Fan::with_points(&app, 10).await, &["A-1-1"])
        .await;
    app.finish().await;
}

/// Whoever finishes a checkout that a crash cut off.
#[derive(Clone, Copy, PartialEq)]
enum Finisher {
    /// The customer asks again with the same key.
    Repeat,
    /// The process manager, some ten seconds after the request.
    Manager,
}

/// A customer of the demo show, whose every command has its path for a key.
struct Visitor {
    client: Client,
    token: String,
}

impl Visitor {
    async fn post(
        &self,
        served: &Served,
        path: &str,
        body: &Value,
    ) -> reqwest::Result<(u16, Value)> {
        let call = self
            .client
            .post(format!("{}{path}", served.base))
            .bearer_auth(&self.token);
        let reply = call
            .header("idempotency-key", path)
            .json(body)
            .send()
            .await?;
        Ok((reply.status().as_u16(), reply.json().await?))
    }

    async fn get(&self, served: &Served, path: &str) -> Value {
        let reply = self
            .client
            .get(format!("{}{path}", served.base))
            .bearer_auth(&self.token)
            .send()
            .await
            .unwrap();
        reply.json().await.unwrap()
    }

    /// Buys points and holds two seats.
    async fn hold_two(&self, served: &Served) -> Value {
        let charge = json!({"amount": 100_000});
        assert_eq!(
            self.post(served, "/v1/points/charges", &charge)
                .await
                .unwrap()
                .0,
            201
        );
        let shows = self.get(served, "/v1/shows").await;
        let show = shows["items"][0]["show_id"].as_str().unwrap();
        let free = self
            .get(served, &format!("/v1/shows/{show}/seats?status=available"))
            .await;
        let best =
            json!({"category": free["seats"][0]["category"], "quantity": 2, "adjacent": false});
        let wish = json!({"show_id": show, "best_available": best});
        let (status, held) = self.post(served, "/v1/reservations", &wish).await.unwrap();
        assert_eq!(status, 201, "{held}");
        held
    }

    /// Whether the reservation is sold and its payment ended.
    async fn has_paid(&self, served: &Served, held: &Value) -> bool {
        let path = format!(
            "/v1/reservations/{}",
            held["reservation_id"].as_str().unwrap()
        );
        self.get(served, &path).await["status"] == "confirmed"
            && self.get(served, "/v1/me/payments").await["items"][0]["status"] == "completed"
    }
}

/// The process dies right after a step; after a restart the payment ends once, whoever finishes it.
async fn cut_off(step: &str, finisher: Finisher) {
    let data = DataFolder::new();
    let served = Served::start_with(&data.0, &["--abort-at", step]);
    let client = Client::builder()
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap();
    let fan = Visitor {
        client,
        token: token(&data.0, "customer"),
    };
    let held = fan.hold_two(&served).await;
    let pay = json!({"reservation_id": held["reservation_id"], "method": "points"});
    assert!(
        fan.post(&served, "/v1/payments", &pay).await.is_err(),
        "the process outlived {step}"
    );
    drop(served);

    let served = Served::start(&data.0);
    if finisher == Finisher::Repeat {
        let (status, paid) = fan.post(&served, "/v1/payments", &pay).await.unwrap();
        assert_eq!(
            (status, &paid["status"]),
            (201, &json!("completed")),
            "after {step}: {paid}"
        );
    }
    let deadline = Instant::now() + Duration::from_secs(40);
    while !fan.has_paid(&served, &held).await {
        assert!(
            Instant::now() < deadline,
            "nobody finished what was cut off after {step}"
        );
        tokio::task::yield_now().await;
    }
    let (status, paid) = fan.post(&served, "/v1/payments", &pay).await.unwrap();
    let balance = 100_000 - held["amount"].as_i64().unwrap();
    assert_eq!(
        (status, paid["balance"].as_i64()),
        (201, Some(balance)),
        "after {step}: {paid}"
    );
    assert_eq!(fan.get(&served, "/v1/me/points").await["balance"], balance);
    served.stop();
    assert_clean(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_cut_off_by_a_crash_is_finished_by_repeating_it() {
    for step in STEPS {
        cut_off(step, Finisher::Repeat).await;
    }
}

#[test]
fn a_checkout_cut_off_by_a_crash_is_finished_by_the_process_manager() {
    // A thread each, because starting and stopping processes blocks.
    let run = |step| {
        tokio::runtime::Runtime::new()
            .unwrap()
            .block_on(cut_off(step, Finisher::Manager));
    };
    std::thread::scope(|threads| {
        let started = STEPS.map(|step| threads.spawn(move || run(step)));
        for thread in started {
            thread.join().unwrap();
        }
    });
}
