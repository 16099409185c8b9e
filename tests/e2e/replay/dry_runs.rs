//! What a release would make of history, beside a server.

use std::path::Path;

use serde_json::json;

use super::text;
use crate::{
    harness::{DataFolder, Fan, Sale, TestApp},
    operation::{run, sqlite},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_beside_a_server_names_what_would_differ() {
    let app = TestApp::start().await;
    let sale = Sale::open(&app).await;
    let other = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 1_000).await;
    let (_, paid) = sale.buy(&app, &fan, &["A-1-1"]).await;
    other.buy(&app, &fan, &["A-1-1"]).await;
    let (_, last) = sale.buy(&app, &fan, &["A-1-2"]).await;
    app.get_at("/v1/me/payments", &fan.token, &last["position"])
        .await
        .expect(200);
    let data = app.data().clone();
    let (status, found) = run(&data, &["replay", "--dry-run"]);
    assert_eq!(status, 0, "{found:#}");
    assert_eq!(found["items"].as_array().unwrap().len(), 7);

    // One row of the live ones is made another.
    let id = paid["payment_id"].as_str().unwrap();
    let change = format!(
        "PRAGMA busy_timeout = 10000; UPDATE payments SET document = json_set(document, '$.amount', 11) WHERE payment_id = '{id}'"
    );
    sqlite(&data.join("read-model.db"), &change);
    let (status, found) = run(&data, &["replay", "--dry-run", "--projection", "payments"]);
    assert_eq!(status, 1, "{found:#}");
    let found = &found["items"][0];
    assert_eq!(
        (&found["differing"], &found["compared"]),
        (&json!(1), &json!(3))
    );
    let difference = &found["differences"][0];
    assert_eq!(difference["table"], "payments");
    assert_eq!(difference["key"], json!(id));
    assert_eq!(difference["columns"], json!(["amount"]));

    by_key_and_range(
        &data,
        &sale.show,
        &other.show,
        &last["position"].to_string(),
    );
    kept_rows_are_gone_on_from(&data, &sale.show);
    // Nothing was made live, and nothing recorded.
    let versions = "SELECT count(*) FROM versions WHERE version > 1";
    assert_eq!(sqlite(&data.join("read-model.db"), versions), "0");
    // The falsified row is put right, or the end's own check would find it.
    let heal = [
        "replay",
        "--projection",
        "payments",
        "--accept",
        "--reason",
        "a test's own doing",
        "--throttle",
        "100000",
    ];
    assert_eq!(run(&data, &heal).0, 0);
    app.finish().await;
}

/// The other show's payment is right.
fn by_key_and_range(data: &Path, wrong: &str, right: &str, end: &str) {
    let key = ["replay", "--dry-run", "--projection", "payments", "--key"];
    let of = |show: &str| run(data, &[&key[..], &[show]].concat());
    let (status, found) = of(right);
    assert_eq!(
        (status, &found["items"][0]["compared"]),
        (0, &json!(1)),
        "{found:#}"
    );
    let (status, found) = of(wrong);
    assert_eq!(
        (status, &found["items"][0]["compared"]),
        (1, &json!(2)),
        "{found:#}"
    );
    let range = [
        "replay",
        "--dry-run",
        "--projection",
        "payments",
        "--from",
        end,
        "--to",
        end,
    ];
    let (status, found) = run(data, &range);
    assert_eq!(
        (status, &found["items"][0]["keys"]),
        (1, &json!(1)),
        "{found:#}"
    );
}

/// By the same question alone.
fn kept_rows_are_gone_on_from(data: &Path, show: &str) {
    let stage = DataFolder::new();
    let kept = [
        "replay",
        "--dry-run",
        "--projection",
        "sagas",
        "--scratch",
        text(&stage.0),
    ];
    assert_eq!(run(data, &kept).0, 0);
    let (status, found) = run(data, &kept);
    assert_eq!(
        (status, &found["items"][0]["events"]),
        (0, &json!(0)),
        "{found:#}"
    );
    let (status, refused) = run(data, &[&kept[..], &["--key", show]].concat());
    assert_eq!(status, 1);
    assert!(
        refused["said"]
            .as_str()
            .unwrap()
            .contains("another question"),
        "{refused}"
    );
}
