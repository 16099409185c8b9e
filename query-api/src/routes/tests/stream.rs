//! Seat-map streams.

use axum::{body::BodyDataStream, response::Response};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::testing::{Projections, SOON, TestShow, World};

/// A client of a stream.
struct Client {
    body: BodyDataStream,
    text: String,
}

impl Client {
    fn new(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    async fn connect(world: &World, show: &TestShow, last: Option<u64>) -> Self {
        let last = last.map(|last| last.to_string());
        let headers: Vec<(&str, &str)> = last
            .iter()
            .map(|last| ("last-event-id", last.as_str()))
            .collect();
        Self::new(world.open(&show.path("/seats/stream"), &headers).await)
    }

    /// The next event: its name, id and data.
    async fn event(&mut self) -> (String, u64, Value) {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_owned();
                if block.starts_with("event: ") {
                    return parse(&block);
                }
                continue;
            }
            let chunk = timeout(SOON, self.body.next()).await.unwrap();
            let chunk = chunk.expect("the stream goes on").unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Reads to the end of the stream.
    async fn end(mut self) {
        let rest = async { while self.body.next().await.is_some() {} };
        timeout(SOON, rest).await.expect("the stream ends");
    }
}

fn parse(block: &str) -> (String, u64, Value) {
    let field = |name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} in {block}"))
    };
    (
        field("event: ").to_owned(),
        field("id: ").parse().unwrap(),
        serde_json::from_str(field("data: ")).unwrap(),
    )
}

async fn world_with_show() -> (World, TestShow) {
    let world = World::start(Projections::Here).await;
    let show = TestShow::schedule(&world).await;
    world
        .get_at(&show.path("/seats/status"), show.position)
        .await;
    (world, show)
}

#[tokio::test]
async fn a_snapshot_then_what_changes() {
    let (world, mut show) = world_with_show().await;
    let mut client = Client::connect(&world, &show, None).await;
    let (name, id, data) = client.event().await;
    assert_eq!((name.as_str(), id), ("snapshot", show.position));
    assert_eq!(data["statuses"], "aaaaaa");

    let customer = Uuid::now_v7();
    let reservation = show.hold(&world, customer, &["A-2", "A-3"]).await;
    let (name, id, data) = client.event().await;
    assert_eq!((name.as_str(), id), ("seats", show.position));
    assert_eq!(
        data["seats"],
        json!([{"seat_guid": "A-2", "status": "held"}, {"seat_guid": "A-3", "status": "held"}])
    );
    show.release(&world, customer, reservation).await;
    let (_, id, data) = client.event().await;
    assert_eq!(id, show.position);
    assert_eq!(
        data["seats"][0],
        json!({"seat_guid": "A-2", "status": "available"})
    );
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed() {
    let (world, mut show) = world_with_show().await;
    show.hold(&world, Uuid::now_v7(), &["A-1"]).await;
    let seen = show.position;
    show.hold(&world, Uuid::now_v7(), &["A-4"]).await;
    world
        .get_at(&show.path("/seats/status"), show.position)
        .await;
    let mut client = Client::connect(&world, &show, Some(seen)).await;
    let (name, id, data) = client.event().await;
    assert_eq!((name.as_str(), id), ("seats", show.position));
    // A delta may begin earlier than asked for (states are absolute) but must show what was missed.
    let seats = data["seats"].as_array().unwrap();
    assert!(
        seats.contains(&json!({"seat_guid": "A-4", "status": "held"})),
        "{data}"
    );
}

#[tokio::test]
async fn a_client_from_before_the_maps_memory_gets_a_snapshot() {
    let (world, show) = world_with_show().await;
    let mut client = Client::connect(&world, &show, Some(1)).await;
    let (name, id, _) = client.event().await;
    assert_eq!((name.as_str(), id), ("snapshot", show.position));
}

#[tokio::test]
async fn a_client_that_has_seen_more_waits_until_it_is_known_here() {
    let (world, mut show) = world_with_show().await;
    // What the other instance sent last: the second of the holds to come.
    let mut client = Client::connect(&world, &show, Some(show.position + 2)).await;
    let customer = Uuid::now_v7();
    for seat in ["A-1", "A-2", "A-3"] {
        show.hold(&world, customer, &[seat]).await;
    }
    let (name, id, data) = client.event().await;
    assert_eq!((name.as_str(), id), ("seats", show.position));
    let seats = data["seats"].as_array().unwrap();
    assert!(
        seats.contains(&json!({"seat_guid": "A-3", "status": "held"})),
        "{data}"
    );
}

#[tokio::test]
async fn a_client_of_another_log_gets_a_snapshot() {
    let (world, mut show) = world_with_show().await;
    let mut client = Client::connect(&world, &show, Some(show.position + 1_000_000)).await;
    let (name, id, _) = client.event().await;
    assert_eq!((name.as_str(), id), ("snapshot", show.position));
    show.hold(&world, Uuid::now_v7(), &["A-1"]).await;
    let (name, id, _) = client.event().await;
    assert_eq!((name.as_str(), id), ("seats", show.position));
}

#[tokio::test]
async fn streams_end_at_shutdown() {
    let (world, show) = world_with_show().await;
    let mut client = Client::connect(&world, &show, None).await;
    client.event().await;
    world.shutdown.cancel();
    client.end().await;
}

#[tokio::test]
async fn streams_are_bounded_and_give_their_place_back() {
    let (world, show) = world_with_show().await;
    let streams = world.state.streams.clone();
    let rest = u32::try_from(streams.available_permits() - 1).unwrap();
    let others = streams.acquire_many(rest).await.unwrap();
    let client = Client::connect(&world, &show, None).await;
    let reply = world.get(&show.path("/seats/stream"), &[]).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["code"]),
        (503, &json!("overloaded"))
    );
    drop(client);
    assert_eq!(world.state.streams.available_permits(), 1);
    drop(others);
}
