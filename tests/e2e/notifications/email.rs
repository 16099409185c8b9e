//! Mail, by a real server.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use frontrow::app::AppConfig;
use serde_json::json;
use servers::Smtp;

use super::{Fan, Sale, TestApp, admin};
use crate::harness::DataFolder;

/// How long mails may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Of all mails, one header.
pub(super) fn headers(mails: &[String], name: &str) -> Vec<String> {
    let name = format!("{}:", name.to_lowercase());
    let header = |mail: &String| {
        let mut lines = mail
            .lines()
            .filter(|line| line.to_lowercase().starts_with(&name));
        lines.next().unwrap_or_default()[name.len()..]
            .trim()
            .to_owned()
    };
    mails.iter().map(header).collect()
}

/// Has mail sent by a server.
fn by(smtp: &Smtp, language: &'static str) -> impl FnOnce(&mut AppConfig) + use<> {
    let url = smtp.url();
    move |config| {
        let settings = &mut config.settings.notifications.smtp;
        settings.url = url.into();
        "Frontrow <noreply@tickets.example>".clone_into(&mut settings.from);
        settings.language = serde_json::from_value(json!(language)).unwrap();
    }
}

async fn start(smtp: &Smtp, language: &'static str) -> TestApp {
    TestApp::start_on(DataFolder::new(), by(smtp, language)).await
}

/// Registers, signs in and charges.
pub(super) async fn register(app: &TestApp, email: &str) -> Fan {
    let password = "correct horse battery";
    let body = json!({"email": email, "password": password, "name": "Anna Grün"});
    let customer = app
        .post("/v1/customers", "", &body)
        .send()
        .await
        .expect(201);
    let body = json!({"email": email, "password": password});
    let session = app.post("/v1/sessions", "", &body).send().await.expect(201);
    let fan = Fan {
        id: customer["customer_id"].as_str().unwrap().parse().unwrap(),
        token: session["access_token"].as_str().unwrap().to_owned(),
    };
    fan.charge(app, 1_000).await;
    fan
}

/// Waits until the server has so many mails.
async fn until(app: &TestApp, smtp: &Smtp, count: usize) -> Vec<String> {
    let end = Instant::now() + PATIENCE;
    loop {
        let mails = smtp.mails();
        if mails.len() >= count {
            return mails;
        }
        assert!(Instant::now() < end, "{count} are wanted: {mails:#?}");
        // Gives the time of one call to whoever sends.
        app.get("/livez", "").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_mailed_once_to_who_has_an_address() {
    let Some(smtp) = Smtp::start("mails of a purchase").await else {
        return;
    };
    let app = start(&smtp, "en").await;
    let sale = Sale::open(&app).await;
    let anna = register(&app, "anna@example.org").await;
    // One who never registered has none, and is told in the list alone.
    let stranger = Fan::with_points(&app, 100).await;
    sale.buy(&app, &stranger, &["A-2-1"]).await;
    let (_, paid) = sale.buy(&app, &anna, &["A-1-1"]).await;
    let mails = until(&app, &smtp, 2).await;
    let items = super::told(&app, &anna, &paid["position"]).await;
    let expected: BTreeSet<_> = items
        .iter()
        .map(|item| {
            format!(
                "<{}@tickets.example>",
                item["notification_id"].as_str().unwrap()
            )
        })
        .collect();
    let ids: BTreeSet<_> = headers(&mails, "message-id").into_iter().collect();
    assert_eq!(ids, expected);
    assert!(
        headers(&mails, "to")
            .iter()
            .all(|to| to == "anna@example.org")
    );
    let mut subjects = headers(&mails, "subject");
    subjects.sort();
    assert_eq!(
        subjects,
        ["Your payment for A night", "Your tickets for A night"]
    );
    let app = app.restart_after(by(&smtp, "en")).await;
    // A mail more comes; the others do not come again.
    let held = sale.hold(&app, &anna, &["A-3-1"]).await;
    let path = format!(
        "/v1/reservations/{}/cancel",
        held["reservation_id"].as_str().unwrap()
    );
    app.post(&path, &anna.token, &json!({}))
        .send()
        .await
        .expect(200);
    until(&app, &smtp, 3).await;
    assert_eq!(smtp.mails().len(), 3);
    // No address is in the log's file, in its ledger or elsewhere.
    let log = std::fs::read(app.data().join("log.db")).unwrap();
    let address = b"anna@example.org";
    assert!(!log.windows(address.len()).any(|window| window == address));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_korean_where_that_is_set() {
    let Some(smtp) = Smtp::start("mails in Korean").await else {
        return;
    };
    let app = start(&smtp, "ko").await;
    let sale = Sale::open(&app).await;
    let anna = register(&app, "anna@example.org").await;
    sale.buy(&app, &anna, &["A-1-1"]).await;
    let mails = until(&app, &smtp, 2).await;
    for subject in headers(&mails, "subject") {
        assert!(subject.contains("=?utf-8?"), "{subject}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_gets_the_mail_when_it_is_back() {
    let Some(smtp) = Smtp::start("mails after a failure").await else {
        return;
    };
    let app = start(&smtp, "en").await;
    let sale = Sale::open(&app).await;
    let anna = register(&app, "anna@example.org").await;
    smtp.kill();
    let (_, paid) = sale.buy(&app, &anna, &["A-1-1"]).await;
    super::told(&app, &anna, &paid["position"]).await;
    smtp.start_again().await;
    let end = Instant::now() + PATIENCE;
    while smtp.mails().len() < 2 {
        assert!(Instant::now() < end, "{:#?}", smtp.mails());
        app.advance(1);
        app.get("/livez", "").await.expect(200);
    }
    let ids: BTreeSet<_> = headers(&smtp.mails(), "message-id").into_iter().collect();
    assert_eq!(ids.len(), 2);
    let listed = app.get("/v1/ops/dead-letters", &admin(&app)).await;
    assert_eq!(listed.expect(200)["items"], json!([]));
    app.finish().await;
}
