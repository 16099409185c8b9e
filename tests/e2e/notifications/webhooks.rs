//! What organizers' servers are told, however they behave.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use edge::auth::Role;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    admin, pass_time,
    receiver::{Behaviour, Received, Receiver},
    sold, start, subscribe, told,
};
use crate::harness::{Sale, TestApp};

/// Checks a call as `docs/notifications.md` tells receivers to.
#[track_caller]
pub(super) fn verify(call: &Received, secret: &str) {
    let secret = STANDARD.decode(secret.strip_prefix("whsec_").unwrap());
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret.unwrap());
    let signed = format!(
        "{}.{}.{}",
        call.id(),
        call.headers["webhook-timestamp"],
        call.body
    );
    let signature = call.headers["webhook-signature"]
        .strip_prefix("v1,")
        .unwrap();
    let signature = STANDARD.decode(signature).unwrap();
    hmac::verify(&key, signed.as_bytes(), &signature).unwrap();
}

/// Ids by how often they came.
pub(super) fn by_id(calls: &[Received]) -> BTreeMap<String, usize> {
    let mut ids = BTreeMap::new();
    for call in calls {
        *ids.entry(call.id().to_owned()).or_default() += 1;
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organizer_is_told_of_its_shows_and_no_others() {
    let app = start().await;
    let (sale, other) = (Sale::open(&app).await, Sale::open(&app).await);
    sold(&app, &sale, "A-1-1").await;
    let receiver = Receiver::start(|_, _| Behaviour::Answer(204)).await;
    let events = ["reservation.confirmed", "payment.completed"];
    let (id, secret) = subscribe(&app, &sale.organizer, &receiver, &events).await;
    sold(&app, &other, "A-1-1").await;
    let (fan, _) = sold(&app, &sale, "A-1-2").await;
    while receiver.calls().len() < 2 {
        receiver.more_than(receiver.calls().len()).await;
    }
    let calls = receiver.calls();
    let mut told: Vec<Value> = calls.iter().map(Received::json).collect();
    told.sort_by_key(|call| call["position"].as_u64());
    assert_eq!(told[0]["type"], "reservation.confirmed");
    assert_eq!(told[0]["data"]["seats"], json!(["A-1-2"]));
    assert_eq!(told[1]["type"], "payment.completed");
    assert_eq!(told[1]["data"]["customer_id"], json!(fan.id));
    for call in &calls {
        verify(call, &secret);
        assert_eq!(call.headers["content-type"], "application/json");
    }

    let listed = app.get("/v1/webhooks", &sale.organizer).await.expect(200);
    assert_eq!(listed["items"][0]["webhook_id"], id.as_str());
    assert!(!listed.to_string().contains("whsec_"), "{listed}");
    let path = format!("/v1/webhooks/{id}");
    let remove = |token: &str| app.call(Method::DELETE, &path, token, None).send();
    remove(&other.organizer).await.refused(404, "not_found");
    remove(&sale.organizer).await.expect(204);
    remove(&sale.organizer).await.refused(404, "not_found");
    // Another, still called, shows that the removed one had its chance.
    let witness = Receiver::start(|_, _| Behaviour::Answer(204)).await;
    subscribe(&app, &sale.organizer, &witness, &events).await;
    sold(&app, &sale, "A-1-3").await;
    witness.more_than(1).await;
    assert_eq!(receiver.calls().len(), 2);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_webhook_may_lead_is_checked() {
    let app = TestApp::start().await;
    let organizer = app.token(Role::Organizer, Uuid::now_v7());
    let post = async |url: &str, events: Value| {
        let wanted = json!({"url": url, "events": events});
        app.post("/v1/webhooks", &organizer, &wanted).send().await
    };
    for url in [
        "http://example.org/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1:8443/",
        "https://user:password@example.org/",
        "gopher://example.org/",
    ] {
        let refused = post(url, json!(["payment.failed"])).await;
        assert_eq!(refused.refused(422, "invalid_field")["at"], "url");
    }
    let refused = post("https://example.org/", json!([])).await;
    assert_eq!(refused.refused(422, "invalid_field")["at"], "events");
    let refused = post("https://example.org/", json!(["payment.lost"])).await;
    refused.refused(400, "invalid_field");
    for n in 0..20 {
        let url = format!("https://example.org/{n}");
        post(&url, json!(["payment.failed"])).await.expect(201);
    }
    let refused = post("https://example.org/", json!(["payment.failed"])).await;
    refused.refused(422, "too_many_webhooks");
    let customer = app.token(Role::Customer, Uuid::now_v7());
    app.get("/v1/webhooks", &customer)
        .await
        .refused(403, "forbidden");
    app.finish().await;
}

/// A name that leads to this machine is not called, though its URL says nothing of that.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_inside_is_not_called() {
    let app = TestApp::start_on(crate::harness::DataFolder::new(), |config| {
        config.settings.notifications.webhook_plain_http = true;
    })
    .await;
    let receiver = Receiver::start(|_, _| Behaviour::Answer(204)).await;
    let sale = Sale::open(&app).await;
    let url = receiver.url().replace("127.0.0.1", "localhost");
    let wanted = json!({"url": url, "events": ["payment.completed"]});
    let created = app
        .post("/v1/webhooks", &sale.organizer, &wanted)
        .send()
        .await;
    created.expect(201);
    let (fan, position) = sold(&app, &sale, "A-1-1").await;
    told(&app, &fan, &position).await;
    let dead = loop {
        app.advance(3_600);
        let listed = app.get("/v1/ops/dead-letters", &admin(&app)).await;
        let listed = listed.expect(200);
        if let Some(dead) = listed["items"].get(0) {
            break dead.clone();
        }
        tokio::task::yield_now().await;
    };
    let reason = dead["reason"].as_str().unwrap();
    assert!(
        reason.contains("not an address of the internet"),
        "{reason}"
    );
    assert!(receiver.calls().is_empty());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_notification_arrives_once_by_its_id_whatever_the_receiver_does() {
    const SALES: usize = 8;
    let app = start().await;
    let sale = Sale::open_with(&app, |show| show["hold_seconds"] = json!(3_600)).await;
    // Each call fails in its own way until it has been tried three times.
    let receiver = Receiver::start({
        let tries = std::sync::Mutex::new(BTreeMap::<String, usize>::new());
        move |n, call| {
            let mut tries = tries.lock().unwrap();
            let count = tries.entry(call.id().to_owned()).or_default();
            *count += 1;
            match (*count, n % 6) {
                (3.., _) => Behaviour::AnswerTwice,
                (_, 0) => Behaviour::Answer(500),
                (_, 1) => Behaviour::Drop,
                (_, 2) => Behaviour::Flood,
                (_, 3) => Behaviour::Hang,
                (_, 4) => Behaviour::Answer(302),
                _ => Behaviour::Answer(200),
            }
        }
    })
    .await;
    let events = ["reservation.confirmed", "payment.completed"];
    let (_, secret) = subscribe(&app, &sale.organizer, &receiver, &events).await;
    for n in 1..=SALES {
        sold(&app, &sale, &format!("A-{n}-1")).await;
    }
    // Each is tried until the receiver took it, and then no more.
    let pending = "SELECT count(*) FROM notification_deliveries WHERE state = 'pending'";
    let log = app.data().join("log.db");
    let settled = || {
        by_id(&receiver.calls()).len() == 2 * SALES
            && crate::operation::sqlite(&log, pending) == "0"
    };
    pass_time(&app, &receiver, settled).await;
    let calls = receiver.calls();
    let ids = by_id(&calls);
    assert_eq!(ids.len(), 2 * SALES);
    assert!(ids.values().all(|times| (1..=3).contains(times)), "{ids:?}");
    let dead = app.get("/v1/ops/dead-letters", &admin(&app)).await;
    assert_eq!(dead.expect(200)["items"], json!([]));
    let mut told = BTreeMap::new();
    for call in &calls {
        verify(call, &secret);
        let body = call.json();
        let what = (
            body["type"].to_string(),
            body["data"]["customer_id"].to_string(),
        );
        let id = told.entry(what).or_insert_with(|| call.id().to_owned());
        assert_eq!(id, call.id(), "one thing was told under two ids");
    }
    assert_eq!(told.len(), 2 * SALES);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_holds_up_no_other() {
    let app = start().await;
    let sale = Sale::open(&app).await;
    let hanging = Receiver::start(|_, _| Behaviour::Hang).await;
    let prompt = Receiver::start(|_, _| Behaviour::Answer(200)).await;
    let events = ["payment.completed"];
    subscribe(&app, &sale.organizer, &hanging, &events).await;
    subscribe(&app, &sale.organizer, &prompt, &events).await;
    for n in 1..=9 {
        sold(&app, &sale, &format!("A-{n}-1")).await;
    }
    while prompt.calls().len() < 9 {
        prompt.more_than(prompt.calls().len()).await;
    }
    assert_eq!(by_id(&prompt.calls()).len(), 9);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_is_called_no_more_and_what_died_is_brought_back() {
    let app = start().await;
    let sale = Sale::open(&app).await;
    let gone = Receiver::start(|_, _| Behaviour::Answer(410)).await;
    let ill = Receiver::start(|n, _| Behaviour::Answer(if n < 10 { 503 } else { 204 })).await;
    let events = ["payment.completed"];
    let (gone_id, _) = subscribe(&app, &sale.organizer, &gone, &events).await;
    let (ill_id, _) = subscribe(&app, &sale.organizer, &ill, &events).await;
    let (fan, position) = sold(&app, &sale, "A-1-1").await;
    told(&app, &fan, &position).await;
    let path = "/v1/ops/dead-letters";
    let dead = loop {
        app.advance(1_800);
        let listed = app.get(path, &admin(&app)).await.expect(200);
        let items = listed["items"].as_array().unwrap().clone();
        if items.len() == 2 {
            break items;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((gone.calls().len(), ill.calls().len()), (1, 10));
    let of = |webhook: &str| {
        let mut found = dead.iter().filter(|one| one["recipient"] == webhook);
        found.next().unwrap().clone()
    };
    assert!(of(&gone_id)["reason"].as_str().unwrap().contains("410"));
    assert_eq!(of(&ill_id)["attempts"], 10);
    // Time has passed: tokens are new ones.
    let organizer = app.token(Role::Organizer, Uuid::now_v7());
    let admin = admin(&app);
    let disabled = "SELECT webhook_id FROM notification_webhooks WHERE disabled_at IS NOT NULL";
    let disabled = crate::operation::sqlite(&app.data().join("log.db"), disabled);
    assert_eq!(disabled, gone_id);

    let retry = |dead: &Value, token: &str| {
        let path = format!("{path}/{}/retry", dead["notification_id"].as_str().unwrap());
        app.post(&path, token, &json!({"reason": "it is well again"}))
            .send()
    };
    retry(&of(&ill_id), &organizer)
        .await
        .refused(403, "forbidden");
    retry(&of(&gone_id), &admin)
        .await
        .refused(409, "webhook_disabled");
    retry(&of(&ill_id), &admin).await.expect(202);
    ill.more_than(10).await;
    let (first, last) = (&ill.calls()[0], &ill.calls()[10]);
    assert_eq!((first.id(), &first.body), (last.id(), &last.body));
    let still_dead = loop {
        let listed = app.get(path, &admin).await.expect(200);
        let items = listed["items"].as_array().unwrap().clone();
        if items.len() == 1 {
            break items;
        }
    };
    assert_eq!(still_dead[0]["recipient"], gone_id.as_str());
    retry(&of(&ill_id), &admin).await.refused(404, "not_found");
    app.finish().await;
}
