//! Signing in, refreshing, signing out.

use axum::http::StatusCode;
use chrono::TimeDelta;
use edge::auth::{Principal, Role};
use event_store::Clock;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{App, SECRET};

#[tokio::test]
async fn a_customer_signs_in_with_the_right_password_alone() {
    let app = App::new().await;
    let (_, registered) = app.register(None, "anna@example.org", SECRET).await;
    let (status, tokens) = app.sign_in("ANNA@example.org", SECRET).await;
    assert_eq!(status, StatusCode::CREATED, "{tokens}");
    assert_eq!(tokens["expires_in"], 900);
    let verified = app
        .state
        .verifier
        .verify(tokens["access_token"].as_str().unwrap())
        .unwrap();
    assert_eq!(verified.principal.role, Role::Customer);
    assert_eq!(json!(verified.principal.id), registered["customer_id"]);
    assert!(verified.session.is_some());

    let long = "x".repeat(2_000);
    for (email, password) in [
        ("anna@example.org", "wrong"),
        ("anna@example.org", &long),
        ("bert@example.org", SECRET),
    ] {
        let (status, body) = app.sign_in(email, password).await;
        assert_eq!(
            (status.as_u16(), &body["code"]),
            (401, &json!("invalid_credentials"))
        );
    }
}

#[tokio::test]
async fn a_refresh_token_is_good_once() {
    let app = App::new().await;
    app.register(None, "anna@example.org", SECRET).await;
    let (_, first) = app.sign_in("anna@example.org", SECRET).await;
    app.clock.advance(TimeDelta::days(29));
    let (status, second) = app.refresh(&first).await;
    assert_eq!(status, StatusCode::CREATED);
    let verify = |tokens: &Value| {
        app.state
            .verifier
            .verify(tokens["access_token"].as_str().unwrap())
    };
    assert!(verify(&first).is_err(), "long expired");
    assert!(verify(&second).is_ok());
    app.clock.advance(TimeDelta::days(29));
    let (status, third) = app.refresh(&second).await;
    assert_eq!(status, StatusCode::CREATED, "each use gives it a new time");

    // Someone shows the first again: neither they nor the holder of the third get in any more.
    for tokens in [&first, &third] {
        let (status, body) = app.refresh(tokens).await;
        assert_eq!(
            (status.as_u16(), &body["code"]),
            (401, &json!("invalid_refresh_token"))
        );
    }
    let (_, idle) = app.sign_in("anna@example.org", SECRET).await;
    app.clock.advance(TimeDelta::days(30));
    assert_eq!(
        app.refresh(&idle).await.0,
        StatusCode::UNAUTHORIZED,
        "expired"
    );
    assert_eq!(
        app.refresh(&json!({"refresh_token": "x"})).await.0,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn signing_out_ends_one_session() {
    let app = App::new().await;
    app.register(None, "anna@example.org", SECRET).await;
    let (_, one) = app.sign_in("anna@example.org", SECRET).await;
    let (_, other) = app.sign_in("anna@example.org", SECRET).await;
    let token = one["access_token"].as_str().unwrap();
    for _ in 0..2 {
        assert_eq!(app.sign_out(token).await.0, StatusCode::NO_CONTENT);
    }
    assert_eq!(app.refresh(&one).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(app.refresh(&other).await.0, StatusCode::CREATED);

    assert_eq!(app.sign_out("x").await.0, StatusCode::UNAUTHORIZED);
    let principal = Principal {
        id: Uuid::nil(),
        role: Role::Customer,
    };
    let minted = app.state.identity.signer.issue(
        principal,
        app.clock.now(),
        std::time::Duration::from_mins(1),
    );
    let (status, body) = app.sign_out(&minted).await;
    assert_eq!((status.as_u16(), &body["code"]), (404, &json!("not_found")));
}
