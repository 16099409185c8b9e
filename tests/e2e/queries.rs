//! Reading: filters, pages, freshness, caching.

use serde_json::{Value, json};

use crate::harness::{Fan, Sale, TestApp, both_ways};

both_ways!(
    the_map_is_filtered_and_priced,
    an_unchanged_map_is_not_sent_again,
    a_read_waits_for_the_position_it_names,
    lists_are_paged_without_gap_or_repeat,
);

async fn the_map_is_filtered_and_priced(app: TestApp) {
    let sale = Sale::open(&app).await;
    sale.hold(&app, &Fan::new(&app), &["A-3-3"]).await;
    let map = app
        .until(
            &sale.path("/seats?category=Stalls&zone=A&status=held"),
            "",
            |map| map["seats"][0].is_object(),
        )
        .await;
    let seat = &map["seats"][0];
    assert_eq!(
        (&seat["seat_guid"], &seat["status"], &seat["price"]),
        (&json!("A-3-3"), &json!("held"), &json!(10))
    );
    assert_eq!(
        (seat["x"].as_f64(), seat["y"].as_f64()),
        (Some(30.0), Some(30.0))
    );
    // Each read may be answered by another query API.
    let none = app
        .get_at(&sale.path("/seats?category=Nope"), "", &sale.position)
        .await
        .expect(200);
    assert_eq!(none["seats"], json!([]));
    let all = app.get_at(&sale.path("/seats"), "", &sale.position).await;
    let all = all.expect(200);
    assert_eq!(all["seats"].as_array().unwrap().len(), 100);
    assert_eq!(
        all["standing"],
        json!([{"name": "Pit", "category": "Floor", "price": 5, "available": 50}])
    );
    assert_eq!(
        app.get(&sale.path("/seats?status=purple"), "").await.status,
        400
    );
    app.finish().await;
}

async fn an_unchanged_map_is_not_sent_again(app: TestApp) {
    let sale = Sale::open(&app).await;
    let first = app
        .get_at(&sale.path("/seats/status"), "", &sale.position)
        .await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    let get = |path: &str| app.call(reqwest::Method::GET, path, "", None);
    let path = sale.path("/seats/status");
    let unchanged = get(&path).header("if-none-match", &tag).send().await;
    assert_eq!((unchanged.status, &unchanged.body), (304, &json!("")));
    let held = sale.hold(&app, &Fan::new(&app), &["A-1-1"]).await;
    let changed = get(&path)
        .header("if-none-match", &tag)
        .header("at-least-position", &held["position"].to_string())
        .send()
        .await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.headers["etag"].to_str().unwrap(), tag);
    for coding in ["gzip", "zstd"] {
        let small = get(&sale.path("/seats"))
            .header("accept-encoding", coding)
            .send()
            .await;
        assert_eq!(small.headers["content-encoding"], coding);
    }
    app.finish().await;
}

async fn a_read_waits_for_the_position_it_names(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fan = Fan::new(&app);
    let held = sale.hold(&app, &fan, &["A-1-1"]).await;
    let path = format!(
        "/v1/reservations/{}",
        held["reservation_id"].as_str().unwrap()
    );
    let read = app.get_at(&path, &fan.token, &held["position"]).await;
    let position: u64 = read.headers["position"].to_str().unwrap().parse().unwrap();
    assert!(position >= held["position"].as_u64().unwrap());
    let never = app
        .get_at(&path, &fan.token, &json!(position + 1_000))
        .await;
    assert!(never.headers.contains_key("retry-after"));
    never.refused(503, "not_caught_up");
    assert_eq!(
        app.get_at(&path, &fan.token, &json!("soon")).await.status,
        400
    );
    app.finish().await;
}

async fn lists_are_paged_without_gap_or_repeat(app: TestApp) {
    let sale = Sale::open_with(&app, |show| show["max_seats_per_customer"] = json!(50)).await;
    let fan = Fan::new(&app);
    let mut position = Value::Null;
    for n in 1..=7 {
        position = sale.hold(&app, &fan, &[&format!("A-{n}-1")]).await["position"].clone();
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app
            .get_at(
                &format!("/v1/me/reservations?limit=3{cursor}"),
                &fan.token,
                &position,
            )
            .await
            .expect(200);
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["reservation_id"].clone()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 7);
    seen.sort_by_key(Value::to_string);
    seen.dedup();
    assert_eq!(seen.len(), 7);
    for bad in [
        "limit=0",
        "limit=-1",
        "limit=many",
        "cursor=%00",
        "cursor=nonsense",
    ] {
        assert_eq!(
            app.get(&format!("/v1/me/reservations?{bad}"), &fan.token)
                .await
                .status,
            400,
            "{bad}"
        );
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_read_model_can_be_thrown_away() {
    let app = TestApp::start().await;
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 100).await;
    let (_, paid) = sale.buy(&app, &fan, &["A-1-1"]).await;
    let before = app
        .get_at(&sale.path("/seats"), "", &paid["position"])
        .await
        .expect(200);
    let folder = app.data().clone();
    let app = app
        .restart_after(|_| {
            for file in ["read-model.db", "read-model.db-wal", "read-model.db-shm"] {
                std::fs::remove_file(folder.join(file)).ok();
            }
        })
        .await;
    let after = app
        .get_at(&sale.path("/seats"), "", &paid["position"])
        .await
        .expect(200);
    assert_eq!(before["seats"], after["seats"]);
    assert_eq!(
        app.get_at("/v1/me/points", &fan.token, &paid["position"])
            .await
            .expect(200)["balance"],
        90
    );
    app.finish().await;
}
