//! `kill -9` at the worst moment: sent, and the ledger does not know it yet.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use chrono::TimeDelta;
use event_store::{Clock, SystemClock};
use reqwest::Client;
use serde_json::{Value, json};
use servers::Smtp;
use uuid::Uuid;

use super::{
    email::headers,
    receiver::{Behaviour, Receiver},
};
use crate::{
    harness::{DataFolder, assert_clean, plan},
    operation::{Served, token},
};

/// How often a server that is busy is asked.
const TRIES: usize = 10;

/// A server in a process of its own, and those who talk to it.
pub(super) struct World {
    pub(super) data: DataFolder,
    pub(super) client: Client,
    pub(super) organizer: String,
}

impl World {
    /// With these lines of configuration.
    pub(super) fn new(settings: &str) -> Self {
        let data = DataFolder::new();
        std::fs::write(data.0.join("settings.toml"), settings).unwrap();
        let organizer = token(&data.0, "organizer");
        Self {
            data,
            client: Client::new(),
            organizer,
        }
    }

    fn serve(&self, more: &[&str]) -> Served {
        self.serve_in(more, &[])
    }

    pub(super) fn serve_in(&self, more: &[&str], environment: &[(&str, &Path)]) -> Served {
        let settings = self.data.0.join("settings.toml");
        let mut arguments = vec!["--config", settings.to_str().unwrap()];
        arguments.extend(more);
        Served::start_in(&self.data.0, &arguments, environment)
    }

    pub(super) async fn post(
        &self,
        served: &Served,
        path: &str,
        token: &str,
        body: Value,
    ) -> Value {
        let url = format!("{}{path}", served.base);
        let key = Uuid::now_v7().to_string();
        let mut call = self.client.post(url).json(&body);
        call = call.header("idempotency-key", key);
        if !token.is_empty() {
            call = call.bearer_auth(token);
        }
        // To hash a password takes long on a busy machine. A server that is behind says so, and is asked again under the same key.
        for _ in 0..TRIES {
            let reply = call.try_clone().unwrap().send().await.unwrap();
            let (status, body) = (reply.status(), reply.text().await.unwrap());
            if status != 503 {
                assert_eq!(status, 201, "{path}: {body}");
                return serde_json::from_str(&body).unwrap();
            }
        }
        panic!("{path} is not served");
    }

    /// A show on sale, and a customer with points: their id and token.
    pub(super) async fn prepare(&self, served: &Served) -> (Value, String) {
        let post = async |path, body| self.post(served, path, &self.organizer, body).await;
        let venue = json!({"name": "Field", "seating_plan": plan(2, 2)});
        let venue = post("/v1/venues", venue).await;
        let concert = json!({"title": "Storm", "artist": "The Band"});
        let concert = post("/v1/concerts", concert).await;
        let now = SystemClock.now();
        let show = json!({"concert_id": concert["concert_id"], "venue_id": venue["venue_id"],
            "starts_at": now + TimeDelta::days(9), "on_sale_at": now - TimeDelta::seconds(5), "prices": {"Stalls": 10}});
        let show = post("/v1/shows", show).await["show_id"].clone();
        let account =
            json!({"email": "anna@example.org", "password": "correct horse", "name": "Anna"});
        self.post(served, "/v1/customers", "", account).await;
        let account = json!({"email": "anna@example.org", "password": "correct horse"});
        let session = self.post(served, "/v1/sessions", "", account).await;
        let customer = session["access_token"].as_str().unwrap().to_owned();
        let charge = json!({"amount": 100});
        self.post(served, "/v1/points/charges", &customer, charge)
            .await;
        (show, customer)
    }

    /// Holds a seat and gives it back: one notification.
    pub(super) async fn hold_and_cancel(&self, served: &Served, show: &Value, customer: &str) {
        let wish = json!({"show_id": show, "seats": ["A-1-1"]});
        let held = self.post(served, "/v1/reservations", customer, wish).await;
        let reservation = held["reservation_id"].as_str().unwrap();
        let url = format!("{}/v1/reservations/{reservation}/cancel", served.base);
        let call = self.client.post(url).bearer_auth(customer).json(&json!({}));
        // The server may be gone before it has answered; the event is what counts.
        call.send().await.ok();
    }
}

fn ended_by_itself(served: &mut Served) {
    let status = served.child.wait().unwrap();
    assert!(!status.success(), "{status}");
}

/// Whether anything is left to be sent, by the file itself.
pub(super) fn states(data: &Path) -> String {
    let sql = "SELECT group_concat(state || ':' || attempts) FROM notification_deliveries";
    crate::operation::sqlite(&data.join("log.db"), sql)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_was_called_is_called_again_under_the_same_id() {
    let receiver = Receiver::start(|_, _| Behaviour::Answer(204)).await;
    let settings =
        "[notifications]\nwebhook_networks = [\"127.0.0.1\"]\nwebhook_plain_http = true\n";
    let world = World::new(settings);
    let mut served = world.serve(&["--abort-at", "notifications.sent"]);
    let (show, customer) = world.prepare(&served).await;
    let wanted = json!({"url": receiver.url(), "events": ["reservation.cancelled"]});
    world
        .post(&served, "/v1/webhooks", &world.organizer, wanted)
        .await;
    world.hold_and_cancel(&served, &show, &customer).await;
    ended_by_itself(&mut served);
    assert_eq!(receiver.calls().len(), 1);
    assert_eq!(states(&world.data.0), "pending:0");

    let served = world.serve(&[]);
    receiver.more_than(1).await;
    served.stop();
    let calls = receiver.calls();
    let ids: BTreeSet<_> = calls.iter().map(|call| (call.id(), &call.body)).collect();
    assert_eq!((calls.len(), ids.len()), (2, 1), "{calls:#?}");
    assert_eq!(states(&world.data.0), "sent:1");
    assert_clean(&world.data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_was_sent_is_sent_again_under_the_same_message_id() {
    let Some(smtp) = Smtp::start("mails across a crash").await else {
        return;
    };
    let mut settings = "[notifications.smtp]\nfrom = \"noreply@tickets.example\"\n".to_owned();
    writeln!(settings, "url = \"{}\"", smtp.url()).unwrap();
    let world = World::new(&settings);
    let mut served = world.serve(&["--abort-at", "notifications.sent"]);
    let (show, customer) = world.prepare(&served).await;
    world.hold_and_cancel(&served, &show, &customer).await;
    ended_by_itself(&mut served);
    assert_eq!(smtp.mails().len(), 1);
    assert_eq!(states(&world.data.0), "pending:0");

    let served = world.serve(&[]);
    while smtp.mails().len() < 2 {
        let url = format!("{}/livez", served.base);
        world.client.get(url).send().await.unwrap();
    }
    served.stop();
    let ids: BTreeSet<_> = headers(&smtp.mails(), "message-id").into_iter().collect();
    assert_eq!((smtp.mails().len(), ids.len()), (2, 1));
    assert_eq!(states(&world.data.0), "sent:1");
    assert_clean(&world.data);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_ledger_is_not_told_anew() {
    let receiver = Receiver::start(|_, _| Behaviour::Answer(204)).await;
    let settings =
        "[notifications]\nwebhook_networks = [\"127.0.0.1\"]\nwebhook_plain_http = true\n";
    let world = World::new(settings);
    let mut served = world.serve(&["--abort-at", "notifications.told"]);
    let (show, customer) = world.prepare(&served).await;
    let wanted = json!({"url": receiver.url(), "events": ["reservation.cancelled"]});
    world
        .post(&served, "/v1/webhooks", &world.organizer, wanted)
        .await;
    world.hold_and_cancel(&served, &show, &customer).await;
    ended_by_itself(&mut served);
    assert!(receiver.calls().is_empty());

    let served = world.serve(&[]);
    receiver.more_than(0).await;
    let url = format!("{}/v1/me/notifications", served.base);
    let list = world
        .client
        .get(url)
        .bearer_auth(&customer)
        .send()
        .await
        .unwrap();
    let list: Value = list.json().await.unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
    served.stop();
    assert_eq!(receiver.calls().len(), 1);
    assert_eq!(states(&world.data.0), "sent:1");
    assert_clean(&world.data);
}
