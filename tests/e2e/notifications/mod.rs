//! Who is told what, once: in the own list and stream, by webhook, by mail.

mod crashes;
mod distributed;
mod email;
mod inbox;
mod receiver;
mod tls;
mod webhooks;

use std::time::Duration;

use edge::auth::Role;
use frontrow::app::AppConfig;
use serde_json::{Value, json};
use uuid::Uuid;

use self::receiver::Receiver;
use crate::harness::{DataFolder, Fan, Sale, TestApp};

/// Receivers on this machine may be called, and are given up soon.
fn reach_receivers(config: &mut AppConfig) {
    let notifications = &mut config.settings.notifications;
    notifications.webhook_networks = vec!["127.0.0.0/8".to_owned()];
    notifications.webhook_plain_http = true;
    notifications.webhook_timeout_ms = 300;
}

async fn start() -> TestApp {
    TestApp::start_on(DataFolder::new(), reach_receivers).await
}

/// Has a receiver called of `events`; answers the id and the secret.
async fn subscribe(
    app: &TestApp,
    organizer: &str,
    receiver: &Receiver,
    events: &[&str],
) -> (String, String) {
    let wanted = json!({"url": receiver.url(), "events": events});
    let created = app.post("/v1/webhooks", organizer, &wanted).send().await;
    let created = created.expect(201);
    let text = |field: &str| created[field].as_str().unwrap().to_owned();
    (text("webhook_id"), text("secret"))
}

/// What a customer was told up to a position, the oldest first.
async fn told(app: &TestApp, fan: &Fan, position: &Value) -> Vec<Value> {
    let page = app
        .get_at("/v1/me/notifications", &fan.token, position)
        .await;
    let mut items = page.expect(200)["items"].as_array().unwrap().clone();
    items.reverse();
    items
}

fn types(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .map(|item| item["type"].as_str().unwrap())
        .collect()
}

fn admin(app: &TestApp) -> String {
    app.token(Role::Admin, Uuid::now_v7())
}

/// Moves the clock on, past one pause between tries after the other, until `done`.
async fn pass_time(app: &TestApp, receiver: &Receiver, done: impl Fn() -> bool) {
    for _ in 0..400 {
        if done() {
            return;
        }
        let seen = receiver.calls().len();
        app.advance(10);
        // A call comes soon, or none is due yet.
        let came = receiver.more_than(seen);
        tokio::time::timeout(Duration::from_millis(150), came)
            .await
            .ok();
    }
    panic!("not in time: {:#?}", receiver.calls());
}

/// A sale with one who bought a seat: the fan, and where in the log that ended.
async fn sold(app: &TestApp, sale: &Sale, seat: &str) -> (Fan, Value) {
    let fan = Fan::with_points(app, 1_000).await;
    let (_, paid) = sale.buy(app, &fan, &[seat]).await;
    (fan, paid["position"].clone())
}
