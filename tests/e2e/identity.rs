//! Customers, sessions, tokens.

use edge::auth::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Fan, Sale, TestApp, both_ways};

both_ways!(
    a_customer_registers_signs_in_and_buys,
    refresh_tokens_rotate_and_a_stolen_one_ends_the_session,
    a_session_ends_by_sign_out,
);
both_ways!(alone: an_address_belongs_to_one_customer);

/// Ada, by one of her addresses: an address is taken once in a system, which several tests may share.
fn ada(address: &str) -> Value {
    json!({"email": address, "password": "correct horse battery", "name": "Ada Lovelace"})
}

async fn a_customer_registers_signs_in_and_buys(app: TestApp) {
    let sale = Sale::open(&app).await;
    let registered = app
        .post("/v1/customers", "", &ada("buys@example.org"))
        .send()
        .await
        .expect(201);
    let credentials = json!({"email": " Buys@Example.org ", "password": "correct horse battery"});
    let session = app
        .post("/v1/sessions", "", &credentials)
        .send()
        .await
        .expect(201);
    let token = session["access_token"].as_str().unwrap().to_owned();
    assert!(session["expires_in"].as_u64().unwrap() > 0);
    let fan = Fan {
        id: registered["customer_id"].as_str().unwrap().parse().unwrap(),
        token,
    };
    fan.charge(&app, 100).await;
    sale.buy(&app, &fan, &["A-1-1"]).await;
    app.finish().await;
}

async fn an_address_belongs_to_one_customer(app: TestApp) {
    let first = app
        .post("/v1/customers", "", &ada("one@example.org"))
        .key("reg")
        .send()
        .await
        .expect(201);
    let again = app
        .post("/v1/customers", "", &ada("one@example.org"))
        .key("reg")
        .send()
        .await
        .expect(201);
    assert_eq!(first, again);
    app.post("/v1/customers", "", &ada("one@example.org"))
        .send()
        .await
        .refused(409, "email_taken");
    let mut other = ada("one@example.org");
    other["name"] = json!("Another");
    app.post("/v1/customers", "", &other)
        .key("reg")
        .send()
        .await
        .refused(422, "idempotency_key_reused");
    let app = app.restart().await;
    let mut shouting = ada("one@example.org");
    shouting["email"] = json!("ONE@EXAMPLE.ORG");
    app.post("/v1/customers", "", &shouting)
        .send()
        .await
        .refused(409, "email_taken");
    for (field, bad) in [("email", "nobody"), ("password", "short"), ("name", "")] {
        let mut body = ada("one@example.org");
        body["email"] = json!("new@example.org");
        body[field] = json!(bad);
        let reply = app.post("/v1/customers", "", &body).send().await;
        assert!(matches!(reply.status, 400 | 422), "{field}: {}", reply.body);
        assert!(
            reply.body["detail"].as_str().unwrap().contains(field),
            "{}",
            reply.body
        );
    }
    app.finish().await;
}

async fn refresh_tokens_rotate_and_a_stolen_one_ends_the_session(app: TestApp) {
    app.post("/v1/customers", "", &ada("refreshes@example.org"))
        .send()
        .await
        .expect(201);
    let credentials =
        json!({"email": "refreshes@example.org", "password": "correct horse battery"});
    let session = app
        .post("/v1/sessions", "", &credentials)
        .send()
        .await
        .expect(201);
    let refresh = async |token: &Value| {
        app.post("/v1/sessions/refresh", "", &json!({"refresh_token": token}))
            .send()
            .await
    };
    let second = refresh(&session["refresh_token"]).await.expect(201);
    assert_ne!(session["refresh_token"], second["refresh_token"]);
    assert_eq!(refresh(&session["refresh_token"]).await.status, 401);
    assert_eq!(refresh(&second["refresh_token"]).await.status, 401);
    let wrong = json!({"email": "refreshes@example.org", "password": "wrong password"});
    app.post("/v1/sessions", "", &wrong)
        .send()
        .await
        .refused(401, "invalid_credentials");
    let unknown = json!({"email": "bob@example.org", "password": "wrong password"});
    app.post("/v1/sessions", "", &unknown)
        .send()
        .await
        .refused(401, "invalid_credentials");
    app.finish().await;
}

async fn a_session_ends_by_sign_out(app: TestApp) {
    app.post("/v1/customers", "", &ada("leaves@example.org"))
        .send()
        .await
        .expect(201);
    let credentials = json!({"email": "leaves@example.org", "password": "correct horse battery"});
    let session = app
        .post("/v1/sessions", "", &credentials)
        .send()
        .await
        .expect(201);
    let token = session["access_token"].as_str().unwrap();
    let out = app
        .call(reqwest::Method::DELETE, "/v1/sessions/current", token, None)
        .send()
        .await;
    assert!(out.status == 200 || out.status == 204, "{}", out.body);
    let reply = app
        .post(
            "/v1/sessions/refresh",
            "",
            &json!({"refresh_token": session["refresh_token"]}),
        )
        .send()
        .await;
    assert_eq!(reply.status, 401);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_ours_is_refused() {
    let app = TestApp::start().await;
    app.get("/v1/me/points", "")
        .await
        .refused(401, "unauthenticated");
    let good = app.token(Role::Customer, Uuid::now_v7());
    let (head, rest) = good.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let forged = format!("{head}.eyJzdWIiOiIxIiwicm9sZSI6ImFkbWluIn0.{signature}");
    for bad in [
        forged.as_str(),
        "nonsense",
        "a.b.c",
        &good[..good.len() - 4],
        "eyJhbGciOiJub25lIn0.e30.",
    ] {
        assert_eq!(app.get("/v1/me/points", bad).await.status, 401, "{bad}");
    }
    app.advance(365 * 24 * 3_600);
    app.get("/v1/me/points", &good)
        .await
        .refused(401, "token_expired");
    app.finish().await;
}

/// Names and addresses are in no file but as ciphertext.
#[tokio::test(flavor = "multi_thread")]
async fn personal_data_is_stored_encrypted() {
    let app = TestApp::start().await;
    app.post("/v1/customers", "", &ada("ada@example.org"))
        .send()
        .await
        .expect(201);
    let folder = app.data().clone();
    let app = app.restart().await;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            for secret in ["ada@example.org", "Ada Lovelace", "correct horse"] {
                let found = bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes());
                assert!(!found, "{secret} stands in {}", path.display());
            }
        }
    }
    app.finish().await;
}
