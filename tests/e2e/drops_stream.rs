//! Who follows an entry is told its result as it falls.

use std::time::Duration;

use chrono::TimeDelta;
use edge::auth::Role;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::harness::{Fan, TestApp, both_ways};

both_ways!(a_result_is_pushed_to_who_follows_an_entry);

/// What is pushed comes in milliseconds; what is found by a look at each heartbeat may take 15 s.
const SOON: Duration = Duration::from_secs(10);

/// A stream of server-sent events.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    /// Opens one that begins at `position` or later. A server that is behind says so, and is asked again.
    async fn open(app: &TestApp, path: &str, fan: &Fan, position: &Value, seen: &str) -> Self {
        let path = format!("{path}/stream");
        for _ in 0..10 {
            let request = app.client.get(app.url(&Method::GET, &path));
            let request = request
                .bearer_auth(&fan.token)
                .header("last-event-id", seen)
                .header("at-least-position", position.to_string());
            let response = request.send().await.unwrap();
            if response.status() != 503 {
                assert_eq!(response.status(), 200);
                let text = String::new();
                return Self { response, text };
            }
        }
        panic!("nobody shows {position}");
    }

    /// The next event: its id and the entry; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    let mut found = block.lines().filter_map(|line| line.strip_prefix(name));
                    found.next().map(str::to_owned)
                };
                if let Some(data) = field("data: ") {
                    let id = field("id: ").unwrap();
                    return Some((id, serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let chunk = timeout(SOON, self.response.chunk()).await;
            let chunk = chunk.expect("nothing was pushed").unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Reads to the end; the last event.
    async fn end(mut self) -> Value {
        let mut last = None;
        while let Some((_, entry)) = self.next().await {
            last = Some(entry);
        }
        last.unwrap()
    }
}

async fn a_result_is_pushed_to_who_follows_an_entry(app: TestApp) {
    let organizer = app.token(Role::Organizer, Uuid::now_v7());
    let body = json!({"title": "Signed vinyl", "stock": 1, "win_probability": "1", "price": 40,
        "opens_at": app.now() - TimeDelta::seconds(60), "closes_at": app.now() + TimeDelta::hours(1), "draw": "at_close"});
    let opened = app.post("/v1/drops", &organizer, &body).send().await;
    let opened = opened.expect(201);
    let drop = format!("/v1/drops/{}", opened["drop_id"].as_str().unwrap());
    let mut streams = Vec::new();
    for _ in 0..3 {
        let fan = Fan::with_points(&app, 40).await;
        let enter = app.call(Method::POST, &format!("{drop}/entries"), &fan.token, None);
        let entry = enter.send().await.expect(202);
        let path = format!("{drop}/entries/{}", entry["entry_id"].as_str().unwrap());
        let mut stream = Stream::open(&app, &path, &fan, &entry["position"], "").await;
        let (seen, first) = stream.next().await.unwrap();
        assert_eq!(first["status"], "entered");
        // One that comes back is told nothing twice.
        let again = Stream::open(&app, &path, &fan, &entry["position"], &seen).await;
        streams.push((stream, again));
    }
    let close = app.post(&format!("{drop}/close"), &organizer, &json!({}));
    close.send().await.expect(200);
    app.until(&drop, "", |drop| drop["status"] == "over").await;
    let mut results = Vec::new();
    for (stream, again) in streams {
        let (last, same) = (stream.end().await, again.end().await);
        assert_eq!(last, same);
        assert_eq!(last["final"], true);
        results.push(last["status"].as_str().unwrap().to_owned());
    }
    results.sort();
    assert_eq!(results, ["lost", "lost", "won"]);
    app.finish().await;
}
