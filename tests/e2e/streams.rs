//! The live map: server-sent events that resume.

use std::time::Duration;

use futures::StreamExt;
use reqwest::Method;
use serde_json::Value;

use crate::harness::{Fan, Sale, TestApp, both_ways};

both_ways!(watchers_see_each_change_and_resume);

/// One server-sent event.
#[derive(Debug)]
struct Message {
    id: u64,
    event: String,
    data: Value,
}

/// Reads events off one response.
struct Watcher {
    bytes: std::pin::Pin<Box<dyn futures::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
}

impl Watcher {
    async fn open(app: &TestApp, path: &str, last: Option<u64>) -> Self {
        let mut request = app.client.get(app.url(&Method::GET, path));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            bytes: Box::pin(response.bytes_stream()),
            text: String::new(),
        }
    }

    /// The next event that is not a comment; `None` at the stream's end.
    async fn next(&mut self) -> Option<Message> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(|text| text.trim().to_owned())
                };
                if let Some(data) = field("data:") {
                    let id = field("id:").unwrap().parse().unwrap();
                    return Some(Message {
                        id,
                        event: field("event:").unwrap(),
                        data: serde_json::from_str(&data).unwrap(),
                    });
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.bytes.next())
                .await
                .expect("no event came");
            self.text.push_str(&String::from_utf8_lossy(&chunk?.ok()?));
        }
    }
}

async fn watchers_see_each_change_and_resume(app: TestApp) {
    let sale = Sale::open(&app).await;
    app.get_at(&sale.path("/seats/status"), "", &sale.position)
        .await
        .expect(200);
    let path = sale.path("/seats/stream");
    let mut watcher = Watcher::open(&app, &path, None).await;
    let snapshot = watcher.next().await.unwrap();
    assert_eq!(snapshot.event, "snapshot");
    let first = sale.hold(&app, &Fan::new(&app), &["A-1-1"]).await;
    let mut delta = watcher.next().await.unwrap();
    while delta.id < first["position"].as_u64().unwrap() {
        delta = watcher.next().await.unwrap();
    }
    assert_eq!(delta.event, "seats");
    assert!(delta.data.to_string().contains("A-1-1"), "{}", delta.data);
    drop(watcher);
    let second = sale.hold(&app, &Fan::new(&app), &["A-2-2"]).await;
    let mut resumed = Watcher::open(&app, &path, Some(delta.id)).await;
    let missed = resumed.next().await.unwrap();
    assert!(missed.id >= second["position"].as_u64().unwrap());
    assert!(
        missed.data.to_string().contains("A-2-2") || missed.event == "snapshot",
        "{missed:?}"
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_ends_open_streams() {
    let app = TestApp::start().await;
    let sale = Sale::open(&app).await;
    app.get_at(&sale.path("/seats/status"), "", &sale.position)
        .await
        .expect(200);
    let mut watcher = Watcher::open(&app, &sale.path("/seats/stream"), None).await;
    watcher.next().await.unwrap();
    let end = async { while watcher.next().await.is_some() {} };
    let begun = std::time::Instant::now();
    tokio::join!(app.finish(), end);
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "the streams held the shutdown up for {:?}",
        begun.elapsed()
    );
}
