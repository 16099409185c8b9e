//! The router over a log in a file, a clock that is moved by hand, and process managers that start when a test wants them.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use chrono::{TimeDelta, TimeZone, Utc};
use domain::payment::Payment;
use edge::auth::{Principal, Role, Signer, Verifier};
use event_store::{
    Clock, Committer, EventLog, clock::ManualClock, executor::Config, leases::InProcessLeases, log,
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;
use uuid::Uuid;

use super::faulty_log::{Faults, FaultyLog};
use super::fixtures::{customer_id, show, text, venue};
use crate::{
    AppState, Core, Deps, Executors, Settings,
    commands::HmacFingerprints,
    credentials,
    drops::{Beacons, Drops},
    failpoints::Failpoints,
    identity::{self, Identity},
    key_store::{self, HmacPurpose},
    notifications::{SqliteLedger, email::Mailer, webhook::Caller},
    passwords::{self, Passwords},
    payment_provider::PaymentProviders,
    process_managers,
    reservations::Reservations,
    routes::Streams,
    taken_seats::TakenSeats,
    testing::{Folder, notifications, refusals},
    waiting_room::{InProcessWaitingRoom, Rooms, Tickets, WaitingRoom},
};

/// Longest wait for something that must happen.
pub(super) const BOUND: Duration = Duration::from_secs(10);

/// What was answered.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Reply {
    /// Asserts the status and answers with the body.
    #[track_caller]
    pub(super) fn is(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        self.body
    }

    /// Asserts a refusal and answers with the problem.
    #[track_caller]
    pub(super) fn refused(self, status: u16, code: &str) -> Value {
        let content_type = &self.headers["content-type"];
        assert_eq!(content_type, "application/problem+json", "{:#}", self.body);
        let body = self.is(status);
        assert_eq!(body["code"], code, "{body:#}");
        let row = format!("| `{code}` | {status} |");
        let documented = include_str!("../../../docs/errors.md").contains(&row);
        assert!(documented, "docs/errors.md has no row {row}");
        body
    }
}

/// A running command API.
pub(super) struct Api {
    pub(super) state: AppState,
    pub(super) clock: Arc<ManualClock>,
    router: Router,
    signer: Arc<Signer>,
    folder: Arc<Folder>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    /// Which beacons the process managers ask.
    pub(super) beacons: Beacons,
}

impl Api {
    pub(super) async fn start() -> Self {
        Self::with(Failpoints::default()).await
    }

    pub(super) async fn with(failpoints: Failpoints) -> Self {
        Self::new(Faults::default(), failpoints, Settings::default().deadline).await
    }

    /// Where the log fails as told, and a request's deadline is soon.
    pub(super) async fn failing(faults: Faults, deadline: Duration) -> Self {
        Self::new(faults, Failpoints::default(), deadline).await
    }

    pub(super) async fn new(faults: Faults, failpoints: Failpoints, deadline: Duration) -> Self {
        let begin = Utc.with_ymd_and_hms(2026, 6, 1, 12, 0, 0).unwrap();
        let clock = Arc::new(ManualClock::new(begin));
        let settings = Settings {
            poll: Duration::from_millis(20),
            deadline,
        };
        Self::open(
            Arc::new(Folder::new()),
            clock,
            faults,
            failpoints,
            settings,
            None,
        )
        .await
    }

    /// With this store of waiting rooms.
    pub(super) async fn with_waiting_room(store: Arc<dyn WaitingRoom>) -> Self {
        let begin = Utc.with_ymd_and_hms(2026, 6, 1, 12, 0, 0).unwrap();
        let clock = Arc::new(ManualClock::new(begin));
        let settings = Settings {
            poll: Duration::from_millis(20),
            ..Settings::default()
        };
        let (faults, failpoints) = (Faults::default(), Failpoints::default());
        let folder = Arc::new(Folder::new());
        Self::open(folder, clock, faults, failpoints, settings, Some(store)).await
    }

    async fn open(
        folder: Arc<Folder>,
        clock: Arc<ManualClock>,
        faults: Faults,
        failpoints: Failpoints,
        settings: Settings,
        store: Option<Arc<dyn WaitingRoom>>,
    ) -> Self {
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        let url = |name: &str| format!("sqlite:{}", folder.path(name).display());
        let log = log::open(&url("log.db")).await.unwrap();
        let log: Arc<dyn EventLog> = Arc::new(FaultyLog::new(log, faults));
        let keys = key_store::open(&url("keys.db")).await.unwrap();
        let credentials = credentials::open(&url("log.db")).await.unwrap();
        let ledger = SqliteLedger::open(&folder.path("log.db")).await.unwrap();
        let signer = Arc::new(Signer::open(&folder.path("")).unwrap());
        let port: Arc<dyn Clock> = clock.clone();
        let now = {
            let clock = clock.clone();
            Arc::new(move || clock.now())
        };
        let committer = Committer::start(log.clone(), &tasks, shutdown.clone());
        let executors = Executors::new(
            &log,
            &committer,
            &port,
            &Config::default(),
            &tasks,
            &shutdown,
        );
        let secret = keys.hmac_key(HmacPurpose::Fingerprint).await.unwrap();
        let passwords = Passwords::new(&passwords::Settings::cheap()).unwrap();
        let tokens = identity::Settings::default();
        let identity = Identity::new(keys, credentials, passwords, signer.clone(), tokens).await;
        let core = Core {
            log: log.clone(),
            clock: port,
            payment_providers: PaymentProviders::points(&executors, &log),
            executors,
            failpoints,
            settings,
        };
        let store = store.unwrap_or_else(|| Arc::new(InProcessWaitingRoom::default()));
        let identity = identity.unwrap();
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
            fingerprints: Arc::new(HmacFingerprints::new(secret.expose())),
            verifier,
            identity: Arc::new(identity),
            reservations: Reservations::new(log.clone()),
            taken_seats: TakenSeats::new(log),
            notifications: notifications(ledger, &shutdown),
        });
        let router = crate::router(state.clone());
        Self {
            state,
            clock,
            router,
            signer,
            folder,
            tasks,
            shutdown,
            beacons: Beacons::default(),
        }
    }

    /// Stops, and starts anew on the same files: nothing kept in memory survives.
    pub(super) async fn restart(self) -> Self {
        self.shutdown.cancel();
        self.tasks.close();
        timeout(BOUND, self.tasks.wait()).await.unwrap();
        self.state.log.close().await;
        let (folder, clock) = (self.folder.clone(), self.clock.clone());
        let settings = Settings {
            poll: self.state.settings.poll,
            ..Settings::default()
        };
        // As a process that is gone: its connections, and what they were cut off in, go with it.
        drop(self);
        Self::open(
            folder,
            clock,
            Faults::default(),
            Failpoints::default(),
            settings,
            None,
        )
        .await
    }

    /// Starts the process managers.
    pub(super) fn manage(&self) {
        self.manage_with(None);
    }

    /// The same, with a way to send mail.
    pub(super) fn manage_with(&self, mailer: Option<Mailer>) {
        let notifications = &self.state.notifications;
        let deps = process_managers::Deps {
            notifications: process_managers::notifications::Deps {
                ledger: notifications.feed.shared_ledger(),
                mailer,
                caller: Caller::new(notifications.reach.clone(), Duration::from_secs(2)),
            },
            core: self.state.core.clone(),
            keys: self.state.identity.keys.clone(),
            credentials: self.state.identity.credentials.clone(),
            rooms: self.state.rooms.clone(),
            beacons: self.beacons.clone(),
            leases: Arc::new(InProcessLeases::default()),
            holder: Uuid::now_v7(),
        };
        self.tasks
            .spawn(process_managers::run(deps, self.shutdown.clone()));
    }

    pub(super) fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    pub(super) fn token(&self, role: Role, id: Uuid) -> String {
        let day = Duration::from_hours(24);
        self.signer
            .issue(Principal { id, role }, self.clock.now(), day)
    }

    pub(super) fn organizer(&self) -> String {
        self.token(Role::Organizer, Uuid::from_u128(1))
    }

    /// A customer of that number.
    pub(super) fn customer(&self, number: u128) -> String {
        self.token(Role::Customer, customer_id(number))
    }

    pub(super) async fn post(&self, token: &str, path: &str, body: Value) -> Reply {
        self.send(token, path, None, body).await
    }

    pub(super) async fn keyed(&self, token: &str, path: &str, key: &str, body: Value) -> Reply {
        self.send(token, path, Some(key), body).await
    }

    async fn send(&self, token: &str, path: &str, key: Option<&str>, body: Value) -> Reply {
        let mut request = Request::post(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.answer(request.body(body.to_string().into()).unwrap())
            .await
    }

    /// The answer with its body still to come.
    pub(super) async fn respond(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(super) async fn answer(&self, request: Request<Body>) -> Reply {
        let response = self.respond(request).await;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    /// A venue with seats `A-1` to `A-6`, `B-1` to `B-6` and ten standing places; answers its id.
    pub(super) async fn venue(&self) -> String {
        let reply = self.post(&self.organizer(), "/v1/venues", venue()).await;
        text(&reply.is(201), "venue_id")
    }

    pub(super) async fn concert(&self) -> String {
        let body = json!({"title": "Night", "artist": "The Band"});
        text(
            &self
                .post(&self.organizer(), "/v1/concerts", body)
                .await
                .is(201),
            "concert_id",
        )
    }

    /// A show on sale; answers its id.
    pub(super) async fn show(&self) -> String {
        let body = show(&self.venue().await, &self.concert().await);
        text(
            &self
                .post(&self.organizer(), "/v1/shows", body)
                .await
                .is(201),
            "show_id",
        )
    }

    pub(super) async fn charge(&self, customer: u128, amount: i64) {
        let body = json!({"amount": amount});
        self.post(&self.customer(customer), "/v1/points/charges", body)
            .await
            .is(201);
    }

    /// Holds seats for a customer; answers the reservation's id.
    pub(super) async fn hold(&self, customer: u128, show: &str, seats: &[&str]) -> String {
        let body = json!({"show_id": show, "seats": seats});
        let reply = self
            .post(&self.customer(customer), "/v1/reservations", body)
            .await;
        text(&reply.is(201), "reservation_id")
    }

    pub(super) async fn pay(&self, customer: u128, reservation: &str, key: &str) -> Reply {
        let body = json!({"reservation_id": reservation, "method": "points"});
        self.keyed(&self.customer(customer), "/v1/payments", key, body)
            .await
    }

    /// Charges, holds and pays; answers the reservation's and the payment's id.
    pub(super) async fn sell(
        &self,
        customer: u128,
        show: &str,
        seats: &[&str],
    ) -> (String, String) {
        self.charge(customer, 1_000).await;
        let reservation = self.hold(customer, show, seats).await;
        let paid = self
            .pay(customer, &reservation, &format!("sell {reservation}"))
            .await
            .is(201);
        (reservation, text(&paid, "payment_id"))
    }

    pub(super) async fn balance(&self, customer: u128) -> i64 {
        let id = customer_id(customer).to_string();
        self.state
            .executors
            .accounts
            .read(&id, |account, _, _| account.balance)
            .await
            .unwrap()
    }

    pub(super) async fn payment(&self, id: &str) -> Payment {
        self.state
            .executors
            .payments
            .read(id, |payment, _, _| payment.clone())
            .await
            .unwrap()
    }

    /// The names of all events in the log, in order, without those of `skipped` aggregates.
    pub(super) async fn events(&self, skipped: &[&str]) -> Vec<String> {
        let events = self
            .state
            .log
            .read_all(event_store::Position(0), 10_000)
            .await
            .unwrap();
        let wanted = events
            .into_iter()
            .filter(|e| !skipped.contains(&&*e.stream.aggregate_type));
        wanted.map(|event| event.event_type).collect()
    }

    /// How often an event of this name was recorded.
    pub(super) async fn count(&self, name: &str) -> usize {
        self.events(&[])
            .await
            .iter()
            .filter(|event| *event == name)
            .count()
    }

    /// The payment that holds the claim of a reservation.
    pub(super) async fn live_payment(&self, reservation: &str) -> Option<String> {
        let claim = self
            .state
            .log
            .claim("live_payment", reservation)
            .await
            .unwrap();
        claim.map(|stream| stream.aggregate_id.to_string())
    }

    /// Waits until `name` was recorded `times` times, for [`BOUND`] at most.
    pub(super) async fn until(&self, name: &str, times: usize) {
        self.until_all(|events| {
            let count = events.iter().filter(|event| *event == name).count();
            assert!(count <= times, "{count} of {name}");
            count == times
        })
        .await;
    }

    /// Waits until the names of all events are as wanted, for [`BOUND`] at most.
    pub(super) async fn until_all(&self, wanted: impl Fn(&[String]) -> bool) {
        let mut head = self.state.log.head_changes();
        let end = Instant::now() + BOUND;
        loop {
            head.mark_unchanged();
            let events = self.events(&[]).await;
            if wanted(&events) {
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            let changed = timeout(left, head.changed()).await;
            assert!(changed.is_ok(), "not before the bound: {events:?}");
        }
    }
}
