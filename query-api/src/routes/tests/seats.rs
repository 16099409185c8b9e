//! Seat maps: what they say, and how little of it is sent.

use std::io::Read as _;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::testing::{Projections, TestShow, World};

fn guids(answer: &Value) -> Vec<&str> {
    let seats = answer["seats"].as_array().unwrap();
    seats
        .iter()
        .map(|seat| seat["seat_guid"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn every_seat_in_plan_order() {
    let world = World::start(Projections::Here).await;
    let mut show = TestShow::schedule(&world).await;
    show.hold(&world, Uuid::now_v7(), &["A-5"]).await;
    let answer = world
        .get_at(&show.path("/seats"), show.position)
        .await
        .json();
    assert_eq!(guids(&answer), ["A-1", "A-2", "A-3", "A-4", "A-5", "A-6"]);
    assert_eq!(
        answer["seats"][4],
        json!({
            "seat_guid": "A-5", "zone": "Hall", "row": "A", "number": "5", "category": "Dear", "price": 90,
            "x": 7.5, "y": 0.5, "status": "held"
        })
    );
    assert_eq!(
        answer["standing"],
        json!([{"name": "Pit", "category": "Floor", "price": 5, "available": 10}])
    );
    assert_eq!(answer["position"], show.position);
    let small = world.get(&show.path("/seats/status"), &[]).await.json();
    assert_eq!(
        small,
        json!({
            "show_id": show.id, "position": show.position, "statuses": "aaaaha",
            "standing": [{"name": "Pit", "available": 10}]
        })
    );
}

#[tokio::test]
async fn filters() {
    let world = World::start(Projections::Here).await;
    let mut show = TestShow::schedule(&world).await;
    show.hold(&world, Uuid::now_v7(), &["A-1", "A-5"]).await;
    world.get_at(&show.path("/seats"), show.position).await;
    for (query, seats, standing) in [
        ("category=Dear", vec!["A-5", "A-6"], 0),
        ("category=Floor", vec![], 1),
        ("zone=Hall&status=held", vec!["A-1", "A-5"], 0),
        ("zone=Pit", vec![], 1),
        ("status=available", vec!["A-2", "A-3", "A-4", "A-6"], 1),
        ("category=Cheap&status=held", vec!["A-1"], 0),
        ("status=sold", vec![], 0),
        ("zone=Nowhere", vec![], 0),
    ] {
        let reply = world.get(&show.path(&format!("/seats?{query}")), &[]).await;
        assert_eq!(guids(&reply.json()), seats, "{query}");
        assert_eq!(
            reply.json()["standing"].as_array().unwrap().len(),
            standing,
            "{query}"
        );
        let tag = reply.header("etag").to_owned();
        let again = world
            .get(
                &show.path(&format!("/seats?{query}")),
                &[("if-none-match", &tag)],
            )
            .await;
        assert_eq!(again.status, 304);
    }
    let reply = world.get(&show.path("/seats?status=lost"), &[]).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["code"]),
        (400, &json!("invalid_parameter"))
    );
}

#[tokio::test]
async fn a_client_that_has_the_version_gets_304_until_the_map_changes() {
    let world = World::start(Projections::Here).await;
    let mut show = TestShow::schedule(&world).await;
    for rest in ["/seats", "/seats/status"] {
        let path = show.path(rest);
        let first = world.get_at(&path, show.position).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with('"'), "it is strong");
        assert_eq!(first.header("cache-control"), "no-cache");
        let again = world.get(&path, &[("if-none-match", &tag)]).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
        assert_eq!(again.header("etag"), tag);
        assert!(again.position() >= first.position());

        let seat = if rest == "/seats" { "A-1" } else { "A-2" };
        show.hold(&world, Uuid::now_v7(), &[seat]).await;
        let position = show.position.to_string();
        let headers = [
            ("if-none-match", tag.as_str()),
            ("at-least-position", &position),
        ];
        let changed = world.get(&path, &headers).await;
        assert_eq!(changed.status, 200);
        assert_ne!(changed.header("etag"), tag);
        assert_eq!(changed.json()["position"], show.position);
    }
}

#[tokio::test]
async fn compressed_in_what_the_client_accepts() {
    let world = World::start(Projections::Here).await;
    let show = TestShow::schedule(&world).await;
    for rest in ["/seats", "/seats/status", "/seats?zone=Hall"] {
        let path = show.path(rest);
        let plain = world.get_at(&path, show.position).await;
        let gzip = world
            .get(&path, &[("accept-encoding", "gzip, deflate")])
            .await;
        let zstd = world.get(&path, &[("accept-encoding", "gzip, zstd")]).await;
        assert!(!plain.headers.contains_key("content-encoding"));
        assert_eq!(
            (
                gzip.header("content-encoding"),
                zstd.header("content-encoding")
            ),
            ("gzip", "zstd")
        );
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&*gzip.body)
            .read_to_end(&mut text)
            .unwrap();
        assert_eq!(text, plain.body);
        assert_eq!(zstd::stream::decode_all(&*zstd.body).unwrap(), plain.body);
        let tags = [
            plain.header("etag"),
            gzip.header("etag"),
            zstd.header("etag"),
        ];
        assert!(
            tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2],
            "other bytes, other tag: {tags:?}"
        );
        assert_eq!(plain.header("vary"), "accept-encoding");
    }
}

#[tokio::test]
async fn one_version_is_rendered_once_for_all() {
    let world = World::start(Projections::Here).await;
    let show = TestShow::schedule(&world).await;
    let path = show.path("/seats");
    world.get_at(&path, show.position).await;
    let replies = futures::future::join_all((0..50).map(|_| world.get(&path, &[]))).await;
    // The bytes of one rendering are shared: they stand in one place of memory until a body copies them.
    let known = world
        .state
        .seat_maps
        .get(show.id, crate::freshness::AtLeast(0))
        .await
        .unwrap();
    let headers = axum::http::HeaderMap::new();
    let mut places = Vec::new();
    for _ in 0..2 {
        let served = world
            .state
            .seat_maps
            .seats(&known, crate::freshness::AtLeast(0), &headers)
            .await
            .unwrap();
        let crate::seat_map_cache::Served::Bytes { bytes, .. } = served else {
            panic!("{served:?}");
        };
        places.push(bytes.as_ptr());
        assert!(replies.iter().all(|reply| reply.body == bytes));
    }
    assert_eq!(places[0], places[1]);
}
