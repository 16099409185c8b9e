//! Concerts and shows.

use chrono::TimeDelta;
use domain::{
    Aggregate as _,
    concert::{Concert, Event},
    show::Command,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::testing::{Projections, TestShow, World};

async fn announce(world: &World, title: &str) -> (Uuid, u64) {
    let id = Uuid::now_v7();
    let event = Event::ConcertAnnounced {
        organizer_id: Uuid::now_v7().into(),
        title: title.to_owned(),
        artist: "The Band".to_owned(),
        description: None,
    };
    let position = world.append(Concert::TYPE, id, &[event]).await;
    (id, position)
}

fn titles(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["title"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn concerts_by_page() {
    let world = World::start(Projections::Here).await;
    let mut last = (Uuid::nil(), 0);
    for title in ["one", "two", "three"] {
        last = announce(&world, title).await;
    }
    let first = world.get_at("/v1/concerts?limit=2", last.1).await.json();
    assert_eq!(titles(&first), ["three", "two"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = world
        .get(&format!("/v1/concerts?limit=2&cursor={cursor}"), &[])
        .await
        .json();
    assert_eq!(titles(&second), ["one"]);
    assert_eq!(second["next_cursor"], Value::Null);

    let one = world
        .get(&format!("/v1/concerts/{}", last.0), &[])
        .await
        .json();
    assert_eq!(
        (&one["title"], &one["artist"]),
        (&json!("three"), &json!("The Band"))
    );
}

#[tokio::test]
async fn parameters_outside_their_bounds_are_refused() {
    let world = World::start(Projections::Here).await;
    for (query, code) in [
        ("limit=0", "invalid_parameter"),
        ("limit=101", "invalid_parameter"),
        ("limit=ten", "invalid_parameter"),
        ("cursor=%00nonsense", "invalid_cursor"),
        ("colour=red", "unknown_parameter"),
    ] {
        let reply = world.get(&format!("/v1/concerts?{query}"), &[]).await;
        assert_eq!(reply.status, 400, "{query}");
        assert_eq!(reply.json()["code"], code, "{query}");
    }
    let long = format!("/v1/shows?cursor={}", "a".repeat(600));
    assert_eq!(world.get(&long, &[]).await.json()["code"], "invalid_cursor");
    let reply = world.get("/v1/shows?from=yesterday", &[]).await;
    assert_eq!(reply.json()["code"], "invalid_parameter");
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let world = World::start(Projections::Here).await;
    let nobody = Uuid::now_v7();
    for path in [
        format!("/v1/concerts/{nobody}"),
        format!("/v1/shows/{nobody}"),
        format!("/v1/shows/{nobody}/seats"),
        format!("/v1/shows/{nobody}/seats/status"),
        format!("/v1/shows/{nobody}/seats/stream"),
        "/v1/concerts/not-an-id".to_owned(),
    ] {
        let reply = world.get(&path, &[]).await;
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.json()["code"], "not_found");
    }
}

#[tokio::test]
async fn a_show_sells_by_time_and_counts_its_places() {
    let world = World::start(Projections::Here).await;
    let mut show = TestShow::schedule(&world).await;
    let customer = Uuid::now_v7();
    show.hold(&world, customer, &["A-1", "A-5"]).await;
    let answer = world.get_at(&show.path(""), show.position).await.json();
    assert_eq!(answer["status"], "on_sale");
    let counts = ["capacity", "available", "held", "sold", "blocked"]
        .map(|name| answer[name].as_u64().unwrap());
    assert_eq!(counts, [16, 14, 2, 0, 0]);
    assert_eq!(
        answer["categories"],
        json!([
            {"name": "Cheap", "price": 10, "available": 3},
            {"name": "Dear", "price": 90, "available": 1},
            {"name": "Floor", "price": 5, "available": 10},
        ])
    );
    world.clock.advance(TimeDelta::days(1));
    assert_eq!(
        world.get(&show.path(""), &[]).await.json()["status"],
        "off_sale"
    );
    world.clock.advance(-TimeDelta::days(2));
    assert_eq!(
        world.get(&show.path(""), &[]).await.json()["status"],
        "scheduled"
    );

    let cancel = Command::CancelShow {
        organizer_id: show.organizer.into(),
        reason: "the singer is ill".to_owned(),
    };
    let position = show.command(&world, &cancel).await;
    let answer = world.get_at(&show.path(""), position).await.json();
    assert_eq!(answer["status"], "cancelled");
    assert_eq!(answer["cancel_reason"], "the singer is ill");
    assert_eq!(
        world.get(&show.path("/seats/status"), &[]).await.status,
        200,
        "its map is still served"
    );
}

#[tokio::test]
async fn shows_of_a_concert() {
    let world = World::start(Projections::Here).await;
    let show = TestShow::schedule(&world).await;
    let other = TestShow::schedule(&world).await;
    let path = format!("/v1/shows?concert_id={}", show.concert_id);
    let list = world.get_at(&path, other.position).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["show_id"], show.id.to_string());
    let past = world
        .get("/v1/shows?to=2026-06-02T00:00:00Z", &[])
        .await
        .json();
    assert_eq!(past["items"], json!([]));
    let coming = world
        .get("/v1/shows?from=2026-06-02T00:00:00Z", &[])
        .await
        .json();
    assert_eq!(coming["items"].as_array().unwrap().len(), 2);
}
