//! The security log: whoever is refused for the role of a token, wherever the call went; and whose key was used.

use edge::auth::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{TestApp, both_ways};

both_ways!(
    a_refusal_for_role_is_kept_wherever_it_was_asked,
    the_use_of_a_key_is_kept
);

/// Kinds and targets of what is kept about somebody, once there are `count` entries.
async fn entries(app: &TestApp, subject: Uuid, count: usize) -> Vec<(String, String)> {
    let auditor = app.token(Role::Auditor, Uuid::now_v7());
    let path = format!("/v1/audit/security?subject={subject}");
    let items = |body: &Value| body["items"].as_array().unwrap().clone();
    let body = app
        .until(&path, &auditor, |body| items(body).len() >= count)
        .await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    items(&body)
        .iter()
        .map(|item| (text(&item["kind"]), text(&item["target"])))
        .collect()
}

async fn a_refusal_for_role_is_kept_wherever_it_was_asked(app: TestApp) {
    let somebody = Uuid::now_v7();
    let organizer = app.token(Role::Organizer, somebody);
    // The command API, the query API and the audit are three processes where roles are apart.
    let charge = app.post("/v1/points/charges", &organizer, &json!({"amount": 1}));
    charge.send().await.refused(403, "forbidden");
    for path in ["/v1/me/points", "/v1/audit/events"] {
        app.get(path, &organizer).await.refused(403, "forbidden");
    }
    let mut entries = entries(&app, somebody, 3).await;
    entries.sort();
    let expected = [
        "GET /v1/audit/events",
        "GET /v1/me/points",
        "POST /v1/points/charges",
    ];
    let expected = expected.map(|target| ("forbidden".to_owned(), target.to_owned()));
    assert_eq!(entries, expected);
    app.finish().await;
}

async fn the_use_of_a_key_is_kept(app: TestApp) {
    let email = format!("{}@example.org", Uuid::now_v7());
    let ada = json!({"email": email, "password": "correct horse battery", "name": "Ada"});
    let ada = app.post("/v1/customers", "", &ada).send().await.expect(201);
    let id: Uuid = ada["customer_id"].as_str().unwrap().parse().unwrap();
    let token = app.token(Role::Customer, id);
    let me = app.call(reqwest::Method::DELETE, "/v1/me", &token, None);
    me.send().await.expect(200);
    // The address is read, to release its claim; then nobody can read it any more.
    let entries = entries(&app, id, 2).await;
    let expected = ["key_read", "key_destroyed"];
    let by = "key store, by command-api".to_owned();
    assert_eq!(
        entries[..2],
        expected.map(|kind| (kind.to_owned(), by.clone()))
    );
    app.finish().await;
}
