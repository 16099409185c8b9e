//! What arrives malformed, too large, too slow, or at the wrong door.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Fan, Sale, TestApp, both_ways};

both_ways!(every_error_is_a_problem_document,);

async fn every_error_is_a_problem_document(app: TestApp) {
    let fan = Fan::new(&app);
    app.get("/v1/nothing/here", "")
        .await
        .refused(404, "no_such_route");
    let wrong = app
        .call(Method::DELETE, "/v1/concerts", "", None)
        .send()
        .await;
    assert!(wrong.headers.contains_key("allow"));
    wrong.refused(405, "method_not_allowed");
    let large = json!({"amount": 1, "note": "x".repeat(70_000)});
    app.post("/v1/points/charges", &fan.token, &large)
        .send()
        .await
        .refused(413, "body_too_large");
    let post = |body: &'static str, media: &'static str| {
        app.client
            .post(app.url(&Method::POST, "/v1/points/charges"))
            .bearer_auth(&fan.token)
            .header("content-type", media)
            .body(body)
    };
    for (body, media, status) in [
        ("{\"amount\":", "application/json", 400),
        ("{}", "application/json", 400),
        ("amount=1", "text/plain", 415),
    ] {
        let reply = post(body, media).send().await.unwrap();
        assert_eq!(
            (reply.status().as_u16(), &reply.headers()["content-type"]),
            (status, &"application/problem+json".parse().unwrap()),
            "{body}"
        );
    }
    for path in [
        "/v1/shows/nonsense",
        "/v1/shows/00000000-0000-7000-8000-000000000000",
        "/v1/concerts/nonsense/",
        "/v1/shows/x/seats",
    ] {
        assert_eq!(app.get(path, "").await.status, 404, "{path}");
    }
    let key = "k".repeat(256);
    assert_eq!(
        app.post("/v1/points/charges", &fan.token, &json!({"amount": 1}))
            .key(&key)
            .send()
            .await
            .status,
        400
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_ends_its_headers_is_let_go() {
    let app = TestApp::start().await;
    let url = app.url(&Method::GET, "");
    let address = url.strip_prefix("http://").unwrap();
    let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /v1/concerts HTTP/1.1\r\nhost: x\r\nx-slow: ")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(15), slow.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the connection was still open after 15 s");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_metrics_and_documents_are_served() {
    let app = TestApp::start().await;
    let sale = Sale::open(&app).await;
    sale.hold(&app, &Fan::new(&app), &["A-1-1"]).await;
    assert_eq!(app.get("/livez", "").await.status, 200);
    assert_eq!(app.get("/readyz", "").await.status, 200);
    let metrics = app.get("/metrics", "").await.expect(200);
    let text = metrics.as_str().unwrap();
    assert!(
        text.contains("# HELP") && text.contains("_seconds_bucket"),
        "{text}"
    );
    assert!(
        text.contains("frontrow_projections_lag_positions{"),
        "{text}"
    );
    let document = app.get("/openapi.json", "").await.expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for path in [
        "/v1/reservations",
        "/v1/shows/{id}/seats/status",
        "/v1/payments/{id}/refund",
        "/v1/sessions/current",
    ] {
        assert!(
            document["paths"][path].is_object(),
            "{path} is not described"
        );
    }
    let page = app
        .client
        .get(app.url(&Method::GET, "/docs/"))
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
    let html = page.text().await.unwrap();
    assert!(
        !html.contains("https://") && !html.contains("http://"),
        "the page loads something from elsewhere"
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_begun_elsewhere_is_carried_into_the_log() {
    let app = TestApp::start().await;
    let sale = Sale::open(&app).await;
    let fan = Fan::new(&app);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let call = app.post("/v1/reservations", &fan.token, &sale.best(1));
    let held = call.header("traceparent", trace).send().await.expect(201);
    let query = format!(
        "SELECT metadata FROM events WHERE position = {}",
        held["position"]
    );
    let row = std::process::Command::new("sqlite3")
        .arg(app.data().join("log.db"))
        .arg(query)
        .output()
        .unwrap();
    let metadata = String::from_utf8(row.stdout).unwrap();
    assert!(
        metadata.contains("4bf92f3577b34da6a3ce929d0e0e4736")
            && metadata.contains(&fan.id.to_string()),
        "{metadata}"
    );
    app.finish().await;
}
