//! A drop with a crowd, whose manager is stopped in the middle of each step: at named places, so that none is left out.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use audit::verify_draw::{Expected, verify_draw};
use chrono::TimeDelta;
use command_api::failpoints::Failpoints;
use edge::auth::Role;
use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::harness::{DataFolder, TestApp};

/// Entries: three batches of the draw.
const ENTRIES: usize = 3_000;
/// Calls at a time.
const CALLS: usize = 64;
/// The places where the manager is stopped, each once.
const STOPS: [&str; 5] = [
    "drop.sealed",
    "drop.drawn",
    "drop.debited",
    "drop.settled",
    "drop.closed",
];

/// The one who passes `at` for the first time stays there for ever.
fn stop_at(at: &'static str) -> (Failpoints, Arc<Notify>) {
    let (reached, fired) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let told = reached.clone();
    let failpoints = Failpoints::new(move |name| {
        if name != at || fired.swap(true, Ordering::SeqCst) {
            return Box::pin(std::future::ready(()));
        }
        told.notify_one();
        Box::pin(std::future::pending())
    });
    (failpoints, reached)
}

/// Enters so many new customers; answers the last of their positions.
async fn enter(app: &TestApp, drop: &str, count: usize) -> u64 {
    let path = format!("/v1/drops/{drop}/entries");
    let calls = (0..count).map(|_| {
        let token = app.token(Role::Customer, Uuid::now_v7());
        let call = app.call(Method::POST, &path, &token, None);
        async { call.send().await.expect(202)["position"].as_u64().unwrap() }
    });
    let positions = futures::stream::iter(calls).buffer_unordered(CALLS);
    positions
        .fold(0, async |last, position| last.max(position))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_drawn_to_the_same_end_however_often_the_manager_dies() {
    let count = ENTRIES;
    let (failpoints, mut stopped) = stop_at("drop.closed");
    let mut app =
        TestApp::start_on(DataFolder::new(), |config| config.failpoints = failpoints).await;
    let organizer = app.token(Role::Organizer, Uuid::now_v7());
    let stock = count / 10;
    let body = json!({"title": "Signed vinyl", "stock": stock, "win_probability": "0.05", "price": 0,
        "opens_at": app.now() - TimeDelta::seconds(60), "closes_at": app.now() + TimeDelta::hours(1), "draw": "at_close"});
    let opened = app
        .post("/v1/drops", &organizer, &body)
        .send()
        .await
        .expect(201);
    let drop = opened["drop_id"].as_str().unwrap().to_owned();
    let last = enter(&app, &drop, count).await;
    let path = format!("/v1/drops/{drop}");
    app.advance(3_600);
    for next in STOPS {
        stopped.notified().await;
        let (failpoints, then) = stop_at(next);
        stopped = then;
        app = app
            .restart_after(|config| config.failpoints = failpoints)
            .await;
        if next == "drop.closed" {
            break;
        }
    }
    let over: Value = app.until(&path, "", |drop| drop["status"] == "over").await;
    assert_eq!(
        (over["entries"].as_u64(), over["drawn"].as_u64()),
        (Some(count as u64), Some(count as u64))
    );
    let won = over["won"].as_u64().unwrap();
    // Four standard deviations around 0.05.
    let (mean, spread) = (count as u64 / 20, 4 * (count as u64 * 19 / 400).isqrt());
    assert!(won.abs_diff(mean) <= spread, "{won} of {count}");
    assert_eq!(over["stock_left"].as_u64(), Some(stock as u64 - won));
    let proof = app
        .client
        .get(app.url(&Method::GET, &format!("{path}/proof")))
        .header("at-least-position", last);
    let proof = proof.send().await.unwrap().bytes().await.unwrap();
    let report = verify_draw(&proof[..], &Expected::default()).unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.entries, report.won as u64), (count, won));
    app.finish().await;
}
