//! Following an entry.

use std::pin::Pin;

use axum::body::Body;
use futures::{Stream, StreamExt};
use tokio::time::timeout;

use super::*;

/// One client's stream.
struct Watcher {
    chunks: Pin<Box<dyn Stream<Item = Result<bytes::Bytes, axum::Error>> + Send>>,
}

impl Watcher {
    async fn open(
        api: &Api,
        customer: u128,
        show: &str,
        entry: &Value,
        last: Option<&str>,
    ) -> Self {
        let mut request = Request::get(format!("{}/stream", path_of(show, entry))).header(
            "authorization",
            format!("Bearer {}", api.customer(customer)),
        );
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = api.respond(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let chunks = Box::pin(response.into_body().into_data_stream());
        Self { chunks }
    }

    /// The next event: its id, name and data; `None` at the end.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            let chunk = timeout(BOUND, self.chunks.next()).await.unwrap()?.unwrap();
            let chunk = String::from_utf8(chunk.to_vec()).unwrap();
            let field = |name: &str| {
                let found = chunk.lines().find_map(|line| line.strip_prefix(name));
                found.map(|text| text.trim().to_owned())
            };
            if let Some(event) = field("event:") {
                let data = serde_json::from_str(&field("data:").unwrap()).unwrap();
                return Some((field("id:").unwrap_or_default(), event, data));
            }
        }
    }
}

#[tokio::test]
async fn a_turn_is_told_and_a_client_that_comes_back_gets_what_it_missed() {
    let api = Api::start().await;
    let show = api.open_room(one_by_one()).await;
    api.enter(1, &show).await.is(201);
    let entry = api.enter(2, &show).await.is(201);
    let mut watcher = Watcher::open(&api, 2, &show, &entry, None).await;
    let (seen, event, data) = watcher.next().await.unwrap();
    assert_eq!((event.as_str(), &data["ahead"]), ("entry", &json!(1)));
    drop(watcher);
    api.manage();
    let mut watcher = Watcher::open(&api, 2, &show, &entry, Some(&seen)).await;
    let (_, _, data) = watcher.next().await.unwrap();
    assert_eq!(data["ahead"], 0, "what it has seen is not sent again");
    let inside = api.enter(1, &show).await.body;
    let path = path_of(&show, &inside);
    api.send_as(1, Method::DELETE, &path, None, Value::Null)
        .await
        .is(204);
    api.advance(1);
    let (_, _, data) = watcher.next().await.unwrap();
    assert_eq!(data["state"], "admitted");
    api.hold_with(2, &show, &data["pass"], "A-1").await.is(201);
    let path = path_of(&show, &entry);
    api.send_as(2, Method::DELETE, &path, None, Value::Null)
        .await
        .is(204);
    let (_, event, _) = watcher.next().await.unwrap();
    assert_eq!(event, "gone");
    assert!(watcher.next().await.is_none(), "the end");
}

#[tokio::test]
async fn anothers_entry_is_followed_by_nobody() {
    let api = Api::start().await;
    let show = api.open_room(one_by_one()).await;
    let entry = api.enter(1, &show).await.is(201);
    let path = format!("{}/stream", path_of(&show, &entry));
    let refused = api.send_as(2, Method::GET, &path, None, Value::Null).await;
    refused.refused(404, "not_found");
}
