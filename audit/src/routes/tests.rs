//! What operators see.

mod sagas;

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use chrono::{DateTime, TimeDelta, Utc};
use edge::auth::{Principal, Role, Signer, Verifier};
use event_store::{
    Clock as _, EventLog,
    bus::LogTailBus,
    clock::ManualClock,
    log::{Append, NewEvent, SqliteEventLog, StreamAppend, StreamId, sqlite::Options},
    refusals::SqliteRefusals,
    security_log::SqliteSecurityLog,
    timers::WakeAt,
};
use read_model::{Access, Checkpoint, Parked, ProjectionId, ReadModel, SqliteReadModel, Write};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::{
    routes::router,
    state::{AppState, Deps},
};

/// A log of three events, a second apart, of which the projections have seen one; and a folder that goes away.
struct Behind {
    folder: PathBuf,
    log: Arc<dyn EventLog>,
    model: Arc<dyn ReadModel>,
    clock: Arc<ManualClock>,
}

impl Drop for Behind {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn append(number: u64, recorded_at: DateTime<Utc>) -> Append {
    let command_id = Uuid::now_v7();
    Append {
        streams: vec![StreamAppend {
            stream: StreamId::new("customer", Uuid::now_v7().to_string()),
            expected_version: 0,
            routing_key: format!("key-{number}"),
            events: vec![NewEvent {
                event_id: Uuid::now_v7(),
                command_id,
                event_type: "CustomerErased".to_owned(),
                event_version: "1".to_owned(),
                payload: r#"{"CustomerErased":{}}"#.to_owned(),
                metadata: "{}".into(),
            }],
            wake_at: WakeAt::Keep,
        }],
        commands: Vec::new(),
        claims: Vec::new(),
        recorded_at,
    }
}

impl Behind {
    async fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("frontrow-ops-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        let log = SqliteEventLog::open(&folder.join("log.db"), Options::default()).await;
        let log: Arc<dyn EventLog> = Arc::new(log.unwrap());
        let rows = folder.join("read-model.db");
        let model = SqliteReadModel::open(rows.to_str().unwrap(), Access::ReadWrite).await;
        let model: Arc<dyn ReadModel> = Arc::new(model.unwrap());
        let clock = Arc::new(ManualClock::new("2026-06-01T12:00:00Z".parse().unwrap()));
        for number in 1..=3 {
            log.append(vec![append(number, clock.now())]).await.unwrap();
            clock.advance(TimeDelta::seconds(1));
        }
        let epoch = log.head().await.unwrap().epoch;
        let moved = |id| {
            let start = Checkpoint::start(id, 1, 0);
            let seen = Checkpoint {
                epoch,
                position: 1,
                ..start.clone()
            };
            (start, seen)
        };
        let parked = |position| Parked {
            projection: ProjectionId::Points,
            version: 1,
            key: "key-1".to_owned(),
            partition: 0,
            position,
            event: "{}".to_owned(),
            reason: "no such row".to_owned(),
            parked_at: clock.now(),
        };
        let write = Write {
            advance: ProjectionId::ALL.map(moved).to_vec(),
            park: vec![parked(1), parked(4)],
            ..Write::default()
        };
        model.write(&write).await.unwrap();
        model.begin_version(ProjectionId::Sagas).await.unwrap();
        Self {
            folder,
            log,
            model,
            clock,
        }
    }

    async fn get(&self, role: Role, path: &str) -> (StatusCode, Value) {
        let signer = Signer::open(&self.folder).unwrap();
        let clock = self.clock.clone();
        let verifier = Verifier::new([signer.public_key()], Arc::new(move || clock.now()));
        let state = AppState::new(Deps {
            log: self.log.clone(),
            read_model: self.model.clone(),
            bus: Arc::new(LogTailBus::new(self.log.clone())),
            clock: self.clock.clone(),
            verifier: Arc::new(verifier),
            sealing: None,
            security: Arc::new(
                SqliteSecurityLog::open(&self.folder.join("log.db"))
                    .await
                    .unwrap(),
            ),
            refusals: Arc::new(
                SqliteRefusals::open(&self.folder.join("log.db"))
                    .await
                    .unwrap(),
            ),
        });
        let principal = Principal {
            id: Uuid::now_v7(),
            role,
        };
        let token = signer.issue(principal, self.clock.now(), Duration::from_hours(1));
        let request = Request::get(path)
            .header("authorization", format!("Bearer {token}"))
            .body(Body::empty())
            .unwrap();
        let reply = router(state).oneshot(request).await.unwrap();
        let status = reply.status();
        let body = to_bytes(reply.into_body(), 1_000_000).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }
}

#[tokio::test]
async fn an_admin_sees_how_far_each_version_is_and_what_is_parked() {
    let behind = Behind::new().await;
    let (status, body) = behind.get(Role::Admin, "/v1/ops/projections").await;
    assert_eq!((status, &body["head"]), (StatusCode::OK, &json!(3)));
    let items = body["items"].as_array().unwrap();
    assert_eq!(items.len(), ProjectionId::ALL.len() + 1);
    let of = |name: &str, version: u32| {
        let mut found = items.iter();
        let found = found.find(|item| item["name"] == name && item["version"] == version);
        found.unwrap().clone()
    };
    let points = of("points", 1);
    assert_eq!(points["state"], "live");
    assert_eq!(
        (&points["position"], &points["lag_positions"]),
        (&json!(1), &json!(2))
    );
    // The second event, a second younger than the first, is the oldest that it lacks.
    assert_eq!(points["lag_ms"], 2_000);
    assert_eq!(points["partitions"].as_array().unwrap().len(), 1);
    assert_eq!(points["parked_keys"].as_array().unwrap().len(), 1);
    assert_eq!(points["parked_keys"][0]["key"], "key-1");
    assert_eq!(points["parked_keys"][0]["position"], 1);
    assert_eq!(points["parked_keys"][0]["events"], 2);
    assert_eq!(of("sagas", 2)["state"], "building");
    assert_eq!(of("sagas", 2)["position"], 0);
    assert_eq!(of("catalogue", 1)["parked_keys"], json!([]));
}

#[tokio::test]
async fn nobody_else_does() {
    let behind = Behind::new().await;
    for role in [Role::Customer, Role::Organizer, Role::Auditor] {
        for path in ["/v1/ops/projections", "/v1/ops/sagas"] {
            let (status, _) = behind.get(role, path).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{role:?} {path}");
        }
    }
}
