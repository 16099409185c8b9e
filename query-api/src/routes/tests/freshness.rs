//! "At least position N".

use tokio::time::timeout;

use crate::testing::{Projections, SOON, TestShow, World};

#[tokio::test]
async fn a_position_that_is_none_is_refused() {
    let world = World::start(Projections::Here).await;
    for value in ["x", "-1", "", "1.5"] {
        let reply = world
            .get("/v1/concerts", &[("at-least-position", value)])
            .await;
        assert_eq!(reply.status, 400, "{value:?}");
        assert_eq!(reply.json()["code"], "invalid_position");
    }
}

#[tokio::test]
async fn a_position_that_does_not_come_is_answered_503() {
    let world = World::start(Projections::Elsewhere).await;
    let show = TestShow::schedule(&world).await;
    world
        .get_at(&show.path("/seats/status"), show.position)
        .await;
    let beyond = (show.position + 1).to_string();
    let header = [("at-least-position", beyond.as_str())];
    let (seats, status) = (show.path(""), show.path("/seats/status"));
    let (sql, map) = tokio::join!(world.get(&seats, &header), world.get(&status, &header));
    for reply in [sql, map] {
        assert_eq!(reply.status, 503);
        assert_eq!(reply.json()["code"], "not_caught_up");
        assert_eq!(reply.json()["position"], show.position);
        assert!(reply.headers.contains_key("retry-after"));
    }
}

async fn waits_for_what_comes(projections: Projections) {
    let world = World::start(projections).await;
    let mut show = TestShow::schedule(&world).await;
    world
        .get_at(&show.path("/seats/status"), show.position)
        .await;
    let wanted = show.position + 1;
    let (overview, map) = (show.path(""), show.path("/seats/status"));
    let reads = async { tokio::join!(world.get_at(&overview, wanted), world.get_at(&map, wanted)) };
    let ((overview, map), _) = timeout(SOON, async {
        tokio::join!(reads, show.hold(&world, uuid::Uuid::now_v7(), &["A-2"]))
    })
    .await
    .unwrap();
    assert_eq!(overview.json()["held"], 1);
    assert_eq!(map.json()["statuses"], "ahaaaa");
}

#[tokio::test]
async fn a_read_waits_for_projections_of_this_process() {
    waits_for_what_comes(Projections::Here).await;
}

#[tokio::test]
async fn a_read_waits_for_projections_elsewhere() {
    waits_for_what_comes(Projections::Elsewhere).await;
}

#[tokio::test]
async fn a_map_behind_the_bus_catches_up_before_it_is_served() {
    let world = World::start(Projections::Here).await;
    let mut show = TestShow::schedule(&world).await;
    let mut other = TestShow::schedule(&world).await;
    world.get_at(&show.path(""), other.position).await;
    world.projecting.cancel();
    timeout(SOON, world.projected.wait()).await.unwrap();
    // The row of `show` stays as it is; what happens now only the bus tells. `other` moves the subscription past it.
    let customer = uuid::Uuid::now_v7();
    show.hold(&world, customer, &["A-1", "A-3"]).await;
    other.hold(&world, customer, &["A-1"]).await;
    world
        .get_at(&other.path("/seats/status"), other.position)
        .await;
    let map = world.get(&show.path("/seats/status"), &[]).await;
    assert_eq!(map.json()["statuses"], "hahaaa");
    assert!(map.position() >= other.position);
}
