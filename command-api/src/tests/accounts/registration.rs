//! Registering: whole or not at all, and once.

use axum::http::StatusCode;
use domain::customer::event::Ciphertext;
use event_store::Position;
use futures::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{App, SECRET, post};
use crate::{
    passwords,
    personal_data::{Field, decrypt},
};

#[tokio::test]
async fn a_customer_registers_and_only_ciphertext_enters_the_log() {
    let app = App::new().await;
    let (status, body) = app.register(None, " Anna@Example.org", SECRET).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    assert_eq!(body["position"], 1);
    let customer: Uuid = body["customer_id"].as_str().unwrap().parse().unwrap();

    let events = app.state.log.read_all(Position(0), 10).await.unwrap();
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(event.event_type, "CustomerRegistered");
    assert_eq!(*event.stream.aggregate_id, *customer.to_string());
    let digest = app.state.identity.emails.digest("anna@example.org");
    for secret in ["nna", SECRET, &digest] {
        assert!(
            !event.payload.contains(secret) && !event.metadata.contains(secret),
            "{secret} is in the log"
        );
    }
    assert!(event.metadata.contains(&format!("customer:{customer}")));
    let holder = app
        .state
        .log
        .claim("email", &digest)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(holder, event.stream);

    let key = app
        .state
        .identity
        .keys
        .key(customer)
        .await
        .unwrap()
        .unwrap();
    let payload: Value = serde_json::from_str(&event.payload).unwrap();
    let open = |field, name: &str| {
        let text = payload["CustomerRegistered"][name]
            .as_str()
            .unwrap()
            .to_owned();
        decrypt(&key, customer, field, &Ciphertext(text)).unwrap()
    };
    assert_eq!(open(Field::Email, "email"), "Anna@Example.org");
    assert_eq!(open(Field::Name, "name"), "Anna");
}

#[tokio::test]
async fn a_repeat_with_its_key_is_the_same_customer() {
    let app = App::new().await;
    let first = app.register(Some("k"), "anna@example.org", SECRET).await;
    assert_eq!(first.0, StatusCode::CREATED);
    assert_eq!(
        app.register(Some("k"), "ANNA@example.org ", SECRET).await,
        first
    );
    assert_eq!(app.events().await, 1);

    let (status, body) = app
        .register(Some("k"), "anna@example.org", "another password")
        .await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (422, &json!("idempotency_key_reused"))
    );
    let other_name = json!({"email": "anna@example.org", "password": SECRET, "name": "Bert"});
    let (status, body) = app
        .send(post("/v1/customers", Some("k"), &other_name))
        .await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (422, &json!("idempotency_key_reused"))
    );

    for key in [None, Some("l")] {
        let (status, body) = app.register(key, "anna@example.org", SECRET).await;
        assert_eq!(
            (status.as_u16(), &body["code"]),
            (409, &json!("email_taken"))
        );
    }
    // The key counts for the address: another customer's is another.
    assert_eq!(
        app.register(Some("k"), "bert@example.org", SECRET).await.0,
        StatusCode::CREATED
    );
    assert_eq!(app.events().await, 2);
}

#[tokio::test]
async fn of_many_who_register_an_address_at_once_one_wins_and_nothing_is_left_of_the_others() {
    let app = App::new().await;
    let answers = join_all((0..8).map(|_| app.register(None, "anna@example.org", SECRET))).await;
    let created = answers
        .iter()
        .filter(|(status, _)| *status == StatusCode::CREATED)
        .count();
    assert_eq!(created, 1);
    for (status, body) in answers
        .iter()
        .filter(|(status, _)| *status != StatusCode::CREATED)
    {
        assert_eq!(
            (status.as_u16(), &body["code"]),
            (409, &json!("email_taken"))
        );
    }
    assert_eq!(app.events().await, 1);
    assert_eq!(app.pending().await, (1, 1), "the winner's");

    let answers =
        join_all((0..8).map(|_| app.register(Some("k"), "bert@example.org", SECRET))).await;
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
        assert_eq!(answer.0, StatusCode::CREATED);
    }
    assert_eq!(app.events().await, 2);
    assert_eq!(app.pending().await, (2, 2));
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused_before_any_work() {
    let app = App::new().await;
    let refused = [
        (
            json!({"email": "anna", "password": SECRET, "name": "Anna"}),
            422,
            "invalid_field",
        ),
        (
            json!({"email": "a@b.c", "password": "short", "name": "Anna"}),
            422,
            "invalid_field",
        ),
        (
            json!({"email": "a@b.c", "password": SECRET, "name": ""}),
            422,
            "invalid_field",
        ),
        (
            json!({"email": "a@b.c", "password": SECRET}),
            400,
            "invalid_field",
        ),
        (
            json!({"email": "a@b.c", "password": SECRET, "name": "Anna", "role": "admin"}),
            400,
            "unknown_field",
        ),
    ];
    for (body, status, code) in refused {
        let (found, answer) = app.post("/v1/customers", body).await;
        assert_eq!((found.as_u16(), &answer["code"]), (status, &json!(code)));
        assert!(!answer.to_string().contains(SECRET));
    }
    assert_eq!((app.events().await, app.pending().await), (0, (0, 0)));
}

#[tokio::test]
async fn too_many_passwords_at_once_are_turned_away() {
    let app = App::with_passwords(passwords::Settings {
        at_once: 1,
        waiting: 0,
        ..passwords::Settings::cheap()
    })
    .await;
    let inside = app.state.identity.passwords.inside().clone();
    let only = inside.acquire_owned().await.unwrap();
    let (status, body) = app.sign_in("anna@example.org", SECRET).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (503, &json!("overloaded"))
    );
    assert!(body["retry_after_ms"].is_number());
    drop(only);
    let (status, body) = app.sign_in("anna@example.org", SECRET).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (401, &json!("invalid_credentials"))
    );
}
