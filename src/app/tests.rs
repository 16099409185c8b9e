//! Starting and stopping.

mod postgres;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use hyper::http::{HeaderValue, header};
use serde_json::{Value, json};

use super::*;
use crate::{
    data_folder::TemporaryFolder,
    driver::{Call, Connections, Outcome},
};

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(20);
/// Points are charged by so many at a time.
const CHARGING: usize = 32;
/// The server is told to stop once so many charges were answered.
const BEFORE_STOP: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_before_the_stop_is_answered_and_nothing_else_is_done() {
    let folder = TemporaryFolder::new().unwrap();
    let app = App::start(AppConfig::for_tests(folder.path()))
        .await
        .unwrap();
    let server = Connections::new(app.addr(), CHARGING);
    let tokens: Vec<_> = (0..CHARGING)
        .map(|_| app.token(Role::Customer, Uuid::now_v7()).unwrap())
        .collect();
    let answered = Arc::new(AtomicUsize::new(0));
    let enough = Arc::new(tokio::sync::Notify::new());
    let charging = tokens.into_iter().map(|token| {
        let (server, answered, enough) = (server.clone(), answered.clone(), enough.clone());
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        let charge = Call::post("/v1/points/charges", &json!({"amount": 1})).authorized(bearer);
        async move {
            let mut created = 0_u64;
            // Each goes on until the server is gone.
            while Outcome::of(&server.send(charge.clone()).await) == Outcome::Created {
                created += 1;
                if answered.fetch_add(1, Ordering::Relaxed) == BEFORE_STOP {
                    enough.notify_one();
                }
            }
            created
        }
    });
    let stop = async {
        enough.notified().await;
        app.shutdown().await.unwrap();
    };
    let ((), created) = tokio::join!(stop, join_all(charging));
    let app = App::start(AppConfig::for_tests(folder.path()))
        .await
        .unwrap();
    let head = app.log().unwrap().head().await.unwrap().position;
    assert_eq!(head.0, created.iter().sum::<u64>());
    assert_eq!(app.settle().await.unwrap(), head);
    app.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_does_not_hold_up_the_stop() {
    let folder = TemporaryFolder::new().unwrap();
    let mut config = AppConfig::for_tests(folder.path());
    config.settings.server.demo_catalogue = true;
    let app = App::start(config).await.unwrap();
    let show = app.demo_show().unwrap().show_id().unwrap();
    let server = Connections::new(app.addr(), 1);
    let stream = Call::get(format!("/v1/shows/{show}/seats/stream")).header(
        header::ACCEPT,
        HeaderValue::from_static("text/event-stream"),
    );
    // The stream's answer is whole only once the server ends it.
    let (streamed, stopped) = tokio::join!(server.send(stream), async {
        let open = async {
            while !streams(&app).await {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, open)
            .await
            .expect("the stream was opened");
        let begun = std::time::Instant::now();
        app.shutdown().await.unwrap();
        begun.elapsed()
    });
    assert!(streamed.unwrap().status.is_success());
    assert!(stopped < Duration::from_secs(5), "{stopped:?}");
}

/// Whether a stream is open; no other test of this process opens one.
async fn streams(app: &App) -> bool {
    let metrics = Connections::new(app.addr(), 1);
    let reply = metrics.send(Call::get("/metrics")).await.unwrap();
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    let open = format!("{} ", query_api::metrics::STREAMS);
    text.lines()
        .any(|line| line.starts_with(&open) && !line.ends_with(" 0"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named() {
    let folder = TemporaryFolder::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = AppConfig::for_tests(folder.path());
    config.listen = taken.local_addr().unwrap();
    let expected = config.listen.to_string();
    let error = format!("{:#}", App::start(config).await.unwrap_err());
    assert!(error.contains(&expected), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_readiness_finds_the_demo_catalogue() {
    let folder = TemporaryFolder::new().unwrap();
    let mut config = AppConfig::for_tests(folder.path());
    config.settings.server.demo_catalogue = true;
    let free = std::net::TcpListener::bind(config.listen).unwrap();
    config.listen = free.local_addr().unwrap();
    drop(free);
    let server = Connections::new(config.listen, 1);
    let waiting = async {
        while !server
            .send(Call::get("/readyz"))
            .await
            .is_ok_and(|reply| reply.status.is_success())
        {
            tokio::task::yield_now().await;
        }
        server.send(Call::get("/v1/shows")).await.unwrap()
    };
    let (app, shows) = tokio::join!(App::start(config), timeout(PATIENCE, waiting));
    let shows = String::from_utf8(shows.unwrap().body.to_vec()).unwrap();
    assert!(shows.contains("\"on_sale\""), "{shows}");
    app.unwrap().shutdown().await.unwrap();
}
