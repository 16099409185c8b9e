//! What the tests of this crate share: a log, its projections, and the router over them.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Aggregate,
    ids::{CustomerId, ReservationId, ShowId},
    seating::{Point, Row, Seat, StandingArea, ZonePart},
    show::{Command, Show, command::Schedule, command::Selection},
};
use edge::auth::{Principal, Role, Signer, Verifier};
use event_store::{
    Clock, EventLog,
    bus::{Bus, log_tail::LogTailBus},
    clock::ManualClock,
    log::{
        Append, NewEvent, Outcome, StreamAppend, StreamId,
        sqlite::{Options, SqliteEventLog},
    },
    timers::WakeAt,
};
use read_model::{Access, ReadModel, SqliteReadModel};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::{
    seat_map_cache::MAX_MAPS,
    state::{AppState, Deps, run},
};

/// Longest wait of a test for something that must come.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Which parts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Projections {
    /// In this process, telling of their progress.
    Here,
    /// As if in another process: only their checkpoints show how far they are.
    Elsewhere,
}

/// A log and everything behind it.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) state: AppState,
    pub(crate) router: Router,
    /// Ends the streams.
    pub(crate) shutdown: CancellationToken,
    /// Stops the projections.
    pub(crate) projecting: CancellationToken,
    pub(crate) projected: TaskTracker,
    log: Arc<dyn EventLog>,
    versions: Mutex<HashMap<StreamId, u64>>,
    signer: Signer,
    end: CancellationToken,
    _folder: Folder,
}

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.end.cancel();
        self.projecting.cancel();
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(crate) fn position(&self) -> u64 {
        self.header("position").parse().unwrap()
    }
}

impl World {
    pub(crate) async fn start(projections: Projections) -> Self {
        Self::start_with(projections, |bus| bus, MAX_MAPS).await
    }

    /// `wrap` puts something between the bus and the seat maps, of which `max_maps` fit into memory.
    pub(crate) async fn start_with(
        projections: Projections,
        wrap: impl FnOnce(Arc<dyn Bus>) -> Arc<dyn Bus>,
        max_maps: usize,
    ) -> Self {
        let folder =
            Folder(std::env::temp_dir().join(format!("frontrow-query-api-{}", Uuid::now_v7())));
        std::fs::create_dir_all(&folder.0).unwrap();
        let log = SqliteEventLog::open(&folder.0.join("log.db"), Options::default()).await;
        let log: Arc<dyn EventLog> = Arc::new(log.unwrap());
        let bus: Arc<dyn Bus> = Arc::new(LogTailBus::new(log.clone()));
        let rows = folder.0.join("read-model.db");
        let read_model = SqliteReadModel::open(rows.to_str().unwrap(), Access::ReadWrite);
        let read_model: Arc<dyn ReadModel> = Arc::new(read_model.await.unwrap());
        let clock = Arc::new(ManualClock::new("2026-06-01T12:00:00Z".parse().unwrap()));

        let (projecting, projected) = (CancellationToken::new(), TaskTracker::new());
        let progress = projections::Progress::default();
        let deps = projections::Deps {
            bus: bus.clone(),
            read_model: read_model.clone(),
            progress: progress.clone(),
            group: None,
            log: None,
            clock: clock.clone(),
        };
        projected.spawn(projections::run(deps, projecting.clone()));
        projected.close();

        let signer = Signer::open(&folder.0).unwrap();
        let now = clock.clone();
        let (shutdown, end) = (CancellationToken::new(), CancellationToken::new());
        let deps = Deps {
            read_model,
            bus: wrap(bus),
            clock: clock.clone(),
            verifier: Arc::new(Verifier::new(
                [signer.public_key()],
                Arc::new(move || now.now()),
            )),
            progress: (projections == Projections::Here)
                .then(|| crate::Progress::new(move |id| progress.watch(id))),
            shutdown: shutdown.clone(),
        };
        let state = AppState::with_max_maps(deps, max_maps);
        TaskTracker::new().spawn(run(state.clone(), end.clone()));
        Self {
            clock,
            router: edge::layers::apply(
                crate::router(state.clone()),
                &edge::layers::LayersConfig::default(),
            ),
            state,
            shutdown,
            projecting,
            projected,
            log,
            versions: Mutex::default(),
            signer,
            end,
            _folder: folder,
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn token(&self, role: Role, id: Uuid) -> String {
        let principal = Principal { id, role };
        let token = self
            .signer
            .issue(principal, self.now(), Duration::from_hours(1));
        format!("Bearer {token}")
    }

    /// Appends events of one stream; answers with the position of the last.
    pub(crate) async fn append<E: Serialize>(&self, kind: &str, id: Uuid, events: &[E]) -> u64 {
        let stream = StreamId::new(kind, id.to_string());
        let mut versions = self.versions.lock().await;
        let version = versions.entry(stream.clone()).or_default();
        let command_id = Uuid::now_v7();
        let new = |event: &E| {
            let json = serde_json::to_value(event).unwrap();
            NewEvent {
                event_id: Uuid::now_v7(),
                command_id,
                event_type: json.as_object().unwrap().keys().next().unwrap().clone(),
                event_version: "1".to_owned(),
                payload: json.to_string(),
                metadata: "{}".into(),
            }
        };
        let append = Append {
            streams: vec![StreamAppend {
                stream,
                expected_version: *version,
                routing_key: id.to_string(),
                events: events.iter().map(new).collect(),
                wake_at: WakeAt::Keep,
            }],
            commands: Vec::new(),
            claims: Vec::new(),
            recorded_at: self.now(),
        };
        let outcome = self.log.append(vec![append]).await.unwrap().remove(0);
        *version += events.len() as u64;
        let Outcome::Committed { last, .. } = outcome else {
            panic!("{outcome:?}");
        };
        last.0
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let (parts, body) = self.open(path, headers).await.into_parts();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, 10_000_000).await.unwrap(),
        }
    }

    /// Asks, and demands an answer that shows `position`.
    pub(crate) async fn get_at(&self, path: &str, position: u64) -> Reply {
        let reply = self
            .get(path, &[("at-least-position", &position.to_string())])
            .await;
        if reply.status.is_success() {
            assert!(reply.position() >= position, "{path}");
        }
        reply
    }

    pub(crate) async fn open(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }
}

/// A show under test: one row of six seats in "Hall", two of them dear, and 10 standing places.
pub(crate) struct TestShow {
    pub(crate) id: ShowId,
    pub(crate) concert_id: Uuid,
    pub(crate) organizer: Uuid,
    pub(crate) position: u64,
    state: Show,
}

impl TestShow {
    pub(crate) async fn schedule(world: &World) -> Self {
        let schedule = six_seats(world.now());
        let mut show = Self {
            id: Uuid::now_v7().into(),
            concert_id: schedule.concert_id.0,
            organizer: schedule.organizer_id.0,
            position: 0,
            state: Show::default(),
        };
        show.command(world, &Command::Schedule(Box::new(schedule)))
            .await;
        show
    }

    /// Decides a command and records its events; answers with the position of the last.
    pub(crate) async fn command(&mut self, world: &World, command: &Command) -> u64 {
        let events = self.state.decide(command, world.now()).unwrap();
        for event in &events {
            self.state.evolve(event);
        }
        self.position = world.append(Show::TYPE, self.id.0, &events).await;
        self.position
    }

    pub(crate) async fn hold(
        &mut self,
        world: &World,
        customer: Uuid,
        seats: &[&str],
    ) -> ReservationId {
        let seats = seats.iter().map(|seat| (*seat).to_owned()).collect();
        self.select(world, customer, Selection::Seats(seats)).await
    }

    pub(crate) async fn select(
        &mut self,
        world: &World,
        customer: Uuid,
        selection: Selection,
    ) -> ReservationId {
        let reservation_id = ReservationId(Uuid::now_v7());
        let hold = Command::Hold {
            reservation_id,
            customer_id: CustomerId(customer),
            selection,
            pass: None,
        };
        self.command(world, &hold).await;
        reservation_id
    }

    pub(crate) async fn release(
        &mut self,
        world: &World,
        customer: Uuid,
        reservation_id: ReservationId,
    ) {
        let release = Command::Release {
            reservation_id,
            customer_id: CustomerId(customer),
        };
        self.command(world, &release).await;
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/shows/{}{rest}", self.id)
    }
}

/// The show that [`TestShow`] is made of.
pub(crate) fn six_seats(now: DateTime<Utc>) -> Schedule {
    let seat = |n: u16| {
        Seat(
            format!("A-{n}"),
            n.to_string(),
            u16::from(n > 4),
            150 * i64::from(n),
            50,
        )
    };
    let prices = [("Cheap", 10), ("Dear", 90), ("Floor", 5)];
    Schedule {
        organizer_id: Uuid::now_v7().into(),
        concert_id: Uuid::now_v7().into(),
        venue_id: Uuid::now_v7().into(),
        starts_at: now + TimeDelta::days(2),
        on_sale_at: now,
        off_sale_at: Some(now + TimeDelta::days(1)),
        prices: prices.map(|(name, price)| (name.to_owned(), price)).into(),
        hold_seconds: 300,
        max_seats_per_customer: 10,
        no_stranded_seats: false,
        waiting_room: None,
        categories: vec!["Cheap".to_owned(), "Dear".to_owned()],
        focus: Point::default(),
        zones: vec![ZonePart {
            zone: "Hall".to_owned(),
            zone_index: 0,
            part: 0,
            rows: vec![Row {
                row: "A".to_owned(),
                seats: (1..=6).map(seat).collect(),
            }],
            continued: false,
        }],
        standing: vec![StandingArea {
            name: "Pit".to_owned(),
            category: "Floor".to_owned(),
            capacity: 10,
        }],
    }
}
