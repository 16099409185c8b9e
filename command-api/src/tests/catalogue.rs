//! Venues, concerts, shows and house seats.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use axum::{
    body::{Body, Bytes},
    http::Request,
};
use edge::auth::Role;
use futures::{poll, stream::poll_fn};
use serde_json::{Value, json};
use tokio::task::yield_now;
use uuid::Uuid;

use super::{
    fixtures::{show, text, venue},
    harness::Api,
};

fn other_organizer(api: &Api) -> String {
    api.token(Role::Organizer, Uuid::from_u128(2))
}

#[tokio::test]
async fn a_venue_is_registered_once_for_a_key() {
    let api = Api::start().await;
    let post = |body| api.keyed("", "/v1/venues", "k", body);
    post(venue()).await.refused(401, "unauthenticated");
    let organizer = api.organizer();
    let first = api
        .keyed(&organizer, "/v1/venues", "k", venue())
        .await
        .is(201);
    assert_eq!(first["seats"], 12);
    assert_eq!(first["standing_capacity"], 10);
    let position = api.state.log.head().await.unwrap().position;
    assert_eq!(first["position"], position.0);
    let api = api.restart().await;
    assert_eq!(
        api.keyed(&organizer, "/v1/venues", "k", venue())
            .await
            .is(201),
        first
    );
    let mut other = venue();
    other["name"] = "Other".into();
    api.keyed(&organizer, "/v1/venues", "k", other)
        .await
        .refused(422, "idempotency_key_reused");
    assert_eq!(api.count("VenueRegistered").await, 1);
}

#[tokio::test]
async fn few_venues_are_read_at_once() {
    let api = Api::start().await;
    let organizer = api.organizer();
    let request = |body| {
        Request::post("/v1/venues")
            .header("authorization", format!("Bearer {organizer}"))
            .header("content-type", "application/json")
            .body(body)
            .unwrap()
    };
    let endless = || {
        let body = poll_fn(|_| Poll::<Option<Result<Bytes, Infallible>>>::Pending);
        api.answer(request(Body::from_stream(body)))
    };
    let read = Arc::new(AtomicBool::new(false));
    let (seen, mut text) = (read.clone(), Some(Bytes::from(venue().to_string())));
    let whole = poll_fn(move |_| {
        seen.store(true, Ordering::Relaxed);
        Poll::Ready(text.take().map(Ok::<_, Infallible>))
    });
    let (mut first, mut second) = (Box::pin(endless()), Box::pin(endless()));
    let mut third = Box::pin(api.answer(request(Body::from_stream(whole))));
    for _ in 0..10 {
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        assert!(poll!(&mut third).is_pending());
        yield_now().await;
    }
    assert!(!read.load(Ordering::Relaxed), "its body waits, too");
    drop(first);
    third.await.is(201);
}

#[tokio::test]
async fn a_bad_plan_is_refused_with_its_place() {
    let api = Api::start().await;
    let organizer = api.organizer();
    let seat = "/seating_plan/zones/0/rows/0/seats/1";
    let cases: [(&str, &str, Value, &str); 4] = [
        (seat, "category", "Balcony".into(), "unknown_category"),
        (seat, "seat_guid", "A-1".into(), "duplicate_seat"),
        (seat, "seat_number", json!([1]), "invalid_seating_plan"),
        ("/seating_plan", "zones", json!([]), "empty_seating_plan"),
    ];
    for (place, field, value, code) in cases {
        let mut body = venue();
        body.pointer_mut(place).unwrap()[field] = value;
        let problem = api
            .post(&organizer, "/v1/venues", body)
            .await
            .refused(422, code);
        assert!(
            text(&problem, "at").starts_with("seating_plan"),
            "{problem:#}"
        );
    }
    let mut body = venue();
    body["colour"] = "red".into();
    api.post(&organizer, "/v1/venues", body)
        .await
        .refused(400, "unknown_field");
    assert_eq!(api.count("VenueRegistered").await, 0);
}

#[tokio::test]
async fn bodies_are_bounded_by_call() {
    let api = Api::start().await;
    let send = |path: &str, bytes: usize| {
        let request = Request::post(path)
            .header("authorization", format!("Bearer {}", api.organizer()))
            .header("content-type", "application/json")
            .body(" ".repeat(bytes).into());
        api.answer(request.unwrap())
    };
    let mib = 1024 * 1024;
    send("/v1/venues", 16 * mib + 1)
        .await
        .refused(413, "body_too_large");
    send("/v1/venues", 4 * mib)
        .await
        .refused(400, "malformed_json");
}

#[tokio::test]
async fn concerts_are_announced() {
    let api = Api::start().await;
    let body = json!({"title": "Night", "artist": "The Band", "description": "Loud."});
    let organizer = api.organizer();
    let announced = api
        .keyed(&organizer, "/v1/concerts", "k", body.clone())
        .await
        .is(201);
    assert_eq!(announced["position"], 1);
    assert_eq!(
        api.keyed(&organizer, "/v1/concerts", "k", body.clone())
            .await
            .is(201),
        announced
    );
    // Another's key of the same name is another key.
    let others = api
        .keyed(&other_organizer(&api), "/v1/concerts", "k", body.clone())
        .await
        .is(201);
    assert_ne!(others["concert_id"], announced["concert_id"]);
    api.post(&api.customer(1), "/v1/concerts", body)
        .await
        .refused(403, "forbidden");
    let empty = json!({"title": "", "artist": "The Band"});
    let problem = api
        .post(&organizer, "/v1/concerts", empty)
        .await
        .refused(422, "invalid_field");
    assert_eq!(problem["at"], "title");
}

#[tokio::test]
async fn a_show_needs_its_organizers_concert_and_venue() {
    let api = Api::start().await;
    let (venue, concert) = (api.venue().await, api.concert().await);
    let organizer = api.organizer();
    let scheduled = api
        .post(&organizer, "/v1/shows", show(&venue, &concert))
        .await
        .is(201);
    assert_eq!(scheduled["capacity"], 22);
    api.post(&other_organizer(&api), "/v1/shows", show(&venue, &concert))
        .await
        .refused(404, "not_found");
    let unknown = Uuid::from_u128(9).to_string();
    api.post(&organizer, "/v1/shows", show(&unknown, &concert))
        .await
        .refused(404, "not_found");
    api.post(&organizer, "/v1/shows", show(&venue, &unknown))
        .await
        .refused(404, "not_found");
    let mut body = show(&venue, &concert);
    body["prices"] = json!({"Parquet": 1, "Balcony": 2});
    let problem = api
        .post(&organizer, "/v1/shows", body)
        .await
        .refused(422, "prices_mismatch");
    assert_eq!(problem["missing"], json!(["Standing"]));
    assert_eq!(problem["unknown"], json!(["Balcony"]));
    let mut body = show(&venue, &concert);
    body["waiting_room"] = json!({"admit_per_second": 0, "max_active": 5});
    let problem = api
        .post(&organizer, "/v1/shows", body)
        .await
        .refused(422, "invalid_field");
    assert_eq!(problem["at"], "admit_per_second");
    assert_eq!(api.count("ShowScheduled").await, 1);
}

#[tokio::test]
async fn house_seats_go_out_of_sale_and_back() {
    let api = Api::start().await;
    let show = api.show().await;
    let organizer = api.organizer();
    let (block, release) = (
        format!("/v1/shows/{show}/blocks"),
        format!("/v1/shows/{show}/blocks/release"),
    );
    let body = json!({"seats": ["A-1", "A-2"], "reason": "camera"});
    api.post(&other_organizer(&api), &block, body.clone())
        .await
        .refused(404, "not_found");
    let blocked = api.post(&organizer, &block, body.clone()).await.is(200);
    assert_eq!(blocked["seats"], json!(["A-1", "A-2"]));
    let hold = json!({"show_id": show, "seats": ["A-2", "A-3"]});
    let problem = api
        .post(&api.customer(1), "/v1/reservations", hold.clone())
        .await;
    assert_eq!(
        problem.refused(409, "seats_unavailable")["seats"],
        json!(["A-2"])
    );
    api.post(&organizer, &release, body.clone()).await.is(200);
    let problem = api
        .post(&organizer, &release, body)
        .await
        .refused(409, "not_blocked");
    assert_eq!(problem["seats"], json!(["A-1", "A-2"]));
    api.post(&api.customer(1), "/v1/reservations", hold)
        .await
        .is(201);
    let taken = json!({"seats": ["A-3"], "reason": "camera"});
    api.post(&organizer, &block, taken)
        .await
        .refused(409, "seats_unavailable");
    let unknown = json!({"seats": ["Z-9"], "reason": "camera"});
    api.post(&organizer, &block, unknown)
        .await
        .refused(422, "unknown_seats");
}

#[tokio::test]
async fn an_arena_is_registered_and_sold() {
    let api = Api::start().await;
    let plan = include_str!("../../../tests/venues/arena-15k.seating-plan.json");
    let plan: Value = serde_json::from_str(plan).unwrap();
    let mut prices = serde_json::Map::new();
    for category in plan["categories"].as_array().unwrap() {
        prices.insert(text(category, "name"), 100.into());
    }
    let category = prices.keys().next().unwrap().clone();
    let body = json!({"name": "Arena", "seating_plan": plan, "focus": {"x": 10.5, "y": 3}});
    let registered = api.post(&api.organizer(), "/v1/venues", body).await.is(201);
    assert!(
        registered["seats"].as_u64().unwrap() > 10_000,
        "{registered:#}"
    );
    let mut body = show(&text(&registered, "venue_id"), &api.concert().await);
    body["prices"] = prices.into();
    let scheduled = api.post(&api.organizer(), "/v1/shows", body).await.is(201);
    assert_eq!(scheduled["capacity"], registered["seats"]);
    let best = json!({"category": category, "quantity": 4});
    let hold = json!({"show_id": scheduled["show_id"], "best_available": best});
    let answer = api
        .post(&api.customer(1), "/v1/reservations", hold)
        .await
        .is(201);
    assert_eq!(answer["seats"].as_array().unwrap().len(), 4);
}
