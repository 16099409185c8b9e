//! A small world with a bit of everything, made by the command API itself, and copies of it to break.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use chrono::{DateTime, TimeDelta};
use command_api::{
    AppState, Core, Deps as CommandDeps, Executors, Notifications, Settings,
    commands::{HmacFingerprints, Origin, step_id},
    credentials::SqliteCredentials,
    drops::{Beacons, Drops, drive},
    failpoints::Failpoints,
    identity::{self, Identity},
    key_store::SqliteKeyStore,
    notifications::{Feed, SqliteLedger},
    operations::{self, Act},
    passwords::{self, Passwords},
    payment_provider::PaymentProviders,
    process_managers::checkout::Checkout,
    refusals::RefusedCommands,
    reservations::Reservations,
    routes::Streams,
    taken_seats::TakenSeats,
    waiting_room::{InProcessWaitingRoom, Rooms, Tickets},
};
use domain::{
    ids::{PaymentId, ShowId},
    operation::acts,
    payment,
    show::{self, Selection},
    waiting_room::{self, Entrant},
};
use edge::auth::{Principal, Role, Signer, Verifier};
use event_store::{
    Clock, Committer, EventLog, Position,
    clock::ManualClock,
    commands::Fingerprint,
    executor::{Config, Request as Asked},
    log::{SqliteEventLog, sqlite},
    refusals::{Recorder, Refusals, SqliteRefusals},
};
use projections::Fold;
use read_model::{Access, Checkpoint, ProjectionId, ReadModel, SqliteReadModel, Write};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;
use uuid::Uuid;

use crate::verify::{Deps, Error, Options, Report, verify};

/// A folder that goes away with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("frontrow-audit-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What customers are told, beside the log.
    async fn notifications(&self, shutdown: &CancellationToken) -> Notifications {
        let ledger = SqliteLedger::open(&self.path("log.db")).await.unwrap();
        Notifications {
            feed: Feed::new(Arc::new(ledger), shutdown.clone()),
            reach: Arc::default(),
        }
    }

    /// A copy of the log and the read model, whoever may still have them open.
    pub(crate) async fn copy(&self) -> Self {
        let copy = Self::new();
        for file in ["log.db", "read-model.db"] {
            let into = copy.path(file);
            self.run_sql(file, &format!("VACUUM INTO '{}'", into.display()))
                .await;
        }
        copy
    }

    /// Runs SQL on one of the files, as an administrator could.
    pub(crate) async fn run_sql(&self, file: &str, statement: &str) -> u64 {
        let mut connection = SqliteConnectOptions::new()
            .filename(self.path(file))
            .connect()
            .await
            .unwrap();
        let done = sqlx::raw_sql(statement).execute(&mut connection).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"))
            .rows_affected()
    }

    pub(crate) async fn log(&self) -> Arc<dyn EventLog> {
        Arc::new(
            SqliteEventLog::open(&self.path("log.db"), sqlite::Options::default())
                .await
                .unwrap(),
        )
    }

    pub(crate) async fn refusals(&self) -> Arc<dyn Refusals> {
        let opened = SqliteRefusals::open(&self.path("log.db")).await;
        Arc::new(opened.unwrap())
    }

    pub(crate) async fn read_model(&self) -> Arc<dyn ReadModel> {
        let path = self.path("read-model.db");
        Arc::new(
            SqliteReadModel::open(path.to_str().unwrap(), Access::ReadWrite)
                .await
                .unwrap(),
        )
    }

    /// Makes the read model anew from the log, whatever that says.
    pub(crate) async fn fold_anew(&self) {
        for file in ["read-model.db", "read-model.db-wal", "read-model.db-shm"] {
            let _ = std::fs::remove_file(self.path(file));
        }
        let log = self.log().await;
        project(&*log, &*self.read_model().await).await;
        log.close().await;
    }

    pub(crate) async fn verify(&self) -> Result<Report, Error> {
        let deps = Deps {
            log: self.log().await,
            read_model: Some(self.read_model().await),
            partition_of: None,
            bus: None,
        };
        let report = verify(&deps, &options(), |_| {}).await;
        deps.log.close().await;
        report
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const START: i64 = 1_800_000_000;

pub(crate) fn options() -> Options {
    Options::at(DateTime::from_timestamp(START + 1_000, 0).unwrap())
}

/// A running command API.
pub(crate) struct World {
    pub(crate) folder: Folder,
    pub(crate) state: AppState,
    router: Router,
    clock: Arc<ManualClock>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

async fn refused_commands(
    folder: &Folder,
    core: &Core,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> RefusedCommands {
    let (recorder, keeper) = Recorder::new(folder.refusals().await, shutdown.clone());
    tasks.spawn(keeper);
    RefusedCommands::new(recorder, core.clock.clone())
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = Folder::new();
        let clock = Arc::new(ManualClock::new(
            DateTime::from_timestamp(START, 0).unwrap(),
        ));
        let log = folder.log().await;
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
            Passwords::new(&passwords::Settings::cheap()).unwrap(),
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
        let refusals = refused_commands(&folder, &core, &tasks, &shutdown).await;
        let state = AppState::new(CommandDeps {
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
            notifications: folder.notifications(&shutdown).await,
            refusals,
        });
        let router = command_api::router(state.clone());
        tasks.close();
        Self {
            folder,
            state,
            router,
            clock,
            tasks,
            shutdown,
        }
    }

    /// Posts as a customer (by number) or, with 0, as the organizer. The body must be accepted.
    pub(crate) async fn post(&self, who: u128, path: &str, body: Value) -> Value {
        let (status, answer) = self.try_post(who, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    pub(crate) async fn try_post(&self, who: u128, path: &str, body: Value) -> (u16, Value) {
        let role = if who == 0 {
            Role::Organizer
        } else {
            Role::Customer
        };
        let principal = Principal {
            id: Uuid::from_u128(who),
            role,
        };
        let day = std::time::Duration::from_hours(24);
        let token = self
            .state
            .identity
            .signer
            .issue(principal, self.clock.now(), day);
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    pub(crate) async fn schedule(&self) -> String {
        self.schedule_with(None).await
    }

    async fn schedule_with(&self, waiting_room: Option<Value>) -> String {
        let seat = |row: u32, number: u32| {
            json!({"seat_guid": format!("{row}-{number}"), "seat_number": number.to_string(), "category": "Stalls",
                "position": {"x": number * 20, "y": 0}})
        };
        let rows: Vec<_> = (1..=2)
            .map(|row| {
                let seats: Vec<_> = (1..=8).map(|number| seat(row, number)).collect();
                json!({"row_number": row.to_string(), "position": {"x": 0, "y": row * 20}, "seats": seats})
            })
            .collect();
        let plan = json!({"name": "Club", "categories": [{"name": "Stalls", "color": "#fff"}],
            "size": {"width": 300, "height": 100},
            "zones": [{"name": "Floor", "position": {"x": 0, "y": 0}, "rows": rows}]});
        let standing = json!([{"name": "Pit", "category": "Standing", "capacity": 4}]);
        let venue = json!({"name": "Club", "seating_plan": plan, "standing": standing});
        let venue = self.post(0, "/v1/venues", venue).await;
        let concert = json!({"title": "Night", "artist": "Band", "description": "Loud"});
        let concert = self.post(0, "/v1/concerts", concert).await;
        let mut show = json!({"concert_id": concert["concert_id"], "venue_id": venue["venue_id"],
            "starts_at": "2030-01-01T20:00:00Z", "on_sale_at": "2020-01-01T00:00:00Z",
            "prices": {"Stalls": 100, "Standing": 30}});
        show["waiting_room"] = waiting_room.into();
        let show = self.post(0, "/v1/shows", show).await;
        show["show_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn hold(&self, who: u128, show: &str, seats: &[&str]) -> String {
        let held = self
            .post(
                who,
                "/v1/reservations",
                json!({"show_id": show, "seats": seats}),
            )
            .await;
        held["reservation_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn pay(&self, who: u128, reservation: &str) -> String {
        let body = json!({"reservation_id": reservation, "method": "points"});
        let paid = self.post(who, "/v1/payments", body).await;
        paid["payment_id"].as_str().unwrap().to_owned()
    }

    /// Begins a payment and leaves it where a crash would.
    pub(crate) async fn begin_payment(
        &self,
        who: u128,
        show: &str,
        reservation: &str,
    ) -> PaymentId {
        let id = PaymentId(Uuid::now_v7());
        let command = payment::Command::Request {
            reservation_id: reservation.parse().unwrap(),
            show_id: show.parse().unwrap(),
            customer_id: Uuid::from_u128(who).into(),
            organizer_id: Uuid::nil().into(),
            amount: 100,
            method: payment::METHOD.to_owned(),
        };
        let mut request = Asked::new(step_id(id.0, "request"), command);
        request.fingerprint = Fingerprint(vec![1]);
        request.metadata = Origin::manager("test", id.0).metadata();
        self.state
            .executors
            .payments
            .execute(&id.to_string(), request)
            .await
            .unwrap();
        id
    }

    /// Somebody operates the system.
    async fn act(&self) {
        let act = Act {
            act: acts::DURABILITY_SINGLE,
            subject: "log".to_owned(),
            arguments: BTreeMap::new(),
            actor: "root@box".to_owned(),
            reason: "no standby yet".to_owned(),
        };
        operations::record(&self.state.executors.operations, act)
            .await
            .unwrap();
    }

    /// A bit of everything; ends everything and leaves the files.
    pub(crate) async fn play(self) -> Folder {
        let customer =
            json!({"email": "anna@example.org", "password": "correct horse", "name": "Anna"});
        self.post(1, "/v1/customers", customer).await;
        let show = self.schedule().await;
        for who in 1..=5 {
            self.post(who, "/v1/points/charges", json!({"amount": 1_000}))
                .await;
        }
        self.act().await;
        // Sold; sold and refunded; standing, extended and sold.
        let sold = self.hold(1, &show, &["1-1", "1-2"]).await;
        self.pay(1, &sold).await;
        let refunded = self.hold(2, &show, &["1-3"]).await;
        let payment = self.pay(2, &refunded).await;
        self.post(
            0,
            &format!("/v1/payments/{payment}/refund"),
            json!({"reason": "kind"}),
        )
        .await;
        self.refuse(&show, &sold, &payment).await;
        let standing =
            json!({"show_id": show, "standing": {"category": "Standing", "quantity": 3}});
        let standing = self.post(3, "/v1/reservations", standing).await;
        let standing = standing["reservation_id"].as_str().unwrap().to_owned();
        self.post(3, &format!("/v1/reservations/{standing}/extend"), json!({}))
            .await;
        self.pay(3, &standing).await;
        // A payment that fails after its debit: the reservation is given back meanwhile.
        let lost = self.hold(4, &show, &["1-4"]).await;
        let failed = self.begin_payment(4, &show, &lost).await;
        self.post(4, &format!("/v1/reservations/{lost}/cancel"), json!({}))
            .await;
        Checkout::of_manager(&self.state, failed)
            .drive()
            .await
            .unwrap();
        // A hold that runs out, and one that is bought after it ran out.
        self.hold(5, &show, &["2-1"]).await;
        let late = self.hold(5, &show, &["2-2"]).await;
        self.clock.advance(TimeDelta::seconds(400));
        self.pay(5, &late).await;
        // House seats; a hold that is live; a payment that is under way.
        self.post(
            0,
            &format!("/v1/shows/{show}/blocks"),
            json!({"seats": ["2-7", "2-8"], "reason": "view"}),
        )
        .await;
        self.post(
            0,
            &format!("/v1/shows/{show}/blocks/release"),
            json!({"seats": ["2-8"], "reason": "view"}),
        )
        .await;
        let live = self.hold(4, &show, &["2-3"]).await;
        self.begin_payment(4, &show, &live).await;
        self.play_waiting_room().await;
        self.play_drops().await;
        // A show that is cancelled, with a hold and a sale to be wound up.
        let cancelled = self.schedule().await;
        let sold = self.hold(1, &cancelled, &["1-1"]).await;
        self.pay(1, &sold).await;
        self.hold(2, &cancelled, &["1-2"]).await;
        self.post(
            0,
            &format!("/v1/shows/{cancelled}/cancel"),
            json!({"reason": "rain"}),
        )
        .await;
        self.project().await;
        self.end().await
    }

    /// What changes nothing: a sold seat is asked for, alone and beside a free one; what is paid is extended and paid, what is refunded
    /// refunded; a seat that there is not.
    async fn refuse(&self, show: &str, sold: &str, refunded: &str) {
        let hold = |seats: &[&str]| json!({"show_id": show, "seats": seats});
        let pay = json!({"reservation_id": sold, "method": "points"});
        let extend = format!("/v1/reservations/{sold}/extend");
        let refund = format!("/v1/payments/{refunded}/refund");
        for (who, path, body, code) in [
            (3, "/v1/reservations", hold(&["1-1"]), "seats_unavailable"),
            (
                3,
                "/v1/reservations",
                hold(&["2-5", "1-1"]),
                "seats_unavailable",
            ),
            (1, &*extend, json!({}), "already_confirmed"),
            (1, "/v1/payments", pay, "already_paid"),
            (0, &*refund, json!({"reason": "kind"}), "already_refunded"),
            (3, "/v1/reservations", hold(&["9-9"]), "unknown_seats"),
        ] {
            let (_, refused) = self.try_post(who, path, body).await;
            assert_eq!(refused["code"], code, "{path}: {refused}");
        }
    }

    /// Two are let in; one of them holds, the pass of the other runs out; then the room is paused.
    async fn play_waiting_room(&self) {
        let room = json!({"admit_per_second": 10, "max_active": 10, "pass_seconds": 60});
        let show = self.schedule_with(Some(room)).await;
        let id: ShowId = show.parse().unwrap();
        let entrant = |number: u64| Entrant {
            number,
            entry_id: Uuid::from_u128(u128::from(number) + 0x900).into(),
            customer_id: Uuid::from_u128(number.into()).into(),
        };
        let (one, other) = (entrant(1), entrant(2));
        let rooms = &self.state.rooms;
        let record = async |command| rooms.record(id, command).await.unwrap();
        let entrants = vec![one, other];
        record(waiting_room::Command::Admit { entrants }).await;
        let hold = show::Command::Hold {
            reservation_id: Uuid::now_v7().into(),
            customer_id: one.customer_id,
            selection: Selection::Seats(vec!["1-1".to_owned()]),
            pass: Some(one.entry_id),
        };
        let shows = &self.state.executors.shows;
        let mut request = Asked::new(Uuid::now_v7(), hold);
        request.metadata = Origin::manager("test", id.0).metadata();
        shows.execute(&show, request).await.unwrap();
        self.clock.advance(TimeDelta::seconds(60));
        let passes = vec![other.entry_id];
        record(waiting_room::Command::Expire { passes }).await;
        let organizer_id = Uuid::from_u128(0).into();
        record(waiting_room::Command::Pause { organizer_id }).await;
    }

    /// There is enough for both who win; then one is next to the end.
    async fn play_drops(&self) {
        self.play_drop(3).await;
        self.play_drop(1).await;
    }

    /// So many goods for two, who both draw a winning lot.
    async fn play_drop(&self, stock: u32) {
        let now = self.state.clock.now();
        let body = json!({"title": "Vinyl", "stock": stock, "win_probability": "1", "price": 10, "opens_at": now,
            "closes_at": now + TimeDelta::hours(1), "draw": "at_close"});
        let opened = self.post(0, "/v1/drops", body).await;
        let drop = opened["drop_id"].as_str().unwrap();
        for who in [4, 5] {
            self.post(who, &format!("/v1/drops/{drop}/entries"), json!({}))
                .await;
        }
        self.post(0, &format!("/v1/drops/{drop}/close"), json!({}))
            .await;
        let keys = &*self.state.identity.keys;
        drive(
            &self.state,
            keys,
            &Beacons::default(),
            drop.parse().unwrap(),
        )
        .await
        .unwrap();
    }

    /// Brings the read model up to the log's head.
    pub(crate) async fn project(&self) {
        let model = self.folder.read_model().await;
        project(&*self.state.log, &*model).await;
    }

    async fn end(self) -> Folder {
        self.shutdown.cancel();
        self.tasks.wait().await;
        self.state.log.close().await;
        self.folder
    }
}

/// Folds a log into a read model that is empty.
async fn project(log: &dyn EventLog, model: &dyn ReadModel) {
    let events = log.read_all(Position(0), 100_000).await.unwrap();
    let mut fold = Fold::default();
    for event in &events {
        fold.apply(event).unwrap();
    }
    let advance = |id| {
        let start = Checkpoint::start(id, 1, 0);
        let position = events.len() as u64;
        (start.clone(), Checkpoint { position, ..start })
    };
    let advance = ProjectionId::ALL.into_iter().map(advance).collect();
    let write = Write {
        rows: fold.into_rows(),
        advance,
        ..Write::default()
    };
    model.write(&write).await.unwrap();
}
