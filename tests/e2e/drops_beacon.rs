//! A drop that waits for a public beacon is drawn by itself, once the beacon has published.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use audit::verify_draw::{Expected, verify_draw};
use aws_lc_rs::digest::{SHA256, digest};
use axum::{Router, http::StatusCode, routing::get};
use chrono::TimeDelta;
use edge::auth::Role;
use reqwest::Method;
use serde_json::{Value, json};
use servers::Extra;
use tokio::{net::TcpListener, task::JoinSet};
use uuid::Uuid;

use crate::harness::{DataFolder, Fan, TestApp};

const SOURCE: &str = "a beacon of this machine";

/// A server that speaks as drand does; it ends with the value.
struct Beacon {
    setting: String,
    published: Arc<AtomicBool>,
    _tasks: JoinSet<()>,
}

impl Beacon {
    async fn start() -> Self {
        let published = Arc::<AtomicBool>::default();
        let is_there = published.clone();
        let signature = [0x5e; 48];
        let answer = move || async move {
            if !is_there.load(Ordering::SeqCst) {
                return (StatusCode::NOT_FOUND, String::new());
            }
            let value = hex::encode(digest(&SHA256, &signature));
            let signature = hex::encode(signature);
            let body = json!({"round": 7, "randomness": value, "signature": signature});
            (StatusCode::OK, body.to_string())
        };
        let router = Router::new().route("/chain/public/7", get(answer));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            setting: format!("{SOURCE}=http://{address}/chain"),
            published,
            _tasks: tasks,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded() {
    let beacon = Beacon::start().await;
    let setting = beacon.setting.clone();
    let app = TestApp::start_on(DataFolder::new(), |config| {
        config.settings.drops.beacons = vec![setting];
    });
    drawn_once_the_beacon_has_published(app.await, &beacon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed() {
    let beacon = Beacon::start().await;
    let extra = Extra {
        settings: format!("[drops]\nbeacons = [\"{}\"]\n", beacon.setting),
        ..Extra::default()
    };
    if let Some(app) = TestApp::alone_with("a drop that waits for a beacon", extra).await {
        drawn_once_the_beacon_has_published(app, &beacon).await;
    }
}

async fn drawn_once_the_beacon_has_published(app: TestApp, beacon: &Beacon) {
    let organizer = app.token(Role::Organizer, Uuid::now_v7());
    let body = json!({"title": "Signed vinyl", "stock": 3, "win_probability": "0.5", "price": 0,
        "opens_at": app.now() - TimeDelta::seconds(60), "closes_at": app.now() + TimeDelta::hours(1), "draw": "at_close",
        "beacon": {"source": SOURCE, "round": 7}});
    let opened = app.post("/v1/drops", &organizer, &body).send().await;
    let opened = opened.expect(201);
    let drop = format!("/v1/drops/{}", opened["drop_id"].as_str().unwrap());
    for _ in 0..10 {
        let (fan, path) = (Fan::new(&app), format!("{drop}/entries"));
        let enter = app.call(Method::POST, &path, &fan.token, None);
        enter.send().await.expect(202);
    }
    let close = app.post(&format!("{drop}/close"), &organizer, &json!({}));
    close.send().await.expect(200);
    app.until(&drop, "", |drop| drop["status"] == "awaiting_beacon")
        .await;
    beacon.published.store(true, Ordering::SeqCst);
    let over = app.until(&drop, "", |drop| drop["status"] == "over").await;
    assert_eq!(over["fairness"], "beacon");
    let proof = app.get(&format!("{drop}/proof"), "").await.expect(200);
    let check = |proof: &Value| {
        let proof = proof.to_string();
        verify_draw(proof.as_bytes(), &Expected::default()).unwrap()
    };
    let report = check(&proof);
    assert!(report.is_clean(), "{report}");
    let mut other = proof.clone();
    other["beacon"]["signature"] = json!("5f".repeat(48));
    assert!(!check(&other).is_clean());
    app.finish().await;
}
