//! A customer's receipt, proven to whoever has the public key; the log exported, imported elsewhere and proven there.

use std::{
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

use edge::auth::Role;
use frontrow::app::AppConfig;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    harness::{DataFolder, Fan, Reply, Sale, TestApp},
    operation::sqlite,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Asks until the event is sealed.
async fn sealed(app: &TestApp, path: &str, token: &str) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let reply: Reply = app.get(path, token).await;
        if reply.body["code"] != "not_sealed_yet" || Instant::now() > end {
            return reply.expect(200);
        }
        tokio::task::yield_now().await;
    }
}

fn frontrow(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_frontrow"))
        .args(arguments)
        .arg("--data")
        .arg(data)
        .env("FRONTROW__TELEMETRY__FORMAT", "json")
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

#[track_caller]
fn succeeds(data: &Path, arguments: &[&str]) -> String {
    let output = frontrow(data, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn fails(data: &Path, arguments: &[&str], status: i32, says: &str) {
    let output = frontrow(data, arguments);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    assert!(said.contains(says), "{arguments:?}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_reservation_has_a_receipt_that_can_be_proven() {
    let soon = |config: &mut AppConfig| config.settings.audit.seal_every_ms = 20;
    let app = TestApp::start_on(DataFolder::new(), soon).await;
    let key = app.get("/v1/audit/key", "").await.expect(200);
    let key = key.as_str().unwrap().trim().to_owned();
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 1_000).await;
    let (hold, paid) = sale.buy(&app, &fan, &["A-1-1"]).await;
    let reservation = hold["reservation_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/reservations/{reservation}");
    app.get_at(&path, &fan.token, &paid["position"])
        .await
        .expect(200);

    let path = format!("/v1/audit/receipts/{reservation}");
    let receipt = sealed(&app, &path, &fan.token).await;
    assert_eq!(receipt["status"], "confirmed");
    assert_eq!(
        receipt["proof"]["event"]["event_type"],
        "ReservationConfirmed"
    );
    let folder = DataFolder::new();
    let file = folder.0.join("receipt.json");
    std::fs::create_dir_all(&folder.0).unwrap();
    std::fs::write(&file, receipt.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let said = succeeds(&folder.0, &["audit", "verify-proof", file, "--key", &key]);
    assert!(said.contains("ReservationConfirmed"), "{said}");
    // Another seat is another event.
    let forged = receipt.to_string().replace("A-1-1", "A-1-2");
    std::fs::write(file, forged).unwrap();
    fails(
        &folder.0,
        &["audit", "verify-proof", file, "--key", &key],
        1,
        "does NOT hold",
    );

    // The payment's position is proven, too; to nobody else but an auditor.
    let proof = format!("/v1/audit/proof?position={}", paid["position"]);
    let own = sealed(&app, &proof, &fan.token).await;
    assert_eq!(own["event"]["event_type"], "PaymentCompleted");
    let stranger = Fan::new(&app);
    app.get(&proof, &stranger.token)
        .await
        .refused(404, "not_found");
    app.get(&path, &stranger.token)
        .await
        .refused(404, "not_found");
    app.get(&proof, &sale.organizer)
        .await
        .refused(403, "forbidden");
    app.get(&proof, "").await.refused(401, "unauthenticated");
    let auditor = app.token(Role::Auditor, Uuid::now_v7());
    sealed(&app, &proof, &auditor).await;
    app.get("/v1/audit/proof?position=0", &auditor)
        .await
        .refused(400, "invalid_parameter");
    app.get("/v1/audit/proof?position=999999999", &auditor)
        .await
        .refused(404, "not_found");

    heads_are_consistent(&app).await;
    app.finish().await;
}

async fn heads_are_consistent(app: &TestApp) {
    let note = app.get("/v1/audit/checkpoint", "").await.expect(200);
    let size: u64 = note
        .as_str()
        .unwrap()
        .lines()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let path = format!("/v1/audit/consistency?from=1&to={size}");
    let consistent = app.get(&path, "").await.expect(200);
    assert_eq!(consistent["to"], json!(size));
    app.get("/v1/audit/consistency?from=2&to=1", "")
        .await
        .refused(400, "invalid_parameter");
}

/// A folder with a sale, stopped; a customer with an account bought a seat.
async fn sold() -> (DataFolder, String) {
    let app = TestApp::start().await;
    let sale = Sale::open(&app).await;
    let body =
        json!({"email": "ada@example.org", "password": "correct horse battery", "name": "Ada"});
    let registered = app
        .post("/v1/customers", "", &body)
        .send()
        .await
        .expect(201);
    let id = registered["customer_id"].as_str().unwrap().to_owned();
    let fan = Fan {
        id: id.parse().unwrap(),
        token: app.token(Role::Customer, id.parse().unwrap()),
    };
    fan.charge(&app, 1_000).await;
    sale.buy(&app, &fan, &["A-1-1"]).await;
    sale.hold(&app, &fan, &["A-1-3"]).await;
    (app.stop().await, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_can_be_imported_and_is_the_same() {
    let (old, _) = sold().await;
    let new = DataFolder::new();
    std::fs::create_dir_all(&new.0).unwrap();
    let (first, second) = (new.0.join("first.ndjson"), new.0.join("second.ndjson"));
    let (first, second) = (first.to_str().unwrap(), second.to_str().unwrap());
    succeeds(&old.0, &["audit", "export", first]);
    succeeds(&old.0, &["audit", "seal"]);
    let report: Value = serde_json::from_str(&succeeds(
        &old.0,
        &["audit", "seal", "--check", "--output", "json"],
    ))
    .unwrap();
    assert_eq!(report["found"], 0);
    // The key store is no part of an export: it is restored from its own backup.
    for name in ["keys.db", "keys.db-wal"] {
        if old.0.join(name).exists() {
            std::fs::copy(old.0.join(name), new.0.join(name)).unwrap();
        }
    }
    let report: Value = serde_json::from_str(&succeeds(
        &new.0,
        &["audit", "import", first, "--output", "json"],
    ))
    .unwrap();
    assert_eq!(report["unread_emails"], 0);
    assert!(report["steps"].as_u64().unwrap() >= 3, "{report}");
    succeeds(&new.0, &["audit", "export", second]);
    let read = |path: &str| std::fs::read(path).unwrap();
    assert!(read(first) == read(second));
    let manifest = |path: &str| read(&format!("{path}.manifest.json"));
    assert_eq!(manifest(first), manifest(second));

    // The old heads hold for the new log.
    let heads = old.0.join("sealed-heads.ndjson");
    let key = old.0.join("sealing-key.pem");
    std::fs::copy(key, new.0.join("sealing-key.pem")).unwrap();
    succeeds(&new.0, &["audit", "seal"]);
    let heads = heads.to_str().unwrap();
    let report = frontrow(&new.0, &["audit", "seal", "--check", "--heads", heads]);
    assert!(
        text(&report).contains("every sealed event"),
        "{}",
        text(&report)
    );

    // A server goes on with it, and everything fits.
    let app = TestApp::start_on(new, |_| {}).await;
    app.finish().await;
    drop(old);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_not_whole_is_refused_by_line() {
    let (old, _) = sold().await;
    let new = DataFolder::new();
    std::fs::create_dir_all(&new.0).unwrap();
    let file = new.0.join("log.ndjson");
    let file = file.to_str().unwrap();
    fails(&new.0, &["audit", "import", file], 2, "manifest");
    succeeds(&old.0, &["audit", "export", file]);
    fails(&old.0, &["audit", "export", file], 2, "already");
    fails(&old.0, &["audit", "import", file], 2, "events of its own");
    let whole = std::fs::read_to_string(file).unwrap();
    let lines: Vec<_> = whole.lines().collect();
    let number = lines.len();
    let wrong = |text: String, says: &str| {
        std::fs::write(file, text).unwrap();
        fails(&new.0, &["audit", "import", file], 2, says);
        assert!(!new.0.join("log.db").exists(), "{says}");
        assert!(!new.0.join("log.db.importing").exists(), "{says}");
    };
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    wrong(
        joined(&lines[..number - 1]),
        &format!("ends with line {}", number - 1),
    );
    wrong(
        whole.trim_end().to_owned(),
        &format!("line {number}: it is cut off"),
    );
    wrong(
        whole.clone() + "\n",
        &format!("line {}: its manifest", number + 1),
    );
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    wrong(joined(&swapped), "line 3: it has the event at position 4");
    wrong(
        whole.replacen("position", "pasition", 1),
        "line 1: it is no event",
    );
    wrong(
        whole.replacen("A-1-1", "A-1-9", 1),
        "are not what was exported",
    );
    std::fs::write(file, &whole).unwrap();
    succeeds(&new.0, &["audit", "import", file]);
    fails(&new.0, &["audit", "import", file], 2, "events of its own");

    // A part of a log, or a table to look at, is none to go on with.
    let part = new.0.join("part.ndjson");
    let part = part.to_str().unwrap();
    succeeds(
        &old.0,
        &["audit", "export", part, "--from", "2", "--to", "4"],
    );
    assert_eq!(std::fs::read_to_string(part).unwrap(), joined(&lines[1..4]));
    let empty = DataFolder::new();
    fails(&empty.0, &["audit", "import", part], 2, "part of a log");
    let csv = new.0.join("log.csv");
    let csv = csv.to_str().unwrap();
    succeeds(&old.0, &["audit", "export", csv, "--format", "csv"]);
    assert!(
        std::fs::read_to_string(csv)
            .unwrap()
            .starts_with("position,shard,epoch,")
    );
    fails(&empty.0, &["audit", "import", csv], 2, "only NDJSON");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_erased_from_the_command_line() {
    let (data, id) = sold().await;
    fails(
        &data.0,
        &[
            "customer",
            "erase",
            &Uuid::now_v7().to_string(),
            "--reason",
            "asked",
        ],
        1,
        "no customer",
    );
    let said = succeeds(
        &data.0,
        &["customer", "erase", &id, "--reason", "asked by letter"],
    );
    assert!(said.contains("destroyed"), "{said}");
    succeeds(
        &data.0,
        &["customer", "erase", &id, "--reason", "asked again"],
    );
    let app = TestApp::start_on(data, |_| {}).await;
    let credentials = json!({"email": "ada@example.org", "password": "correct horse battery"});
    app.post("/v1/sessions", "", &credentials)
        .send()
        .await
        .refused(401, "invalid_credentials");
    let body =
        json!({"email": "ada@example.org", "password": "correct horse battery", "name": "Ada"});
    let anew = app
        .post("/v1/customers", "", &body)
        .send()
        .await
        .expect(201);
    assert_ne!(anew["customer_id"], json!(id));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_of_drops_are_known_again_after_an_import() {
    let app = TestApp::start().await;
    crate::replay::drop_of_vinyl(&app).await;
    let old = app.stop().await;
    let new = DataFolder::new();
    std::fs::create_dir_all(&new.0).unwrap();
    let file = new.0.join("log.ndjson");
    let file = file.to_str().unwrap();
    succeeds(&old.0, &["audit", "export", file]);
    for name in ["keys.db", "keys.db-wal"] {
        if old.0.join(name).exists() {
            std::fs::copy(old.0.join(name), new.0.join(name)).unwrap();
        }
    }
    succeeds(&new.0, &["audit", "import", file]);
    // What the manager of drops did is known, what clients and the entries' batches did is not.
    let steps = "SELECT event_type, count(*) FROM events JOIN commands USING (command_id) WHERE aggregate_type = 'drop' \
        AND first_position = position GROUP BY 1 ORDER BY 1";
    let known = sqlite(&new.0.join("log.db"), steps);
    let own = "SELECT event_type, count(*) FROM events JOIN commands USING (command_id) WHERE aggregate_type = 'drop' \
        AND first_position = position AND event_type IN ('EntriesDrawn', 'EntriesSealed', 'SecretRevealed', 'StandbysDismissed', 'WinnersSettled') \
        GROUP BY 1 ORDER BY 1";
    assert_eq!(known, sqlite(&old.0.join("log.db"), own));
    assert!(known.lines().count() == 5, "{known}");
    // The server that goes on with it does nothing twice.
    let app = TestApp::start_on(new, |_| {}).await;
    app.finish().await;
    drop(old);
}
