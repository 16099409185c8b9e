//! Waiting rooms over HTTP: in, let in, bought.

mod lobby;
mod lost;
mod stream;

use axum::http::{Method, Request};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{
    fixtures::{show, text},
    harness::{Api, BOUND, Reply},
};

/// A room that lets one in per second, and one at a time.
fn one_by_one() -> Value {
    json!({"admit_per_second": 1, "max_active": 1})
}

impl Api {
    /// A show with a waiting room, on sale from `on_sale_at` on; its id.
    async fn room(&self, on_sale_at: &str, settings: Value) -> String {
        let mut body = show(&self.venue().await, &self.concert().await);
        body["on_sale_at"] = on_sale_at.into();
        body["waiting_room"] = settings;
        let scheduled = self.post(&self.organizer(), "/v1/shows", body).await;
        text(&scheduled.is(201), "show_id")
    }

    /// On sale since two hours.
    async fn open_room(&self, settings: Value) -> String {
        self.room("2026-06-01T10:00:00Z", settings).await
    }

    async fn send_as(
        &self,
        customer: u128,
        method: Method,
        path: &str,
        header: Option<(&str, &str)>,
        body: Value,
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(
                "authorization",
                format!("Bearer {}", self.customer(customer)),
            )
            .header("content-type", "application/json");
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.answer(request.body(body.into()).unwrap()).await
    }

    async fn enter(&self, customer: u128, show: &str) -> Reply {
        let path = format!("/v1/waiting-room/{show}/entries");
        self.send_as(customer, Method::POST, &path, None, Value::Null)
            .await
    }

    /// Asks how an entry stands, with the receipt that it was answered with.
    async fn entry(&self, customer: u128, show: &str, entry: &Value) -> Reply {
        let path = path_of(show, entry);
        let receipt = Some(("queue-receipt", entry["receipt"].as_str().unwrap()));
        self.send_as(customer, Method::GET, &path, receipt, Value::Null)
            .await
    }

    /// Asks until the entry stands as wanted, for [`BOUND`] at most.
    async fn entry_until(
        &self,
        customer: u128,
        show: &str,
        entry: &Value,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let end = Instant::now() + BOUND;
        let mut last = Value::Null;
        let asked = async {
            loop {
                let reply = self.entry(customer, show, entry).await;
                last = reply.body;
                if reply.status == 200 && wanted(&last) {
                    return last.clone();
                }
                tokio::task::yield_now().await;
            }
        };
        let answer = timeout_at(end, asked).await;
        answer.unwrap_or_else(|_| panic!("not before the bound"))
    }

    async fn until_admitted(&self, customer: u128, show: &str, entry: &Value) -> Value {
        self.entry_until(customer, show, entry, |body| body["state"] == "admitted")
            .await
    }

    async fn hold_with(&self, customer: u128, show: &str, pass: &Value, seat: &str) -> Reply {
        let body = json!({"show_id": show, "seats": [seat]});
        let pass = pass.as_str().map(|pass| ("queue-pass", pass));
        self.send_as(customer, Method::POST, "/v1/reservations", pass, body)
            .await
    }

    async fn organize(&self, method: Method, path: &str, body: Value) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.organizer()))
            .header("content-type", "application/json");
        self.answer(request.body(body.to_string().into()).unwrap())
            .await
    }
}

fn path_of(show: &str, entry: &Value) -> String {
    format!(
        "/v1/waiting-room/{show}/entries/{}",
        entry["entry_id"].as_str().unwrap()
    )
}

#[tokio::test]
async fn a_customer_waits_is_let_in_and_buys() {
    let api = Api::start().await;
    let show = api.open_room(one_by_one()).await;
    let first = api.enter(1, &show).await.is(201);
    assert_eq!(
        (&first["queue_number"], &first["ahead"]),
        (&json!(1), &json!(0))
    );
    let second = api.enter(2, &show).await.is(201);
    assert_eq!(
        (&second["state"], &second["ahead"]),
        (&json!("waiting"), &json!(1))
    );
    let again = api.enter(1, &show).await;
    let again = again.refused(409, "already_in_waiting_room");
    for field in ["entry_id", "queue_number", "state", "receipt"] {
        assert_eq!(again[field], first[field], "{field}");
    }
    api.manage();
    let admitted = api.until_admitted(1, &show, &first).await;
    let pass = &admitted["pass"];
    for (customer, pass, reason) in [
        (1, &Value::Null, "missing"),
        (2, pass, "invalid"),
        (1, &first["receipt"], "invalid"),
    ] {
        let refused = api.hold_with(customer, &show, pass, "A-1").await;
        assert_eq!(refused.refused(403, "not_admitted")["reason"], reason);
    }
    let held = api.hold_with(1, &show, pass, "A-1").await.is(201);
    api.charge(1, 1_000).await;
    api.advance(1);
    let waits = api.entry(2, &show, &second).await.is(200);
    assert_eq!(waits["state"], "waiting", "one at a time");
    let reservation = text(&held, "reservation_id");
    api.pay(1, &reservation, "k").await.is(201);
    let next = api.until_admitted(2, &show, &second).await;
    let used = api.hold_with(1, &show, pass, "A-2").await;
    assert_eq!(used.refused(403, "not_admitted")["reason"], "used");
    api.entry(1, &show, &first).await.refused(404, "not_found");
    api.hold_with(2, &show, &next["pass"], "A-2").await.is(201);
    assert_eq!(api.count("CustomersAdmitted").await, 2);
    assert_eq!(api.count("NumbersReserved").await, 1);
}

#[tokio::test]
async fn a_repeat_is_answered_though_its_pass_has_bought() {
    let api = Api::start().await;
    let show = api.open_room(one_by_one()).await;
    let entry = api.enter(1, &show).await.is(201);
    api.manage();
    let admitted = api.until_admitted(1, &show, &entry).await;
    let attempt = async |pass: Option<&str>| {
        let body = json!({"show_id": show, "seats": ["A-1"]});
        let mut request = Request::post("/v1/reservations")
            .header("authorization", format!("Bearer {}", api.customer(1)))
            .header("content-type", "application/json")
            .header("idempotency-key", "once");
        if let Some(pass) = pass {
            request = request.header("queue-pass", pass);
        }
        api.answer(request.body(body.to_string().into()).unwrap())
            .await
    };
    let held = attempt(admitted["pass"].as_str()).await.is(201);
    api.charge(1, 1_000).await;
    api.pay(1, &text(&held, "reservation_id"), "k")
        .await
        .is(201);
    assert_eq!(attempt(None).await.is(201), held);
}

#[tokio::test]
async fn who_leaves_makes_room() {
    let api = Api::start().await;
    let show = api.open_room(one_by_one()).await;
    let first = api.enter(1, &show).await.is(201);
    let second = api.enter(2, &show).await.is(201);
    api.manage();
    api.until_admitted(1, &show, &first).await;
    api.advance(1);
    let leave = async |customer, entry: &Value| {
        let path = path_of(&show, entry);
        api.send_as(customer, Method::DELETE, &path, None, Value::Null)
            .await
    };
    leave(2, &first).await.refused(404, "not_found");
    leave(1, &first).await.is(204);
    leave(1, &first).await.refused(404, "not_found");
    api.until_admitted(2, &show, &second).await;
}

#[tokio::test]
async fn an_organizer_pauses_resumes_and_changes_the_flow() {
    let api = Api::start().await;
    let show = api.open_room(one_by_one()).await;
    let path = |rest: &str| format!("/v1/waiting-room/{show}{rest}");
    let paused = api.organize(Method::POST, &path("/pause"), json!({})).await;
    assert_eq!(paused.is(200)["paused"], true);
    let entry = api.enter(1, &show).await.is(201);
    api.manage();
    // Once they are told, the leader has gone round.
    let told = api
        .entry_until(1, &show, &entry, |body| body["paused"] == true)
        .await;
    assert_eq!(
        (&told["state"], &told["eta_seconds"]),
        (&json!("waiting"), &Value::Null)
    );
    let change = json!({"admit_per_second": 7, "max_active": 70});
    let changed = api.organize(Method::PATCH, &path(""), change).await.is(200);
    assert_eq!(
        (&changed["admit_per_second"], &changed["pass_seconds"]),
        (&json!(7), &json!(600))
    );
    for (body, status, code) in [
        (json!({"max_active": 0}), 422, "invalid_field"),
        (json!({"speed": 1}), 400, "unknown_field"),
    ] {
        let refused = api.organize(Method::PATCH, &path(""), body).await;
        refused.refused(status, code);
    }
    let resumed = api
        .organize(Method::POST, &path("/resume"), json!({}))
        .await;
    assert_eq!(resumed.is(200)["paused"], false);
    api.until_admitted(1, &show, &entry).await;
    assert_eq!(
        api.count("FlowChanged").await,
        4,
        "opened, and three changes"
    );
    let stranger = api.token(edge::auth::Role::Organizer, uuid::Uuid::from_u128(99));
    let foreign = api.post(&stranger, &path("/pause"), json!({})).await;
    foreign.refused(404, "not_found");
}

#[tokio::test]
async fn a_pass_runs_out() {
    let api = Api::start().await;
    let show = api.open_room(one_by_one()).await;
    let first = api.enter(1, &show).await.is(201);
    let second = api.enter(2, &show).await.is(201);
    api.manage();
    let admitted = api.until_admitted(1, &show, &first).await;
    // So that the second is not silent for so long.
    for _ in 0..20 {
        api.advance(30);
        api.entry(2, &show, &second).await.is(200);
    }
    api.until("PassesExpired", 1).await;
    api.until_admitted(2, &show, &second).await;
    let late = api.hold_with(1, &show, &admitted["pass"], "A-1").await;
    assert_eq!(late.refused(403, "not_admitted")["reason"], "expired");
    api.entry(1, &show, &first).await.refused(404, "not_found");
    let again = api.enter(1, &show).await.is(201);
    assert_eq!(again["queue_number"], 3, "behind everybody");
}

#[tokio::test]
async fn the_silent_lose_their_place() {
    let api = Api::start().await;
    let show = api.open_room(one_by_one()).await;
    let inside = api.enter(1, &show).await.is(201);
    let silent = api.enter(2, &show).await.is(201);
    let waits = api.enter(3, &show).await.is(201);
    api.manage();
    api.until_admitted(1, &show, &inside).await;
    for _ in 0..3 {
        api.advance(30);
        api.entry(3, &show, &waits).await.is(200);
    }
    api.entry_until(3, &show, &waits, |body| body["ahead"] == 0)
        .await;
    api.entry(2, &show, &silent).await.refused(404, "not_found");
}

#[tokio::test]
async fn nobody_is_let_in_to_an_empty_shop_and_all_are_told() {
    let api = Api::start().await;
    let all = json!({"admit_per_second": 100, "max_active": 100});
    let show = api.open_room(all).await;
    let seats: Vec<_> = ["A", "B"]
        .iter()
        .flat_map(|row| (1..=6).map(move |seat| format!("{row}-{seat}")))
        .collect();
    let block = json!({"seats": seats, "reason": "house"});
    let path = format!("/v1/shows/{show}/blocks");
    api.post(&api.organizer(), &path, block).await.is(200);
    let mut entries = Vec::new();
    for customer in 1..=12 {
        entries.push((customer, api.enter(customer, &show).await.is(201)));
    }
    api.manage();
    // Ten standing places are left: ten are let in.
    for (customer, entry) in &entries[..10] {
        api.until_admitted(*customer, &show, entry).await;
    }
    api.advance(5);
    let (eleventh, entry) = &entries[10];
    let waits = api.entry(*eleventh, &show, entry).await.is(200);
    assert_eq!(
        (&waits["state"], &waits["sold_out"]),
        (&json!("waiting"), &json!(false))
    );
    let cancel = json!({"reason": "Storm"});
    let path = format!("/v1/shows/{show}/cancel");
    api.post(&api.organizer(), &path, cancel).await.is(202);
    let told = api
        .entry_until(*eleventh, &show, entry, |body| body["sold_out"] == true)
        .await;
    assert_eq!(
        (&told["state"], &told["eta_seconds"]),
        (&json!("waiting"), &Value::Null)
    );
}

#[tokio::test]
async fn a_show_without_a_room_has_none() {
    let api = Api::start().await;
    let show = api.show().await;
    api.enter(1, &show).await.refused(404, "not_found");
    let pause = format!("/v1/waiting-room/{show}/pause");
    let refused = api.organize(Method::POST, &pause, json!({})).await;
    refused.refused(404, "not_found");
    api.hold(1, &show, &["A-1"]).await;
    assert_eq!(api.count("FlowChanged").await, 0);
}
