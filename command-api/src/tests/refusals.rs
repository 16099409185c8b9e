//! Refusals that explain themselves: where in the log each seat went.

use serde_json::{Value, json};

use super::harness::Api;

/// Position of the only event of this name.
async fn position_of(api: &Api, name: &str) -> u64 {
    let events = api.state.log.read_all(event_store::Position(0), 1_000);
    let events = events.await.unwrap();
    let mut found = events.iter().filter(|event| event.event_type == name);
    let position = found.next().unwrap().position.0;
    assert!(found.next().is_none(), "several {name}");
    position
}

async fn ask(api: &Api, show: &str, seats: &[&str]) -> Value {
    let body = json!({"show_id": show, "seats": seats});
    let reply = api.post(&api.customer(9), "/v1/reservations", body).await;
    reply.refused(409, "seats_unavailable")
}

#[tokio::test]
async fn each_seat_that_is_gone_is_told_with_the_position_at_which_it_went() {
    let api = Api::start().await;
    let show = api.show().await;
    // A-3 goes twice: to a hold that runs out, and to its late payment.
    api.charge(3, 100).await;
    let late = api.hold(3, &show, &["A-3"]).await;
    api.advance(300);
    api.pay(3, &late, "k").await.is(201);
    let body = json!({"show_id": show, "seats": ["A-1", "B-1"]});
    let held = api.post(&api.customer(1), "/v1/reservations", body).await;
    let held = held.is(201);
    let block = json!({"seats": ["A-2"], "reason": "camera"});
    let blocks = format!("/v1/shows/{show}/blocks");
    let blocked = api.post(&api.organizer(), &blocks, block).await.is(200);
    let problem = ask(&api, &show, &["A-4", "A-3", "A-2", "A-1"]).await;
    assert_eq!(problem["seats"], json!(["A-1", "A-2", "A-3"]));
    assert_eq!(
        problem["taken"],
        json!([
            {"seat_guid": "A-1", "position": held["position"]},
            {"seat_guid": "A-2", "position": blocked["position"]},
            {"seat_guid": "A-3", "position": position_of(&api, "ReservationConfirmed").await},
        ])
    );
    let block = json!({"seats": ["B-1"], "reason": "camera"});
    let refused = api.post(&api.organizer(), &blocks, block).await;
    let refused = refused.refused(409, "seats_unavailable");
    assert_eq!(
        refused["taken"],
        json!([{"seat_guid": "B-1", "position": held["position"]}]),
        "an organizer is told, too"
    );
    // Who knows nothing yet says the same.
    let api = api.restart().await;
    let again = ask(&api, &show, &["A-4", "A-3", "A-2", "A-1"]).await;
    assert_eq!(again, problem);
}

#[tokio::test]
async fn a_seat_that_came_back_and_went_again_is_told_with_its_last_position() {
    let api = Api::start().await;
    let show = api.show().await;
    api.hold(1, &show, &["A-1"]).await;
    let first = ask(&api, &show, &["A-1"]).await;
    api.advance(300);
    let body = json!({"show_id": show, "seats": ["A-1"]});
    let held = api.post(&api.customer(2), "/v1/reservations", body).await;
    let second = ask(&api, &show, &["A-1"]).await;
    assert_eq!(second["taken"][0]["position"], held.is(201)["position"]);
    assert_ne!(first["taken"], second["taken"]);
}

#[tokio::test]
async fn a_hold_that_ran_out_tells_which_of_its_seats_are_lost() {
    let api = Api::start().await;
    let show = api.show().await;
    api.charge(1, 1_000).await;
    let reservation = api.hold(1, &show, &["A-1", "A-2"]).await;
    api.advance(300);
    let extend = format!("/v1/reservations/{reservation}/extend");
    let nothing = api.post(&api.customer(1), &extend, json!({})).await;
    let nothing = nothing.refused(409, "hold_expired");
    assert_eq!(nothing.get("taken"), None, "both are free: it can be paid");
    let body = json!({"show_id": show, "seats": ["A-2", "A-3"]});
    let held = api.post(&api.customer(2), "/v1/reservations", body).await;
    let lost = json!([{"seat_guid": "A-2", "position": held.is(201)["position"]}]);
    let cancel = format!("/v1/reservations/{reservation}/cancel");
    for reply in [
        api.post(&api.customer(1), &extend, json!({})).await,
        api.post(&api.customer(1), &cancel, json!({})).await,
        api.pay(1, &reservation, "k").await,
    ] {
        assert_eq!(reply.refused(409, "hold_expired")["taken"], lost);
    }
}

#[tokio::test]
async fn many_who_lose_one_seat_are_told_the_same() {
    let api = Api::start().await;
    let show = api.show().await;
    let customers: Vec<_> = (0..64).map(|number| api.customer(number)).collect();
    let body = json!({"show_id": show, "seats": ["A-1"]});
    let replies = futures::future::join_all(
        customers
            .iter()
            .map(|customer| api.post(customer, "/v1/reservations", body.clone())),
    )
    .await;
    let (won, lost): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 201);
    let [winner] = &won[..] else {
        panic!("{} have the seat", won.len());
    };
    let went = json!([{"seat_guid": "A-1", "position": winner.body["position"]}]);
    for reply in lost {
        let problem = reply.refused(409, "seats_unavailable");
        assert_eq!(problem["taken"], went);
        assert_eq!(problem["alternatives"].as_array().unwrap().len(), 1);
    }
}
