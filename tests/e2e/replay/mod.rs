//! History replayed: what a release would make of it, whether the same decisions come out again, rows as they were.

mod dry_runs;
mod scene;
mod tables;

use std::path::Path;

use serde_json::{Value, json};

pub(crate) use self::scene::drop_of_vinyl;
use self::scene::history;
use crate::{
    harness::{DataFolder, Fan, Sale, TestApp, assert_clean},
    operation::{run, sqlite},
};

/// A path as an argument.
fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_decision_of_history_comes_out_again() {
    let app = TestApp::start().await;
    let show = history(&app).await;
    let data = app.stop().await;
    let stage = DataFolder::new();
    let into = stage.0.join("rehearsal");
    let (status, report) = run(&data.0, &["replay", "--into", text(&into)]);
    assert_eq!(status, 0, "{report:#}");
    let all = &report["all"];
    assert_eq!(
        (&all["other"], &all["refused"], &all["not_asked"]),
        (&json!(0), &json!(0), &json!(0)),
        "{report:#}"
    );
    assert_eq!(all["commands"], all["same"]);
    assert_eq!(report["events"], report["position"]);
    for kind in scene::KINDS {
        assert!(
            report["by_event"][kind]["commands"].as_u64() > Some(0),
            "{kind}: {report:#}"
        );
    }

    // It is a data folder like any other, and its log is the other's, byte for byte.
    let rehearsed = DataFolder(into.clone());
    assert_clean(&rehearsed);
    let (old, new) = (stage.0.join("old.ndjson"), stage.0.join("new.ndjson"));
    assert_eq!(run(&data.0, &["audit", "export", text(&old)]).0, 0);
    assert_eq!(run(&into, &["audit", "export", text(&new)]).0, 0);
    assert!(std::fs::read(&old).unwrap() == std::fs::read(&new).unwrap());
    let again = run(&data.0, &["replay", "--into", text(&into)]);
    assert_eq!(again.0, 1);
    let said = again.1["said"].as_str().unwrap();
    assert!(said.contains("there is something in"), "{said}");

    // One show, and no further than some position.
    let into = stage.0.join("show");
    let one = ["replay", "--into", text(&into), "--show", &show];
    let (status, report) = run(&data.0, &one);
    assert_eq!(
        (status, &report["all"]["other"]),
        (0, &json!(0)),
        "{report:#}"
    );
    assert!(report["by_event"]["PointsCharged"].is_null(), "{report:#}");
    assert!(report["by_event"]["SeatsHeld"]["same"].as_u64() > Some(0));
    let into = stage.0.join("part");
    let part = ["replay", "--into", text(&into), "--to", "3"];
    let (status, report) = run(&data.0, &part);
    assert_eq!((status, &report["position"]), (0, &json!(3)), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_comes_out_otherwise_is_named() {
    let app = TestApp::start().await;
    let sale = Sale::open(&app).await;
    let (fan, other) = (
        Fan::with_points(&app, 100).await,
        Fan::with_points(&app, 100).await,
    );
    sale.buy(&app, &fan, &["A-1-1"]).await;
    let late = sale.hold(&app, &other, &["A-1-2"]).await;
    sale.buy(&app, &other, &["A-1-3"]).await;
    let data = app.stop().await;
    // Somebody gives the second the first one's seat.
    let position = late["position"].as_u64().unwrap();
    let change = format!(
        "PRAGMA busy_timeout = 10000; UPDATE events SET payload = replace(payload, 'A-1-2', 'A-1-1') WHERE position = {position}"
    );
    sqlite(&data.0.join("log.db"), &change);
    let stage = DataFolder::new();
    let (status, report) = run(
        &data.0,
        &["replay", "--into", text(&stage.0.join("rehearsal"))],
    );
    assert_eq!(status, 1, "{report:#}");
    let all = &report["all"];
    assert_eq!((&all["refused"], &all["other"]), (&json!(1), &json!(0)));
    let difference = &report["differences"][0];
    assert_eq!(difference["position"], json!(position));
    assert_eq!(difference["recorded"], json!(["SeatsHeld"]));
    let why = difference["refused"].as_str().unwrap();
    assert!(why.contains("A-1-1"), "{why}");
    // What came later is judged on what really was.
    assert_eq!(report["by_event"]["ReservationConfirmed"]["same"], json!(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_compares_with_the_seals_too_and_names_what_was_changed() {
    let app = TestApp::start().await;
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 1_000).await;
    let (_, paid) = sale.buy(&app, &fan, &["A-1-1"]).await;
    let data = app.stop().await;
    assert_eq!(run(&data.0, &["audit", "seal"]).0, 0);
    let verify = ["audit", "verify", "--seals"];
    let seals = |report: &Value| {
        let checks = report["checks"].as_array().unwrap().iter();
        let mut seals = checks.filter(|check| check["check"] == "seals");
        seals.next().unwrap().clone()
    };
    let (status, report) = run(&data.0, &verify);
    assert_eq!(status, 0, "{report:#}");
    assert!(seals(&report)["checked"].as_u64() >= paid["position"].as_u64());

    // A forgery that contradicts nothing: another moment of the same microseconds' length.
    let position = paid["position"].as_u64().unwrap();
    let change = format!(
        "PRAGMA busy_timeout = 10000; UPDATE events SET metadata = replace(metadata, 'customer:', 'customex:') WHERE position = {position}"
    );
    sqlite(&data.0.join("log.db"), &change);
    let (status, _) = run(&data.0, &["audit", "verify"]);
    assert_eq!(status, 0, "nothing else notices");
    let (status, report) = run(&data.0, &verify);
    assert_eq!(
        (status, &seals(&report)["findings"]),
        (1, &json!(1)),
        "{report:#}"
    );
    let finding = &report["findings"][0];
    assert_eq!(
        (&finding["check"], &finding["at"]["position"]),
        (&json!("seals"), &json!(position))
    );
}
