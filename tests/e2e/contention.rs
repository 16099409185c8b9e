//! Many want the same.

use futures::future::join_all;
use serde_json::json;

use crate::harness::{Fan, Sale, TestApp, both_ways};

both_ways!(
    two_hundred_buyers_of_one_seat_get_one_sale,
    a_rush_sells_each_place_once_and_no_more,
);

async fn two_hundred_buyers_of_one_seat_get_one_sale(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fans: Vec<Fan> = (0..200).map(|_| Fan::new(&app)).collect();
    let body = sale.seats(&["A-1-1"]);
    let replies = join_all(
        fans.iter()
            .map(|fan| app.post("/v1/reservations", &fan.token, &body).send()),
    )
    .await;
    assert_eq!(
        replies.iter().filter(|reply| reply.status == 201).count(),
        1
    );
    let winner = replies.iter().find(|reply| reply.status == 201).unwrap();
    let went = json!([{"seat_guid": "A-1-1", "position": winner.body["position"]}]);
    for reply in replies.into_iter().filter(|reply| reply.status != 201) {
        let refusal = reply.refused(409, "seats_unavailable");
        assert_eq!(refusal["seats"], json!(["A-1-1"]));
        assert_eq!(refusal["taken"], went, "each loser learns where it went");
        assert_ne!(refusal["alternatives"], json!([]));
    }
    app.finish().await;
}

async fn a_rush_sells_each_place_once_and_no_more(app: TestApp) {
    let sale = Sale::open(&app).await;
    let fans = join_all((0..200).map(|_| Fan::with_points(&app, 100))).await;
    let purchase = async |(n, fan): (usize, &Fan)| {
        let body = if n % 4 == 0 {
            sale.standing(1)
        } else {
            sale.best(1)
        };
        let held = app.post("/v1/reservations", &fan.token, &body).send().await;
        if held.status == 201 {
            fan.pay_to_the_end(&app, &held.body["reservation_id"]).await;
            return true;
        }
        assert_eq!(held.status, 409, "{}", held.body);
        false
    };
    let sold = join_all(fans.iter().enumerate().map(purchase))
        .await
        .into_iter()
        .filter(|sold| *sold)
        .count();
    // 150 asked for 100 seats, 50 for 50 standing places.
    assert_eq!(sold, 150);
    let show = app
        .until(&sale.path(""), "", |show| show["sold"] == 150)
        .await;
    assert_eq!(show["available"], 0);
    app.finish().await;
}

/// Two command APIs decide on one show at once, and neither knows of the other: they meet in the log alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_rush_without_a_proxy_sells_each_place_once_and_finds_nobody_busy() {
    let test = "a rush without a proxy sells each place once and finds nobody busy";
    if let Some(app) = TestApp::scattered(test).await {
        a_rush_sells_each_place_once_and_no_more(app).await;
    }
}
