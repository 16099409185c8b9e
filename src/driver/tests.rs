//! The driver against a server that misbehaves.

use std::{sync::Mutex, time::Duration};

use axum::{Router, routing::get};
use tokio::{net::TcpListener, time::sleep};

use super::*;

async fn server(router: Router) -> (std::net::SocketAddr, TaskTracker) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, tasks) = (listener.local_addr().unwrap(), TaskTracker::new());
    tasks.spawn(async move { axum::serve(listener, router).await });
    (addr, tasks)
}

fn driver(addr: std::net::SocketAddr, connections: usize) -> (Driver, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let connections = Connections::new(addr, connections);
    (Driver::new(connections, recorder.clone()), recorder)
}

#[tokio::test]
async fn a_stall_is_charged_with_what_it_kept_waiting() {
    // One connection, and each answer takes 20 ms: the tenth of ten calls due at once waits for 200 ms.
    let slow = Router::new().route("/", get(|| sleep(Duration::from_millis(20))));
    let (addr, _server) = server(slow).await;
    let (driver, recorder) = driver(addr, 1);
    let tasks = TaskTracker::new();
    open_loop(
        Schedule::even(10, Duration::ZERO),
        Instant::now(),
        &tasks,
        |_, due| {
            let driver = driver.clone();
            async move {
                driver.call("slow", due, Call::get("/")).await;
            }
        },
    )
    .await;
    tasks.close();
    tasks.wait().await;
    let stats = &recorder.snapshot()["slow"];
    assert_eq!(stats.all.count(), 10);
    assert!(
        stats.all.max() >= Duration::from_millis(200),
        "{:?}",
        stats.all.max()
    );
}

#[tokio::test]
async fn a_connection_that_was_closed_is_replaced() {
    let closing = get(|| async { ([("connection", "close")], "bye") });
    let (addr, _server) = server(Router::new().route("/", closing)).await;
    let (driver, _) = driver(addr, 1);
    for _ in 0..3 {
        let answer = driver.call("close", Instant::now(), Call::get("/")).await;
        assert_eq!(answer.outcome, Outcome::Done);
    }
}

#[tokio::test]
async fn what_was_never_sent_failed_and_what_broke_off_is_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let tasks = TaskTracker::new();
    tasks.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        stream.readable().await.unwrap();
    });
    let (driver, recorder) = driver(addr, 1);
    let broken = driver.call("pay", Instant::now(), Call::get("/")).await;
    assert_eq!(broken.outcome, Outcome::Unknown);
    tasks.close();
    tasks.wait().await;
    let refused = driver.call("pay", Instant::now(), Call::get("/")).await;
    assert!(matches!(refused.outcome, Outcome::Failed(_)), "{refused:?}");
    assert_eq!(recorder.snapshot()["pay"].unknown, 1);
}

#[derive(Debug, Default)]
struct Memory(Mutex<Vec<Acknowledged>>);

impl Journal for Memory {
    fn acknowledged(&self, entry: &Acknowledged) {
        self.0.lock().unwrap().push(entry.clone());
    }
}

#[tokio::test]
async fn the_journal_holds_what_was_acknowledged_alone() {
    let routes = Router::new()
        .route("/yes", get(|| async { (StatusCode::CREATED, "{}") }))
        .route(
            "/no",
            get(|| async { (StatusCode::CONFLICT, r#"{"code":"taken"}"#) }),
        );
    let (addr, _server) = server(routes).await;
    let (driver, recorder) = driver(addr, 2);
    let journal = Arc::new(Memory::default());
    let driver = driver.with_journal(journal.clone());
    for path in ["/yes", "/no"] {
        driver
            .call("hold", Instant::now(), Call::get(path).keyed("k"))
            .await;
    }
    let noted = journal.0.lock().unwrap();
    assert_eq!(noted.len(), 1);
    assert_eq!(
        (noted[0].path.as_str(), noted[0].idempotency_key.as_deref()),
        ("/yes", Some("k"))
    );
    let stats = &recorder.snapshot()["hold"];
    assert_eq!((stats.created.count(), stats.refused["taken"]), (1, 1));
}
