//! From the embedded stores to Postgres, and on with what was begun.

use std::{
    path::Path,
    process::{Command, Output},
};

use edge::auth::Role;
use event_store::{
    EventLog, Position, SqliteEventLog,
    log::{postgres::PostgresImport, sqlite},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{DataFolder, Fan, Sale, TestApp};

const PASSWORD: &str = "correct horse battery";

fn frontrow(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_frontrow"));
    for argument in arguments {
        program.arg(argument);
    }
    program.output().unwrap()
}

fn migrate(from: &Path, to: &Path) -> Output {
    frontrow(&[
        &"migrate",
        &"--from",
        &from,
        &"--to",
        &to,
        &"--output",
        &"json",
    ])
}

#[track_caller]
fn refused(output: &Output, says: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains(says), "{text}");
}

/// What somebody did on the embedded stores.
struct Before {
    fan: Fan,
    refresh_token: Value,
    hold: Value,
    sale: Sale,
}

fn credentials() -> Value {
    json!({"email": "ada@example.org", "password": PASSWORD})
}

impl Before {
    async fn new(app: &TestApp) -> Self {
        let sale = Sale::open(app).await;
        let ada = json!({"email": "ada@example.org", "password": PASSWORD, "name": "Ada"});
        let registered = app.post("/v1/customers", "", &ada).send().await.expect(201);
        let session = app.post("/v1/sessions", "", &credentials()).send().await;
        let session = session.expect(201);
        let id: Uuid = registered["customer_id"].as_str().unwrap().parse().unwrap();
        let fan = Fan {
            id,
            token: app.token(Role::Customer, id),
        };
        fan.charge(app, 100).await;
        let hook = json!({"url": "https://example.org/", "events": ["show.cancelled"]});
        let hook = app
            .post("/v1/webhooks", &sale.organizer, &hook)
            .send()
            .await;
        hook.expect(201);
        // Something sold, so that there are claims and a finished payment; and told.
        let (_, paid) = sale.buy(app, &fan, &["A-1-1"]).await;
        let path = "/v1/me/notifications";
        let told = app.get_at(path, &fan.token, &paid["position"]).await;
        assert_eq!(told.expect(200)["items"].as_array().unwrap().len(), 2);
        let late = app.post("/v1/reservations", &fan.token, &sale.seats(&["A-1-1"]));
        late.send().await.refused(409, "seats_unavailable");
        let hold = app
            .post("/v1/reservations", &fan.token, &sale.seats(&["A-2-1"]))
            .key("the hold");
        Self {
            hold: hold.send().await.expect(201),
            refresh_token: session["refresh_token"].clone(),
            fan,
            sale,
        }
    }

    /// Goes on where it was left.
    async fn go_on(&self, app: &TestApp) {
        app.post("/v1/sessions", "", &credentials())
            .send()
            .await
            .expect(201);
        let refresh = json!({"refresh_token": self.refresh_token});
        app.post("/v1/sessions/refresh", "", &refresh)
            .send()
            .await
            .expect(201);
        let again = json!({"email": "ADA@example.org", "password": PASSWORD, "name": "Ada"});
        app.post("/v1/customers", "", &again)
            .send()
            .await
            .refused(409, "email_taken");
        // The key of before gets the answer of before; another body under it is seen through.
        let repeat = |seat| {
            app.post(
                "/v1/reservations",
                &self.fan.token,
                &self.sale.seats(&[seat]),
            )
            .key("the hold")
            .send()
        };
        assert_eq!(repeat("A-2-1").await.expect(201), self.hold);
        repeat("A-2-2").await.refused(422, "idempotency_key_reused");
        let paid = self.fan.pay(app, &self.hold["reservation_id"]).send().await;
        let paid = paid.expect(201);
        assert_eq!(self.fan.balance(app, &paid["position"]).await, 80);
        let path = "/v1/me/notifications";
        let told = app.get_at(path, &self.fan.token, &paid["position"]).await;
        assert_eq!(told.expect(200)["items"].as_array().unwrap().len(), 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_goes_on_after_the_move_to_postgres() {
    let name = "the move to Postgres";
    let (Some(log), Some(keys)) = (
        servers::log_database(name).await,
        servers::log_database(name).await,
    ) else {
        return;
    };
    let app = TestApp::start().await;
    let before = Before::new(&app).await;
    let new = DataFolder::new();
    let config = new.0.join("frontrow.toml");
    let signing_key = new.0.join("key.pem");
    let text = format!(
        "[log]\nurl = \"{}\"\n[key_store]\nurl = \"{}\"\n[auth]\nsigning_key = \"{}\"\n",
        log.url,
        keys.url,
        signing_key.display()
    );
    std::fs::write(&config, text).unwrap();
    refused(&migrate(app.data(), &config), "in use");
    let old = app.stop().await;

    // One that was cut short after a few events.
    let source = SqliteEventLog::open(&old.0.join("log.db"), sqlite::Options::default()).await;
    let source = source.unwrap();
    let head = source.head().await.unwrap().position;
    let some = source.read_all(Position(0), 3).await.unwrap();
    source.close().await;
    let import = PostgresImport::open(&log.url).await.unwrap();
    import.begin().await.unwrap();
    import.events(&some).await.unwrap();
    import.close().await;

    let done = migrate(&old.0, &config);
    let text = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{text}");
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["events"], head.0);
    let told = (&report["notifications"], &report["webhooks"]);
    assert_eq!(told, (&json!(2), &json!(1)));
    assert_eq!(
        (&report["keys"], &report["sessions"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(report["refusals"], 2, "one, and its count");
    refused(&migrate(&old.0, &config), "of its own");

    let app = TestApp::start_on(new, |config| {
        config.settings.log.url.clone_from(&log.url);
        config.settings.key_store.url.clone_from(&keys.url);
        config.settings.auth.signing_key = signing_key.display().to_string();
    })
    .await;
    before.go_on(&app).await;
    let new = app.stop().await;
    let verdict = frontrow(&[&"audit", &"verify", &"--config", &config, &"--data", &new.0]);
    let text = String::from_utf8_lossy(&verdict.stdout);
    assert!(verdict.status.success(), "{text}");
}
