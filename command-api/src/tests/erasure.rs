//! A customer who is erased: by the customer, by an administrator, and by a process manager where the erasure was cut off.

use axum::{body::Body, http::Request};
use edge::auth::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    fixtures::{stop_once, text},
    harness::{Api, Reply},
};
use crate::identity::EMAIL_CLAIM;

const EMAIL: &str = "anna@example.org";
const PASSWORD: &str = "correct horse";

/// A customer with a session; answers the id.
async fn registered(api: &Api) -> (Uuid, Value) {
    let body = json!({"email": EMAIL, "password": PASSWORD, "name": "Anna"});
    let customer = text(
        &api.post("", "/v1/customers", body).await.is(201),
        "customer_id",
    );
    (customer.parse().unwrap(), sign_in(api).await.is(201))
}

async fn sign_in(api: &Api) -> Reply {
    let body = json!({"email": EMAIL, "password": PASSWORD});
    api.post("", "/v1/sessions", body).await
}

async fn delete(api: &Api, token: &str, path: &str, body: Value) -> Reply {
    let request = Request::delete(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    api.answer(request.body(Body::from(body.to_string())).unwrap())
        .await
}

async fn erase_me(api: &Api, customer: Uuid) -> Reply {
    let token = api.token(Role::Customer, customer);
    delete(api, &token, "/v1/me", json!({})).await
}

/// Nothing that could be read is left, and the address is free.
async fn assert_erased(api: &Api, customer: Uuid, tokens: &Value, at: &str) {
    let identity = &api.state.identity;
    assert!(identity.keys.key(customer).await.unwrap().is_none(), "{at}");
    let password = identity.credentials.password(customer).await.unwrap();
    assert_eq!(password, None, "{at}");
    let refresh = json!({"refresh_token": tokens["refresh_token"]});
    api.post("", "/v1/sessions/refresh", refresh)
        .await
        .refused(401, "invalid_refresh_token");
    sign_in(api).await.refused(401, "invalid_credentials");
    let digest = identity.emails.digest(EMAIL);
    assert_eq!(
        api.state.log.claim(EMAIL_CLAIM, &digest).await.unwrap(),
        None
    );
    assert_eq!(api.count("CustomerErased").await, 1, "{at}");
    assert_eq!(api.count("PersonalDataDestroyed").await, 1, "{at}");
    let due = api.state.log.next_due("customer").await.unwrap();
    assert_eq!(due, None, "{at}");
}

#[tokio::test]
async fn a_customer_erases_the_own_account_and_may_come_back() {
    let api = Api::start().await;
    let (customer, tokens) = registered(&api).await;
    let erased = erase_me(&api, customer).await.is(200);
    assert_eq!(erased["status"], "erased");
    assert_erased(&api, customer, &tokens, "at once").await;
    // Once more is answered as before.
    let again = erase_me(&api, customer).await.is(200);
    assert_eq!(again["position"], erased["position"]);
    assert_erased(&api, customer, &tokens, "again").await;

    let (anew, _) = registered(&api).await;
    assert_ne!(anew, customer);
    sign_in(&api).await.is(201);
}

#[tokio::test]
async fn an_administrator_erases_and_says_why() {
    let api = Api::start().await;
    let (customer, tokens) = registered(&api).await;
    let path = format!("/v1/customers/{customer}");
    let admin = api.token(Role::Admin, Uuid::from_u128(9));
    let why = json!({"reason": "asked by letter"});
    for role in [Role::Customer, Role::Organizer, Role::Auditor] {
        let token = api.token(role, customer);
        delete(&api, &token, &path, why.clone())
            .await
            .refused(403, "forbidden");
    }
    delete(&api, &admin, &path, json!({"reason": " "}))
        .await
        .refused(422, "invalid_field");
    let stranger = format!("/v1/customers/{}", Uuid::now_v7());
    delete(&api, &admin, &stranger, why.clone())
        .await
        .refused(404, "not_found");
    assert_eq!(api.count("OperatorActed").await, 0);
    delete(&api, &admin, &path, why).await.is(200);
    assert_eq!(api.count("OperatorActed").await, 1);
    assert_erased(&api, customer, &tokens, "by an administrator").await;
}

#[tokio::test]
async fn a_customer_who_never_registered_can_not_be_erased() {
    let api = Api::start().await;
    erase_me(&api, Uuid::from_u128(5))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn the_manager_finishes_what_a_crash_left() {
    for at in [
        "erasure.recorded",
        "erasure.key_destroyed",
        "erasure.destroyed",
    ] {
        let (failpoints, reached) = stop_once(at);
        let api = Api::with(failpoints).await;
        let (customer, tokens) = registered(&api).await;
        tokio::select! {
            reply = erase_me(&api, customer) => panic!("not stopped: {reply:?}"),
            () = reached.notified() => {}
        }
        let api = api.restart().await;
        assert_eq!(api.count("PersonalDataDestroyed").await, 0, "{at}");
        api.advance(10);
        api.manage();
        api.until("PersonalDataDestroyed", 1).await;
        assert_erased(&api, customer, &tokens, at).await;
    }
}

#[tokio::test]
async fn a_repeat_finishes_what_a_crash_left() {
    for at in [
        "erasure.recorded",
        "erasure.key_destroyed",
        "erasure.destroyed",
    ] {
        let (failpoints, reached) = stop_once(at);
        let api = Api::with(failpoints).await;
        let (customer, tokens) = registered(&api).await;
        tokio::select! {
            reply = erase_me(&api, customer) => panic!("not stopped: {reply:?}"),
            () = reached.notified() => {}
        }
        erase_me(&api, customer).await.is(200);
        assert_erased(&api, customer, &tokens, at).await;
    }
}
