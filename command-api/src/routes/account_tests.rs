//! Accounts over the real stores: registering, signing in, refreshing, signing out, sweeping.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use chrono::{DateTime, TimeDelta};
use domain::customer::event::Ciphertext;
use edge::auth::{Principal, Role, Signer, Verifier};
use event_store::{
    Clock, Committer, EventLog, Position,
    clock::ManualClock,
    executor::Config,
    log::sqlite::{Options, SqliteEventLog},
};
use futures::future::join_all;
use serde_json::{Value, json};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;
use uuid::Uuid;

use crate::{
    AppState, Deps, Executors, Settings,
    commands::HmacFingerprints,
    credentials::SqliteCredentials,
    failpoints::Failpoints,
    identity::{self, Identity, sweep::sweep},
    key_store::SqliteKeyStore,
    passwords::{self, Passwords},
    personal_data::{Field, decrypt},
    reservations::Reservations,
    testing::Folder,
};

struct App {
    folder: Folder,
    state: AppState,
    router: Router,
    clock: Arc<ManualClock>,
}

impl App {
    async fn new() -> Self {
        Self::with_passwords(passwords::Settings::cheap()).await
    }

    async fn with_passwords(cost: passwords::Settings) -> Self {
        let folder = Folder::new();
        let clock = Arc::new(ManualClock::new(
            DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        ));
        let log: Arc<dyn EventLog> = Arc::new(
            SqliteEventLog::open(&folder.path("log.db"), Options::default())
                .await
                .unwrap(),
        );
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        let committer = Committer::start(log.clone(), &tasks, shutdown.clone());
        let time: Arc<dyn Clock> = clock.clone();
        let executors = Executors::new(
            &log,
            &committer,
            &time,
            &Config::default(),
            &tasks,
            &shutdown,
        );
        let signer = Arc::new(Signer::open(&folder.path("keys")).unwrap());
        let now = {
            let time = time.clone();
            Arc::new(move || time.now())
        };
        let identity = Identity::new(
            Arc::new(SqliteKeyStore::open(&folder.path("keys.db")).await.unwrap()),
            Arc::new(
                SqliteCredentials::open(&folder.path("log.db"))
                    .await
                    .unwrap(),
            ),
            Passwords::new(&cost).unwrap(),
            signer.clone(),
            identity::Settings::default(),
        );
        let state = AppState::new(Deps {
            log: log.clone(),
            clock: time,
            executors,
            fingerprints: Arc::new(HmacFingerprints::new(&[7; 32])),
            verifier: Arc::new(Verifier::new([signer.public_key()], now)),
            identity: Arc::new(identity.await.unwrap()),
            reservations: Reservations::new(log),
            failpoints: Failpoints::default(),
            settings: Settings::default(),
        });
        let router = crate::router(state.clone());
        Self {
            folder,
            state,
            router,
            clock,
        }
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 65_536)
            .await
            .unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.send(post(path, None, &body)).await
    }

    async fn register(
        &self,
        key: Option<&str>,
        email: &str,
        password: &str,
    ) -> (StatusCode, Value) {
        let body = json!({"email": email, "password": password, "name": "Anna"});
        self.send(post("/v1/customers", key, &body)).await
    }

    async fn sign_in(&self, email: &str, password: &str) -> (StatusCode, Value) {
        self.post(
            "/v1/sessions",
            json!({"email": email, "password": password}),
        )
        .await
    }

    async fn refresh(&self, tokens: &Value) -> (StatusCode, Value) {
        self.post(
            "/v1/sessions/refresh",
            json!({"refresh_token": tokens["refresh_token"]}),
        )
        .await
    }

    async fn sign_out(&self, token: &str) -> (StatusCode, Value) {
        let request = Request::delete("/v1/sessions/current")
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn events(&self) -> usize {
        self.state
            .log
            .read_all(Position(0), 1_000)
            .await
            .unwrap()
            .len()
    }

    async fn pending(&self) -> (usize, usize) {
        let later = self.clock.now() + TimeDelta::days(1);
        let keys = self
            .state
            .identity
            .keys
            .pending_keys(later, 1_000)
            .await
            .unwrap();
        let passwords = self
            .state
            .identity
            .credentials
            .pending_passwords(later, 1_000)
            .await
            .unwrap();
        (keys.len(), passwords.len())
    }
}

fn post(path: &str, key: Option<&str>, body: &Value) -> Request<Body> {
    let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    request.body(Body::from(body.to_string())).unwrap()
}

const SECRET: &str = "correct horse";

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
    let answers = join_all((0..4).map(|_| app.sign_in("anna@example.org", SECRET))).await;
    let codes: Vec<_> = answers
        .iter()
        .map(|(status, body)| (status.as_u16(), body["code"].as_str().unwrap()))
        .collect();
    assert!(codes.contains(&(401, "invalid_credentials")), "{codes:?}");
    assert!(codes.contains(&(503, "overloaded")), "{codes:?}");
    assert!(
        answers
            .iter()
            .any(|(_, body)| body["retry_after_ms"].is_number())
    );
}

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

#[tokio::test]
async fn the_sweep_keeps_customers_and_clears_the_rest_away() {
    let app = App::new().await;
    let (_, registered) = app.register(None, "anna@example.org", SECRET).await;
    let customer: Uuid = registered["customer_id"].as_str().unwrap().parse().unwrap();
    let identity = &app.state.identity;
    // A registration that was cut short before its event, more often than one batch of the sweep holds.
    let leftovers: Vec<_> = (0..120).map(|_| Uuid::now_v7()).collect();
    for leftover in &leftovers {
        identity
            .keys
            .create_key(*leftover, app.clock.now())
            .await
            .unwrap();
        identity
            .credentials
            .put_password(*leftover, "$x", app.clock.now())
            .await
            .unwrap();
    }
    let run = || sweep(identity, &*app.state.log, app.clock.now());

    app.clock.advance(TimeDelta::hours(23));
    run().await.unwrap();
    assert_eq!(
        app.pending().await,
        (121, 121),
        "a registration may still be under way"
    );
    app.clock.advance(TimeDelta::hours(2));
    let (_, tokens) = app.sign_in("anna@example.org", SECRET).await;
    run().await.unwrap();
    assert_eq!(app.pending().await, (0, 0));
    assert!(identity.keys.key(customer).await.unwrap().is_some());
    assert_eq!(
        app.sign_in("anna@example.org", SECRET).await.0,
        StatusCode::CREATED
    );
    for leftover in leftovers {
        assert!(identity.keys.key(leftover).await.unwrap().is_none());
        assert!(
            identity
                .credentials
                .password(leftover)
                .await
                .unwrap()
                .is_none()
        );
    }
    assert_eq!(
        app.refresh(&tokens).await.0,
        StatusCode::CREATED,
        "a live session stays"
    );
    drop(app.folder);
}
