//! Who is not told, and how quietly.

use std::time::Duration;

use domain::{customer::Command, ids::CustomerId};
use event_store::{commands::Fingerprint, executor::Request};
use serde_json::json;
use servers::Smtp;
use tokio::{task::yield_now, time::timeout};
use uuid::Uuid;

use super::{
    fixtures::text,
    harness::{Api, BOUND},
};
use crate::{
    commands::Origin,
    notifications::{
        EMAIL_LANE,
        email::{Mailer, Settings},
        templates::Language,
    },
};

async fn register(api: &Api, email: &str) -> Uuid {
    let body = json!({"email": email, "password": "correct horse", "name": "A name"});
    let registered = api.post("", "/v1/customers", body).await.is(201);
    text(&registered, "customer_id").parse().unwrap()
}

/// Holds a seat and gives it back, which is told.
async fn hold_and_cancel(api: &Api, show: &str, customer: Uuid, seat: &str) {
    let token = api.token(edge::auth::Role::Customer, customer);
    let body = json!({"show_id": show, "seats": [seat]});
    let held = api.post(&token, "/v1/reservations", body).await.is(201);
    let path = format!("/v1/reservations/{}/cancel", text(&held, "reservation_id"));
    api.post(&token, &path, json!({})).await.is(200);
}

async fn erase(api: &Api, customer: Uuid) {
    let request = Request {
        command_id: Uuid::now_v7(),
        fingerprint: Fingerprint::default(),
        command: Command::Erase,
        metadata: Origin::manager("test", customer).metadata(),
        claims: Vec::new(),
        deadline: None,
    };
    let customers = &api.state.executors.customers;
    let id = CustomerId(customer).to_string();
    customers.execute(&id, request).await.unwrap();
}

#[tokio::test]
async fn who_was_erased_is_written_no_mail_and_nothing_fails() {
    let Some(smtp) = Smtp::start("mails to the erased").await else {
        return;
    };
    let api = Api::start().await;
    let show = api.show().await;
    let anna = register(&api, "anna@example.org").await;
    let bert = register(&api, "bert@example.org").await;
    let cora = register(&api, "cora@example.org").await;
    // One by the log, of another only the key is gone yet, and one stays.
    erase(&api, anna).await;
    let keys = &api.state.identity.keys;
    keys.destroy_key(bert, api.state.clock.now()).await.unwrap();
    for (customer, seat) in [(anna, "A-1"), (bert, "A-3"), (cora, "A-5")] {
        hold_and_cancel(&api, &show, customer, seat).await;
    }
    let settings = Settings {
        url: smtp.url().into(),
        from: "noreply@tickets.example".to_owned(),
        language: Language::En,
    };
    api.manage_with(Some(Mailer::new(&settings).unwrap()));
    let ledger = api.state.notifications.feed.ledger();
    let head = api.state.log.head().await.unwrap().position.0;
    let settled = async {
        while ledger.checkpoint().await.unwrap() < head
            || ledger.counts().await.unwrap().pending > 0
        {
            yield_now().await;
        }
    };
    timeout(BOUND, settled).await.unwrap();
    let mails = smtp.mails();
    assert_eq!(mails.len(), 1, "{mails:#?}");
    assert!(mails[0].contains("To: cora@example.org"), "{mails:#?}");
    assert_eq!(ledger.counts().await.unwrap().dead, 0);
    // They are told in their lists all the same.
    for customer in [anna, bert, cora] {
        let told = ledger.newest(customer, None, 10).await.unwrap();
        assert_eq!(told.len(), 1);
    }
    let later = api.state.clock.now() + Duration::from_hours(48);
    let due = ledger.due(EMAIL_LANE, later, 10).await.unwrap();
    assert!(due.is_empty(), "{due:?}");
}
