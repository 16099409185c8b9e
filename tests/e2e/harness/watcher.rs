//! Who watches a seat map: server-sent events, one at a time.

use std::time::Duration;

use futures::StreamExt;
use reqwest::Method;
use serde_json::Value;

use super::TestApp;

/// One server-sent event.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) event: String,
    pub(crate) data: Value,
}

/// Reads events off one response.
pub(crate) struct Watcher {
    bytes: std::pin::Pin<Box<dyn futures::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
}

impl Watcher {
    pub(crate) async fn open(app: &TestApp, path: &str, last: Option<u64>) -> Self {
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
    pub(crate) async fn next(&mut self) -> Option<Message> {
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
