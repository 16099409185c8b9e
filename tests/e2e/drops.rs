//! Drops: entered, closed, drawn, paid, proved.

use std::io::Write as _;

use audit::verify_draw::{Announced, Expected, verify_draw};
use chrono::TimeDelta;
use edge::auth::Role;
use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Call, Fan, Reply, Sale, TestApp, both_ways};

both_ways!(
    a_drop_is_drawn_paid_and_proved,
    drawn_on_entry_each_is_answered_at_once,
    who_is_next_is_told_to_the_end,
    behind_a_waiting_room_a_pass_is_needed,
    what_cant_be_is_refused,
);

both_ways!(alone: an_entry_counts_once_whoever_repeats_it);

/// A drop, and whose it is.
struct Drop {
    organizer: String,
    id: String,
    opened: Value,
}

fn settings(app: &TestApp) -> Value {
    json!({"title": "Signed vinyl", "stock": 3, "win_probability": "0.5", "price": 40, "opens_at": app.now() - TimeDelta::seconds(60),
        "closes_at": app.now() + TimeDelta::hours(1), "draw": "at_close"})
}

impl Drop {
    async fn open(app: &TestApp, change: impl FnOnce(&mut Value)) -> Self {
        let organizer = app.token(Role::Organizer, Uuid::now_v7());
        Self::open_as(app, organizer, change).await
    }

    async fn open_as(app: &TestApp, organizer: String, change: impl FnOnce(&mut Value)) -> Self {
        let mut body = settings(app);
        change(&mut body);
        let opened = app.post("/v1/drops", &organizer, &body).send().await;
        let opened = opened.expect(201);
        Self {
            organizer,
            id: opened["drop_id"].as_str().unwrap().to_owned(),
            opened,
        }
    }

    fn path(&self) -> String {
        format!("/v1/drops/{}", self.id)
    }

    fn enter<'a>(&self, app: &'a TestApp, fan: &Fan) -> Call<'a> {
        let path = format!("{}/entries", self.path());
        app.call(Method::POST, &path, &fan.token, None)
    }

    async fn close(&self, app: &TestApp, body: &Value) -> Reply {
        let path = format!("{}/close", self.path());
        app.post(&path, &self.organizer, body).send().await
    }

    fn entry(&self, entry: &Value) -> String {
        format!(
            "{}/entries/{}",
            self.path(),
            entry["entry_id"].as_str().unwrap()
        )
    }

    /// Waits until the draw and all that follows from it is over.
    async fn until_over(&self, app: &TestApp) -> Value {
        app.until(&self.path(), "", |drop| drop["status"] == "over")
            .await
    }

    async fn proof(&self, app: &TestApp) -> String {
        let url = app.url(&Method::GET, &format!("{}/proof", self.path()));
        let response = app.client.get(url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    }
}

/// So many fans, the even ones with points enough to pay.
async fn crowd(app: &TestApp, size: usize) -> Vec<Fan> {
    let mut fans = Vec::with_capacity(size);
    for n in 0..size {
        let fan = Fan::new(app);
        if n % 2 == 0 {
            fan.charge(app, 100).await;
        }
        fans.push(fan);
    }
    fans
}

async fn a_drop_is_drawn_paid_and_proved(app: TestApp) {
    let beacon = json!({"source": "a made-up beacon", "round": 7});
    let drop = Drop::open(&app, |body| body["beacon"] = beacon.clone()).await;
    let fans = crowd(&app, 30).await;
    let mut entries = Vec::new();
    for fan in &fans {
        let entry = drop.enter(&app, fan).send().await.expect(202);
        assert_eq!(entry["status"], "entered");
        entries.push(entry);
    }
    let early = app.get(&format!("{}/proof", drop.path()), "").await;
    early.refused(409, "proof_not_ready");
    let closed = drop.close(&app, &json!({})).await.expect(200);
    assert_eq!(
        (closed["entries"].as_u64(), &closed["status"]),
        (Some(30), &json!("closed"))
    );
    let late = drop.enter(&app, &Fan::new(&app)).send().await;
    late.refused(409, "drop_closed");
    app.until(&drop.path(), "", |drop| drop["status"] == "awaiting_beacon")
        .await;
    let value = json!({"beacon_value": "ab54dcab2d0e24f1"});
    let told = drop.close(&app, &value).await.expect(200);
    assert_eq!(told["root"], closed["root"]);
    let other = drop.close(&app, &json!({"beacon_value": "another"})).await;
    other.refused(409, "beacon_recorded");
    let over = drop.until_over(&app).await;
    assert_eq!(over["fairness"], "beacon");
    // Every entry is answered, and whoever won has paid.
    let mut won = 0;
    for (n, (fan, entry)) in fans.iter().zip(&entries).enumerate() {
        let result = app.get(&drop.entry(entry), &fan.token).await.expect(200);
        assert_eq!(result["final"], true, "{result}");
        let paid = if result["status"] == "won" { 40 } else { 0 };
        won += u64::from(result["status"] == "won");
        assert!(n % 2 == 0 || paid == 0, "who has no points forfeits");
        if n % 2 == 0 {
            let has_paid = |points: &Value| points["balance"] == 100 - paid;
            app.until("/v1/me/points", &fan.token, has_paid).await;
        }
    }
    assert_eq!(
        (over["won"].as_u64(), over["stock_left"].as_u64()),
        (Some(won), Some(3 - won))
    );
    let stranger = app.get(&drop.entry(&entries[0]), &fans[1].token).await;
    stranger.refused(404, "not_found");
    prove(&app, &drop, &entries[0], closed["root"].as_str()).await;
    app.finish().await;
}

/// Checks the published proof as a fan does.
async fn prove(app: &TestApp, drop: &Drop, entry: &Value, root: Option<&str>) {
    let proof = drop.proof(app).await;
    // Of what is shown of a drop, the terms are the same to the end.
    let shown = app.get(&drop.path(), "").await.expect(200).to_string();
    let expected = Expected {
        entry: Some(entry["entry_id"].as_str().unwrap().parse().unwrap()),
        commitment: drop.opened["commitment"].as_str().map(str::to_owned),
        root: root.map(str::to_owned),
        announced: Some(Announced::read(shown.as_bytes()).unwrap()),
    };
    let report = verify_draw(proof.as_bytes(), &expected).unwrap();
    assert!(report.is_clean(), "{report}");
    assert!(report.entry.unwrap().number.is_some());
    let tampered = proof.replacen("\"won\"", "\"lost\"", 1);
    let report = verify_draw(tampered.as_bytes(), &expected).unwrap();
    assert!(!report.is_clean() || tampered == proof, "{report}");
    // Where a new example for the documentation is wanted.
    if let Some(file) = std::env::var_os("FRONTROW_TEST_PROOF")
        && report.fairness == "beacon"
    {
        let mut file = std::fs::File::create(file).unwrap();
        file.write_all(proof.as_bytes()).unwrap();
    }
}

async fn an_entry_counts_once_whoever_repeats_it(app: TestApp) {
    let drop = Drop::open(&app, |_| {}).await;
    let fan = Fan::new(&app);
    let enter = || drop.enter(&app, &fan);
    let first = enter().key("once").send().await.expect(202);
    let again = enter().key("once").send().await.expect(202);
    assert_eq!(first, again);
    let other = enter()
        .key("twice")
        .send()
        .await
        .refused(409, "already_entered");
    assert_eq!(other["entry_id"], first["entry_id"]);
    // Many at once, each twice.
    let fans: Vec<Fan> = (0..60).map(|_| Fan::new(&app)).collect();
    let calls = fans
        .iter()
        .chain(&fans)
        .map(|fan| async { drop.enter(&app, fan).key("k").send().await.expect(202) });
    let answers: Vec<Value> = futures::stream::iter(calls.collect::<Vec<_>>())
        .buffered(40)
        .collect()
        .await;
    assert_eq!(answers[..60], answers[60..]);
    let app = app.restart().await;
    let again = drop.enter(&app, &fan).key("once").send().await.expect(202);
    assert_eq!(first, again);
    let found = app
        .get_at(&drop.path(), "", &answers[59]["position"])
        .await
        .expect(200);
    assert_eq!(found["entries"], 61);
    drop.close(&app, &json!(null))
        .await
        .refused(400, "invalid_field");
    drop.close(&app, &json!({})).await.expect(200);
    drop.until_over(&app).await;
    app.finish().await;
}

async fn drawn_on_entry_each_is_answered_at_once(app: TestApp) {
    let drop = Drop::open(&app, |body| {
        body["draw"] = json!("on_entry");
        body["win_probability"] = json!("1");
        body["stock"] = json!(2);
    })
    .await;
    let (poor, rich, next) = (Fan::new(&app), Fan::new(&app), Fan::new(&app));
    for fan in [&rich, &next] {
        fan.charge(&app, 40).await;
    }
    let statuses = async |fan: &Fan| drop.enter(&app, fan).key("k").send().await.expect(202);
    let first = statuses(&poor).await;
    assert_eq!(first["status"], "winning");
    let second = statuses(&rich).await;
    assert_eq!(second["status"], "winning");
    let third = statuses(&next).await;
    // Until the first has forfeited, all is taken.
    assert!(
        ["standby", "winning"].contains(&third["status"].as_str().unwrap()),
        "{third}"
    );
    let over = drop.until_over(&app).await;
    assert_eq!(
        (&over["close_reason"], over["won"].as_u64()),
        (&json!("stock"), Some(2))
    );
    assert_eq!(over["fairness"], "operator-trusted");
    let result =
        async |fan: &Fan, entry: &Value| app.get(&drop.entry(entry), &fan.token).await.expect(200);
    assert_eq!(result(&poor, &first).await["status"], "forfeited");
    assert_eq!(result(&poor, &first).await["code"], "insufficient_points");
    assert_eq!(result(&next, &third).await["status"], "won");
    for (fan, entry, result) in [(&poor, &first, "forfeited"), (&next, &third, "won")] {
        let is_told = |told: &Value| {
            told["type"] == "drop.result"
                && told["data"]["entry_id"] == entry["entry_id"]
                && told["data"]["result"] == result
        };
        let told = |page: &Value| page["items"].as_array().unwrap().iter().any(is_told);
        app.until("/v1/me/notifications", &fan.token, told).await;
    }
    let stream = app.call(
        Method::GET,
        &format!("{}/stream", drop.entry(&second)),
        &rich.token,
        None,
    );
    let told = stream.send().await;
    let text = told.body.as_str().unwrap();
    assert!(
        text.contains("event: entry\n") && text.contains("\"status\":\"won\""),
        "{text}"
    );
    prove(&app, &drop, &third, None).await;
    app.finish().await;
}

async fn who_is_next_is_told_to_the_end(app: TestApp) {
    let drop = Drop::open(&app, |body| {
        body["win_probability"] = json!("1");
        body["stock"] = json!(1);
    })
    .await;
    let mut entered = Vec::new();
    for _ in 0..2 {
        let fan = Fan::with_points(&app, 40).await;
        let entry = drop.enter(&app, &fan).send().await.expect(202);
        entered.push((fan, entry));
    }
    drop.close(&app, &json!({})).await.expect(200);
    let over = drop.until_over(&app).await;
    let mut results = Vec::new();
    for (fan, entry) in &entered {
        let seen = app.get(&drop.entry(entry), &fan.token).await.expect(200);
        assert_eq!(seen["final"], true);
        let result = seen["status"].as_str().unwrap().to_owned();
        let told = |page: &Value| {
            let items = page["items"].as_array().unwrap().iter();
            let results = items.filter(|told| told["type"] == "drop.result");
            let mut results: Vec<_> = results
                .map(|told| told["data"]["result"].as_str().unwrap().to_owned())
                .collect();
            results.sort_unstable();
            results
        };
        let all = if result == "won" {
            vec!["won"]
        } else {
            vec!["lost", "standby"]
        };
        let path = "/v1/me/notifications";
        app.until(path, &fan.token, |page| told(page) == all).await;
        results.push(result);
    }
    results.sort_unstable();
    assert_eq!(results, ["lost", "won"]);
    prove(&app, &drop, &entered[0].1, over["root"].as_str()).await;
    app.finish().await;
}

async fn behind_a_waiting_room_a_pass_is_needed(app: TestApp) {
    let room = json!({"admit_per_second": 100, "max_active": 100});
    let sale = Sale::open_with(&app, |show| show["waiting_room"] = room).await;
    let drop = Drop::open_as(&app, sale.organizer.clone(), |body| {
        body["show_id"] = json!(sale.show);
    })
    .await;
    let fan = Fan::new(&app);
    let refused = drop
        .enter(&app, &fan)
        .send()
        .await
        .refused(403, "not_admitted");
    assert_eq!(refused["reason"], "missing");
    let queue = format!("/v1/waiting-room/{}/entries", sale.show);
    let place = app
        .call(Method::POST, &queue, &fan.token, None)
        .send()
        .await
        .expect(201);
    let place = format!("{queue}/{}", place["entry_id"].as_str().unwrap());
    let admitted = app
        .until(&place, &fan.token, |body| body["state"] == "admitted")
        .await;
    let pass = admitted["pass"].as_str().unwrap();
    let entry = drop
        .enter(&app, &fan)
        .header("queue-pass", pass)
        .key("k")
        .send()
        .await
        .expect(202);
    let again = drop.enter(&app, &fan).key("k").send().await.expect(202);
    assert_eq!(entry, again, "who is in needs no pass to be told so");
    let other = Fan::new(&app);
    let refused = drop
        .enter(&app, &other)
        .header("queue-pass", pass)
        .send()
        .await;
    assert_eq!(refused.refused(403, "not_admitted")["reason"], "invalid");
    drop.close(&app, &json!({})).await.expect(200);
    drop.until_over(&app).await;
    app.finish().await;
}

async fn what_cant_be_is_refused(app: TestApp) {
    let organizer = app.token(Role::Organizer, Uuid::now_v7());
    for (field, value) in [
        ("win_probability", json!("5%")),
        ("stock", json!(0)),
        ("price", json!(-1)),
        ("closes_at", json!(app.now() - TimeDelta::hours(1))),
        ("title", json!(" ")),
    ] {
        let mut body = settings(&app);
        body[field] = value;
        let refused = app.post("/v1/drops", &organizer, &body).send().await;
        assert_eq!(refused.refused(422, "invalid_field")["at"], field);
    }
    let sale = Sale::open(&app).await;
    let mut body = settings(&app);
    body["show_id"] = json!(sale.show);
    let without = app.post("/v1/drops", &sale.organizer, &body).send().await;
    without.refused(422, "invalid_field");
    app.post("/v1/drops", &organizer, &body)
        .send()
        .await
        .refused(404, "not_found");
    let later = Drop::open(&app, |body| {
        body["opens_at"] = json!(app.now() + TimeDelta::minutes(5));
    })
    .await;
    later
        .enter(&app, &Fan::new(&app))
        .send()
        .await
        .refused(425, "not_open_yet");
    later
        .close(&app, &json!({"beacon_value": "x"}))
        .await
        .refused(422, "no_beacon");
    let stranger = Drop { organizer, ..later };
    stranger
        .close(&app, &json!({}))
        .await
        .refused(404, "not_found");
    let nowhere = Drop {
        id: Uuid::now_v7().to_string(),
        ..stranger
    };
    nowhere
        .enter(&app, &Fan::new(&app))
        .send()
        .await
        .refused(404, "not_found");
    app.finish().await;
}

/// The clock alone closes a drop, exactly; and the same key opens one drop.
#[tokio::test(flavor = "multi_thread")]
async fn time_closes_a_drop() {
    let app = TestApp::start().await;
    let organizer = app.token(Role::Organizer, Uuid::now_v7());
    let body = settings(&app);
    let open = async || {
        app.post("/v1/drops", &organizer, &body)
            .key("open")
            .send()
            .await
            .expect(201)
    };
    let opened = open().await;
    assert_eq!(opened, open().await);
    let drop = Drop {
        organizer: organizer.clone(),
        id: opened["drop_id"].as_str().unwrap().to_owned(),
        opened,
    };
    drop.enter(&app, &Fan::new(&app)).send().await.expect(202);
    app.advance(3_600);
    drop.enter(&app, &Fan::new(&app))
        .send()
        .await
        .refused(409, "drop_closed");
    let over = drop.until_over(&app).await;
    assert_eq!(
        (&over["close_reason"], &over["closed_at"]),
        (&json!("time"), &over["closes_at"])
    );
    app.finish().await;
}
