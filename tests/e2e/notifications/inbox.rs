//! What customers read of it themselves.

use reqwest::Method;
use serde_json::{Value, json};

use super::{sold, start, told, types};
use crate::harness::{Fan, Sale, TestApp};

/// A stream of server-sent events.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(app: &TestApp, fan: &Fan, last: Option<&str>) -> Self {
        let mut request = app
            .client
            .get(app.url(&Method::GET, "/v1/me/notifications/stream"))
            .bearer_auth(&fan.token);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let mut response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        // What is told from the first bytes on comes over the stream.
        let text = response.chunk().await.unwrap().unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        Self { response, text }
    }

    /// The next notification: its id and its data.
    async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    let mut found = block.lines().filter_map(|line| line.strip_prefix(name));
                    found.next().map(str::to_owned)
                };
                if let Some(data) = field("data: ") {
                    assert_eq!(field("event: ").as_deref(), Some("notification"));
                    return (field("id: ").unwrap(), serde_json::from_str(&data).unwrap());
                }
                continue;
            }
            let chunk = self
                .response
                .chunk()
                .await
                .unwrap()
                .expect("the stream ended");
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_told_to_its_customer_alone() {
    let app = start().await;
    let sale = Sale::open(&app).await;
    let fan = Fan::with_points(&app, 1_000).await;
    let mut stream = Stream::open(&app, &fan, None).await;
    let (held, paid) = sale.buy(&app, &fan, &["A-1-1", "A-1-2"]).await;

    let items = told(&app, &fan, &paid["position"]).await;
    assert_eq!(
        types(&items),
        ["reservation.confirmed", "payment.completed"]
    );
    let confirmed = &items[0];
    assert_eq!(confirmed["data"]["reservation_id"], held["reservation_id"]);
    assert_eq!(confirmed["data"]["seats"], json!(["A-1-1", "A-1-2"]));
    assert_eq!(confirmed["data"]["amount"], 20);
    assert_eq!(items[1]["data"]["payment_id"], paid["payment_id"]);
    assert_eq!(items[1]["position"], paid["position"]);

    // The same over the stream, in order; a client that comes back gets what it missed.
    let (first, data) = stream.next().await;
    assert_eq!(data, items[0]);
    let (_, data) = stream.next().await;
    assert_eq!(data, items[1]);
    let mut again = Stream::open(&app, &fan, Some(&first)).await;
    assert_eq!(again.next().await.1, items[1]);
    let mut all = Stream::open(&app, &fan, Some("0")).await;
    assert_eq!(all.next().await.1, items[0]);

    let other = Fan::new(&app);
    assert!(told(&app, &other, &paid["position"]).await.is_empty());
    app.get("/v1/me/notifications", "")
        .await
        .refused(401, "unauthenticated");
    app.get("/v1/me/notifications", &sale.organizer)
        .await
        .refused(403, "forbidden");
    drop((stream, again, all));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_paged_and_survives_a_restart() {
    let app = start().await;
    let sale = Sale::open(&app).await;
    let (fan, _) = sold(&app, &sale, "A-1-1").await;
    let held = sale.hold(&app, &fan, &["A-2-1"]).await;
    let path = format!(
        "/v1/reservations/{}/cancel",
        held["reservation_id"].as_str().unwrap()
    );
    let cancelled = app
        .post(&path, &fan.token, &json!({}))
        .send()
        .await
        .expect(200);
    let items = told(&app, &fan, &cancelled["position"]).await;
    let expected = [
        "reservation.confirmed",
        "payment.completed",
        "reservation.cancelled",
    ];
    assert_eq!(types(&items), expected);
    assert_eq!(items[2]["data"]["reason"], "customer");

    let app = app.restart_after(super::reach_receivers).await;
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/me/notifications?limit=2{cursor}");
        let page = app.get(&path, &fan.token).await;
        assert!(page.headers.contains_key("position"));
        let page = page.expect(200);
        pages.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    pages.reverse();
    // Nothing was told anew.
    assert_eq!(pages, items);
    for (query, code) in [
        ("limit=0", "invalid_parameter"),
        ("limit=101", "invalid_parameter"),
        ("cursor=7", "invalid_cursor"),
        ("colour=red", "unknown_parameter"),
    ] {
        let path = format!("/v1/me/notifications?{query}");
        app.get(&path, &fan.token).await.refused(400, code);
    }
    let beyond = json!(9_999_999);
    let never = app.get_at("/v1/me/notifications", &fan.token, &beyond);
    never.await.refused(503, "not_caught_up");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_runs_out_is_told() {
    let app = start().await;
    let sale = Sale::open(&app).await;
    let fan = Fan::new(&app);
    let mut stream = Stream::open(&app, &fan, None).await;
    let held = sale.hold(&app, &fan, &["A-1-1"]).await;
    app.advance(300);
    let (_, data) = stream.next().await;
    assert_eq!(data["type"], "reservation.expired");
    assert_eq!(data["data"]["reservation_id"], held["reservation_id"]);
    drop(stream);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_and_a_turn_are_told() {
    let app = start().await;
    let sale = Sale::open_with(&app, |show| {
        show["waiting_room"] = json!({"admit_per_second": 100, "max_active": 10});
    })
    .await;
    let fan = Fan::with_points(&app, 1_000).await;
    let mut stream = Stream::open(&app, &fan, None).await;
    let entries = format!("/v1/waiting-room/{}/entries", sale.show);
    let enter = app.call(Method::POST, &entries, &fan.token, None);
    let entry = enter.send().await.expect(201);
    let (_, data) = stream.next().await;
    assert_eq!(data["type"], "waiting_room.admitted");
    assert_eq!(data["data"]["entry_id"], entry["entry_id"]);
    let path = format!("{entries}/{}", entry["entry_id"].as_str().unwrap());
    let entry = app
        .until(&path, &fan.token, |body| body["state"] == "admitted")
        .await;
    let held = app
        .post("/v1/reservations", &fan.token, &sale.seats(&["A-1-1"]))
        .header("queue-pass", entry["pass"].as_str().unwrap());
    let held = held.send().await.expect(201);
    let paid = fan
        .pay(&app, &held["reservation_id"])
        .send()
        .await
        .expect(201);
    assert_eq!(stream.next().await.1["type"], "reservation.confirmed");
    assert_eq!(stream.next().await.1["type"], "payment.completed");
    let path = format!(
        "/v1/payments/{}/refund",
        paid["payment_id"].as_str().unwrap()
    );
    let refund = app.post(&path, &sale.organizer, &json!({"reason": "rain"}));
    refund.send().await.expect(200);
    let (_, cancelled) = stream.next().await;
    assert_eq!(cancelled["type"], "reservation.cancelled");
    assert_eq!(cancelled["data"]["reason"], "refund");
    let (_, refunded) = stream.next().await;
    assert_eq!(refunded["type"], "payment.refunded");
    assert_eq!(refunded["data"]["payment_id"], paid["payment_id"]);
    drop(stream);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_show_is_told_once_to_each_who_holds_or_bought() {
    let app = start().await;
    let sale = Sale::open_with(&app, |show| show["max_seats_per_customer"] = json!(9)).await;
    let (buyer, _) = sold(&app, &sale, "A-1-1").await;
    let (_, paid) = sale.buy(&app, &buyer, &["A-1-2"]).await;
    sale.hold(&app, &buyer, &["A-1-3"]).await;
    let holder = Fan::new(&app);
    sale.hold(&app, &holder, &["A-2-1"]).await;
    let gone = Fan::new(&app);
    let held = sale.hold(&app, &gone, &["A-3-1"]).await;
    let path = format!(
        "/v1/reservations/{}/cancel",
        held["reservation_id"].as_str().unwrap()
    );
    app.post(&path, &gone.token, &json!({}))
        .send()
        .await
        .expect(200);

    // What was bought may not be told yet: the stream begins behind it.
    let bought = paid["position"].to_string();
    let mut stream = Stream::open(&app, &buyer, Some(&bought)).await;
    let cancel = app.post(
        &sale.path("/cancel"),
        &sale.organizer,
        &json!({"reason": "storm"}),
    );
    cancel.send().await.expect(202);
    let mut seen = vec![];
    // It is told before anything is refunded; places may be freed by either way.
    while seen
        .iter()
        .filter(|one: &&Value| one["type"] == "payment.refunded")
        .count()
        < 2
    {
        seen.push(stream.next().await.1);
    }
    assert_eq!(seen[0]["type"], "show.cancelled", "{seen:#?}");
    let count =
        |items: &[Value], kind: &str| types(items).into_iter().filter(|one| *one == kind).count();
    assert_eq!(count(&seen, "show.cancelled"), 1, "{seen:#?}");
    let position = seen
        .iter()
        .filter_map(|item| item["position"].as_u64())
        .max();
    let position = json!(position);
    let items = told(&app, &holder, &position).await;
    assert_eq!(types(&items), ["show.cancelled"]);
    assert_eq!(items[0]["data"]["show_id"], sale.show.as_str());
    let items = told(&app, &gone, &position).await;
    assert_eq!(types(&items), ["reservation.cancelled"]);
    drop(stream);
    app.finish().await;
}
