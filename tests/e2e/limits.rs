//! Too much: of one caller, and of all together.

use frontrow::{app::AppConfig, config::Limits};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{DataFolder, Fan, Reply, Sale, TestApp, Watcher};

/// Everything in this process, with limits that this machine's own calls count under.
async fn limited(change: impl FnOnce(&mut Limits)) -> TestApp {
    let set = |config: &mut AppConfig| {
        let limits = &mut config.settings.limits;
        limits.exempt.clear();
        change(limits);
    };
    TestApp::start_on(DataFolder::new(), set).await
}

fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.headers[name].to_str().unwrap()
}

async fn charge(app: &TestApp, fan: &Fan, body: &Value) -> Reply {
    app.post("/v1/points/charges", &fan.token, body)
        .send()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_customer_s_commands_are_limited_and_nobody_else_s() {
    let app = limited(|limits| limits.commands_per_customer = 2).await;
    let (eager, patient) = (Fan::new(&app), Fan::new(&app));
    let amount = json!({"amount": 10});
    let first = charge(&app, &eager, &amount).await;
    assert_eq!(
        header(&first, "ratelimit-policy"),
        r#""address";q=30000;w=60, "commands";q=2;w=60"#
    );
    assert!(header(&first, "ratelimit").ends_with(r#""commands";r=1;t=30"#));
    first.expect(201);
    let last = charge(&app, &eager, &amount).await.expect(201);
    // Before the body is read: this one would be refused for what it says.
    let refused = charge(&app, &eager, &json!("nonsense")).await;
    let seconds: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
    let limit = format!(r#""commands";r=0;t={seconds}"#);
    assert!(header(&refused, "ratelimit").ends_with(&limit));
    let problem = refused.refused(429, "too_many_requests");
    assert_eq!(problem["violated_policies"], json!(["commands"]));
    assert!(problem["retry_after_ms"].as_u64().unwrap() <= seconds * 1_000);

    charge(&app, &patient, &amount).await.expect(201);
    assert_eq!(eager.balance(&app, &last["position"]).await, 20);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_are_limited_by_address_before_a_password_is_looked_at() {
    let app = limited(|limits| limits.sign_ins_per_address = 2).await;
    let ada =
        json!({"email": "ada@example.org", "password": "correct horse battery", "name": "Ada"});
    let sign_in = json!({"email": "ada@example.org", "password": "correct horse battery"});
    let post = async |path: &str, body: &Value| app.post(path, "", body).send().await;
    post("/v1/customers", &ada).await.expect(201);
    let session = post("/v1/sessions", &sign_in).await.expect(201);
    for path in ["/v1/sessions", "/v1/customers"] {
        let problem = post(path, &json!({}))
            .await
            .refused(429, "too_many_requests");
        assert_eq!(problem["violated_policies"], json!(["sign_ins"]));
    }
    // Whoever has a session keeps it.
    let refresh = json!({"refresh_token": session["refresh_token"]});
    post("/v1/sessions/refresh", &refresh).await.expect(201);
    app.finish().await;
}

/// Reads the catalogue as a client whom a proxy says to be at some address.
async fn read_from(app: &TestApp, forwarded: &str) -> u16 {
    let call = app.call(Method::GET, "/v1/concerts", "", None);
    call.header("x-forwarded-for", forwarded)
        .send()
        .await
        .status
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_proxy_of_ours_is_counted_whatever_it_claims() {
    let app = limited(|limits| limits.calls_per_address = 2).await;
    let mut statuses = Vec::new();
    for claimed in ["1.1.1.1", "2.2.2.2", "3.3.3.3"] {
        statuses.push(read_from(&app, claimed).await);
    }
    assert_eq!(statuses, [200, 200, 429]);
    for probe in ["/livez", "/readyz", "/metrics", "/openapi.json"] {
        app.get(probe, "").await.expect(200);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_ours_is_believed_and_what_its_client_made_up_is_not() {
    let app = limited(|limits| {
        limits.calls_per_address = 1;
        limits.trusted_proxies = vec!["127.0.0.1".to_owned(), "10.0.0.0/8".to_owned()];
        limits.exempt = vec!["203.0.113.0/24".to_owned()];
    })
    .await;
    assert_eq!(read_from(&app, "198.51.100.1").await, 200);
    assert_eq!(read_from(&app, "198.51.100.2").await, 200, "another");
    assert_eq!(read_from(&app, "198.51.100.3, 198.51.100.1").await, 429);
    assert_eq!(read_from(&app, "198.51.100.1, 10.0.0.3").await, 429);
    assert_eq!(read_from(&app, "2001:db8::1").await, 200);
    assert_eq!(read_from(&app, "2001:db8::2").await, 429, "the same /64");
    for _ in 0..3 {
        assert_eq!(read_from(&app, "203.0.113.5").await, 200, "exempt");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_requests_in_flight_one_is_refused_at_once_and_streams_do_not_count() {
    let app = TestApp::start().await;
    let sale = Sale::open(&app).await;
    let app = app
        .restart_after(|config| config.settings.server.max_requests_in_flight = 1)
        .await;
    let mut watcher = Watcher::open(&app, &sale.path("/seats/stream"), None).await;
    assert_eq!(watcher.next().await.unwrap().event, "snapshot");
    // Each would wait for two seconds for a position that does not come, and there is room for one.
    let wait = async || {
        let call = app.call(Method::GET, "/v1/concerts", "", None);
        call.header("at-least-position", "1000000").send().await
    };
    let (one, other, probe) = tokio::join!(wait(), wait(), app.get("/livez", ""));
    probe.expect(200);
    let mut codes = Vec::new();
    for reply in [one, other] {
        let seconds: u64 = header(&reply, "retry-after").parse().unwrap();
        assert!((1..=3).contains(&seconds), "{seconds}");
        let code = reply.body["code"].as_str().unwrap().to_owned();
        reply.refused(503, &code);
        codes.push(code);
    }
    codes.sort_unstable();
    assert_eq!(codes, ["not_caught_up", "overloaded"]);
    app.get("/v1/concerts", "").await.expect(200);
    drop(watcher);
    app.finish().await;
}
