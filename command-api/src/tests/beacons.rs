//! Drops that wait for a public beacon: fetched by the process manager, from a server on this machine that speaks as drand does.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{Router, extract::Path, http::StatusCode, routing::get};
use chrono::TimeDelta;
use event_store::Position;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use super::{fixtures::text, harness::Api};
use crate::{drops::Beacons, failpoints::Failpoints};

/// What a drop here waits for.
const SOURCE: &str = "a beacon of this machine";
const ROUND: u64 = 7;

/// How a server answers its calls, by their number from 0.
type Plan = fn(usize) -> (StatusCode, String);

/// A server of a beacon; it ends with the value.
struct Beacon {
    url: String,
    asked: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Beacon {
    async fn start(plan: Plan) -> Self {
        let asked = Arc::<AtomicUsize>::default();
        let count = asked.clone();
        let answer = move |Path(round): Path<u64>| async move {
            assert_eq!(round, ROUND);
            plan(count.fetch_add(1, Ordering::SeqCst))
        };
        let router = Router::new().route("/chain/public/{round}", get(answer));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url: format!("http://{address}/chain"),
            asked,
            _tasks: tasks,
        }
    }

    fn named(&self) -> (String, String) {
        (SOURCE.to_owned(), self.url.clone())
    }
}

fn value() -> String {
    hex::encode(digest(&SHA256, &[0x5e; 48]).as_ref())
}

fn published(value: &str) -> (StatusCode, String) {
    let body = json!({"round": ROUND, "randomness": value, "signature": "5e".repeat(48)});
    (StatusCode::OK, body.to_string())
}

/// A running API, a drop that is closed and waits for its beacon.
async fn waiting(beacons: &[(String, String)]) -> (Api, String) {
    let mut api = Api::with(Failpoints::default()).await;
    api.beacons = Beacons::new(beacons).unwrap();
    let now = api.state.clock.now();
    let body = json!({"title": "Signed vinyl", "stock": 5, "win_probability": "1", "price": 0, "opens_at": now - TimeDelta::seconds(1),
        "closes_at": now + TimeDelta::minutes(5), "draw": "at_close", "beacon": {"source": SOURCE, "round": ROUND}});
    let opened = api.post(&api.organizer(), "/v1/drops", body).await.is(201);
    let drop = format!("/v1/drops/{}", text(&opened, "drop_id"));
    let entries = format!("{drop}/entries");
    api.post(&api.customer(1), &entries, json!({}))
        .await
        .is(202);
    let close = format!("{drop}/close");
    api.post(&api.organizer(), &close, json!({})).await.is(200);
    api.manage();
    (api, drop)
}

/// What was recorded of the beacon.
async fn recorded(api: &Api) -> Value {
    let events = api.state.log.read_all(Position(0), 1_000).await.unwrap();
    let beacon = events
        .iter()
        .find(|event| event.event_type == "BeaconRecorded");
    let event: Value = serde_json::from_str(&beacon.unwrap().payload).unwrap();
    event["BeaconRecorded"].clone()
}

#[tokio::test]
async fn a_round_that_is_not_there_yet_is_asked_for_again() {
    let beacon = Beacon::start(|n| match n {
        0 => (StatusCode::NOT_FOUND, "EOF".to_owned()),
        _ => published(&value()),
    })
    .await;
    let (api, _) = waiting(&[beacon.named()]).await;
    api.until("SecretRevealed", 1).await;
    let told = recorded(&api).await;
    assert_eq!(
        (&told["value"], &told["signature"]),
        (&value().into(), &"5e".repeat(48).into())
    );
    assert_eq!(beacon.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_value_that_was_not_signed_is_not_used_and_the_next_place_is_asked() {
    let liar = Beacon::start(|_| published(&"00".repeat(32))).await;
    let away = Beacon::start(|_| (StatusCode::INTERNAL_SERVER_ERROR, String::new())).await;
    let sound = Beacon::start(|_| published(&value())).await;
    let (api, _) = waiting(&[liar.named(), away.named(), sound.named()]).await;
    api.until("SecretRevealed", 1).await;
    assert_eq!(recorded(&api).await["value"], value());
    for one in [liar, away, sound] {
        assert_eq!(one.asked.load(Ordering::SeqCst), 1);
    }
}

/// Nobody is asked for another beacon; and of one that does not answer soundly the organizer may tell the value, too.
#[tokio::test]
async fn the_organizer_tells_what_nobody_else_does() {
    let liar = Beacon::start(|_| published(&"00".repeat(32))).await;
    for beacons in [Vec::new(), vec![liar.named()]] {
        let (api, drop) = waiting(&beacons).await;
        while !beacons.is_empty() && liar.asked.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let told = json!({"beacon_value": "b0"});
        let close = format!("{drop}/close");
        api.post(&api.organizer(), &close, told).await.is(200);
        // At once, however long it would be until the beacon is asked again.
        api.until("SecretRevealed", 1).await;
        let told = recorded(&api).await;
        assert_eq!(
            (&told["value"], &told["signature"]),
            (&"b0".into(), &Value::Null)
        );
    }
}
