//! A table of the read model, as it was.

use std::path::Path;

use serde_json::{Value, json};

use super::text;
use crate::{
    harness::{DataFolder, Fan, Sale, TestApp},
    operation::run,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_exported_as_it_was() {
    let app = TestApp::start().await;
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 1_000).await;
    let held = sale.hold(&app, &fan, &["A-1-1"]).await;
    let then = held["position"].to_string();
    let paid = fan
        .pay(&app, &held["reservation_id"])
        .send()
        .await
        .expect(201);
    sale.hold(&app, &fan, &["A-1-2"]).await;
    app.get_at("/v1/me/payments", &fan.token, &paid["position"])
        .await
        .expect(200);
    let (data, stage) = (app.data().clone(), DataFolder::new());
    let file = stage.0.join("then.ndjson");
    let export = [
        "audit",
        "export",
        text(&file),
        "--table",
        "reservations",
        "--position",
        &then,
    ];
    let (status, manifest) = run(&data, &export);
    assert_eq!(status, 0, "{manifest}");
    assert_eq!(manifest["format"], "frontrow.table.v1");
    assert_eq!(
        (&manifest["rows"], &manifest["position"]),
        (&json!(1), &held["position"])
    );
    let bytes = std::fs::read(&file).unwrap();
    let line: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(line["key"], held["reservation_id"]);
    assert_eq!(line["row"]["status"], "held");
    let beside: Value =
        serde_json::from_slice(&std::fs::read(stage.0.join("then.ndjson.manifest.json")).unwrap())
            .unwrap();
    assert_eq!(beside, manifest);
    has_the_sum_of(&file, &manifest);

    // Now, as a table of two rows: a column for each member.
    let file = stage.0.join("now.csv");
    let export = [
        "audit",
        "export",
        text(&file),
        "--table",
        "reservations",
        "--format",
        "csv",
    ];
    let (status, manifest) = run(&data, &export);
    assert_eq!((status, &manifest["rows"]), (0, &json!(2)), "{manifest}");
    let csv = std::fs::read_to_string(&file).unwrap();
    let mut lines = csv.split("\r\n");
    let header = lines.next().unwrap();
    assert!(
        header.starts_with("key,") && header.contains("status"),
        "{header}"
    );
    assert!(csv.contains("confirmed") && csv.contains("held"), "{csv}");
    what_does_not_fit_is_refused(&data, &stage.0);
    app.finish().await;
}

fn has_the_sum_of(file: &Path, manifest: &Value) {
    let sum = std::process::Command::new("sha256sum").arg(file).output();
    let sum = String::from_utf8(sum.unwrap().stdout).unwrap();
    assert!(
        sum.starts_with(manifest["sha256"].as_str().unwrap()),
        "{sum}"
    );
}

fn what_does_not_fit_is_refused(data: &Path, stage: &Path) {
    for (arguments, says) in [
        (&["--table", "nothing"][..], "seat_maps"),
        (&["--table", "payments", "--from", "2"], "--from"),
        (&["--position", "2"], "--table"),
        (
            &["--table", "payments", "--position", "99999"],
            "the log ends at position",
        ),
    ] {
        let file = stage.join("refused");
        let refused = run(
            data,
            &[&["audit", "export", text(&file)], arguments].concat(),
        );
        assert_eq!(refused.0, 2, "{arguments:?}");
        assert!(
            refused.1["said"].as_str().unwrap().contains(says),
            "{arguments:?}: {}",
            refused.1
        );
        assert!(!file.exists() && !stage.join("refused.unfinished").exists());
    }
}
