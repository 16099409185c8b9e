//! Accounts over the real stores.

mod registration;
mod sessions;
mod sweep;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use chrono::{DateTime, TimeDelta};
use edge::auth::{Signer, Verifier};
use event_store::{
    Clock, Committer, EventLog, Position,
    clock::ManualClock,
    executor::Config,
    log::sqlite::{Options, SqliteEventLog},
};
use serde_json::{Value, json};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use crate::{
    AppState, Core, Deps, Executors, Settings,
    commands::HmacFingerprints,
    credentials::SqliteCredentials,
    drops::Drops,
    failpoints::Failpoints,
    identity::{self, Identity},
    key_store::SqliteKeyStore,
    notifications::SqliteLedger,
    passwords::{self, Passwords},
    payment_provider::PaymentProviders,
    reservations::Reservations,
    routes::Streams,
    taken_seats::TakenSeats,
    testing::{Folder, notifications, refusals},
    waiting_room::{InProcessWaitingRoom, Rooms, Tickets},
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
        let log = SqliteEventLog::open(&folder.path("log.db"), Options::default()).await;
        let log: Arc<dyn EventLog> = Arc::new(log.unwrap());
        let ledger = SqliteLedger::open(&folder.path("log.db")).await.unwrap();
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
        let credentials = SqliteCredentials::open(&folder.path("log.db")).await;
        let identity = Identity::new(
            Arc::new(SqliteKeyStore::open(&folder.path("keys.db")).await.unwrap()),
            Arc::new(credentials.unwrap()),
            Passwords::new(&cost).unwrap(),
            signer.clone(),
            identity::Settings::default(),
        );
        let core = Core {
            log: log.clone(),
            clock: time,
            payment_providers: PaymentProviders::points(&executors, &log),
            executors,
            failpoints: Failpoints::default(),
            settings: Settings::default(),
        };
        let identity = identity.await.unwrap();
        let store = Arc::new(InProcessWaitingRoom::default());
        let rooms = Rooms::new(core.clone(), identity.keys.clone(), store);
        let verifier = Arc::new(Verifier::new([signer.public_key()], now));
        let tickets = Tickets::new(signer.clone(), verifier.clone());
        let secrets = identity.keys.clone();
        let refusals = refusals(&folder.path("log.db"), &core.clock, &tasks, &shutdown).await;
        let state = AppState::new(Deps {
            refusals,
            drops: Drops::new(core.clone(), secrets, tickets.clone(), tasks.clone()),
            core,
            rooms,
            tickets,
            streams: Streams::until(shutdown.clone()),
            fingerprints: Arc::new(HmacFingerprints::new(&[7; 32])),
            verifier,
            identity: Arc::new(identity),
            reservations: Reservations::new(log.clone()),
            taken_seats: TakenSeats::new(log),
            notifications: notifications(ledger, &shutdown),
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
