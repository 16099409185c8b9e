//! A log that fails under a command or under a step of a saga: repeated, never compensated, never done twice.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use super::{
    faulty_log::{Fault, Faults},
    fixtures::Gate,
    harness::{Api, Reply},
};

/// Soon enough for a test to wait for, late enough for a retry or two.
const DEADLINE: Duration = Duration::from_millis(500);
/// More often than anything is tried before the deadline.
const ALWAYS: usize = 1_000_000;
/// Every way for an append to fail.
const FAULTS: [Fault; 3] = [Fault::Unavailable, Fault::UnknownLost, Fault::UnknownStored];

async fn held(api: &Api) -> String {
    let show = api.show().await;
    api.charge(1, 1_000).await;
    api.hold(1, &show, &["A-1"]).await
}

async fn assert_paid_once(api: &Api, reservation: &str, case: &str) {
    let paid = api.pay(1, reservation, "k").await.is(201);
    assert_eq!(paid["balance"], 900, "{case}");
    for event in [
        "PaymentRequested",
        "PointsDebited",
        "ReservationConfirmed",
        "PaymentCompleted",
    ] {
        assert_eq!(api.count(event).await, 1, "{case}: {event}");
    }
    assert_eq!(api.count("PaymentAbandoned").await, 0, "{case}");
}

#[tokio::test]
async fn a_step_that_fails_once_is_repeated_by_its_request() {
    for event in ["PointsDebited", "ReservationConfirmed", "PaymentCompleted"] {
        for fault in FAULTS {
            let faults = Faults::new(event, fault, 1);
            let api = Api::failing(faults.clone(), Duration::from_secs(5)).await;
            let reservation = held(&api).await;
            assert_paid_once(&api, &reservation, &format!("{event} {fault:?}")).await;
            assert!(faults.spent());
        }
    }
}

#[tokio::test]
async fn a_step_that_keeps_failing_is_left_to_the_manager() {
    for event in ["PointsDebited", "ReservationConfirmed", "PaymentCompleted"] {
        let api = Api::failing(Faults::new(event, Fault::Unavailable, ALWAYS), DEADLINE).await;
        let reservation = held(&api).await;
        let body = api.pay(1, &reservation, "k").await.is(202);
        assert_eq!(body["status"], "processing");
        assert_eq!(
            api.live_payment(&reservation).await.as_deref(),
            body["payment_id"].as_str()
        );
        let api = api.restart().await;
        api.advance(10);
        api.manage();
        api.until("PaymentCompleted", 1).await;
        assert_paid_once(&api, &reservation, event).await;
    }
}

#[tokio::test]
async fn the_manager_tries_again_after_a_pause() {
    let faults = Faults::new("PaymentCompleted", Fault::Unavailable, ALWAYS);
    let api = Api::failing(faults.clone(), DEADLINE).await;
    let reservation = held(&api).await;
    api.pay(1, &reservation, "k").await.is(202);
    api.advance(10);
    let struck = faults.struck();
    api.manage();
    struck.await;
    faults.heal();
    api.until("PaymentCompleted", 1).await;
    assert_paid_once(&api, &reservation, "back-off").await;
}

#[tokio::test]
async fn an_unknown_outcome_is_told_and_resolved_by_its_key() {
    let api = Api::failing(
        Faults::new("PointsCharged", Fault::UnknownLost, ALWAYS),
        DEADLINE,
    )
    .await;
    let body = json!({"amount": 5});
    let reply = api
        .keyed(&api.customer(1), "/v1/points/charges", "k", body.clone())
        .await;
    assert_eq!(reply.status.as_u16(), 503, "{:#}", reply.body);
    assert!(reply.headers.contains_key("retry-after"));
    assert!(
        ["unknown", "nothing_done"].contains(&reply.body["outcome"].as_str().unwrap()),
        "{:#}",
        reply.body
    );
    let api = api.restart().await;
    let charged = api
        .keyed(&api.customer(1), "/v1/points/charges", "k", body.clone())
        .await
        .is(201);
    assert_eq!(
        api.keyed(&api.customer(1), "/v1/points/charges", "k", body)
            .await
            .is(201),
        charged
    );
    assert_eq!(api.count("PointsCharged").await, 1);
}

#[tokio::test]
async fn what_was_stored_unknown_to_its_client_is_answered_on_repeat() {
    let faults = Faults::new("SeatsHeld", Fault::UnknownStored, 1);
    let api = Api::failing(faults.clone(), DEADLINE).await;
    let body = json!({"show_id": api.show().await, "seats": ["A-1"]});
    let first = api
        .keyed(&api.customer(1), "/v1/reservations", "k", body.clone())
        .await;
    assert!(
        [201, 503].contains(&first.status.as_u16()),
        "{:#}",
        first.body
    );
    assert!(faults.spent());
    api.keyed(&api.customer(1), "/v1/reservations", "k", body)
        .await
        .is(201);
    assert_eq!(api.count("SeatsHeld").await, 1);
}

#[tokio::test]
async fn a_log_that_can_not_be_reached_says_when_to_come_back() {
    let api = Api::failing(
        Faults::new("SeatsHeld", Fault::Unavailable, ALWAYS),
        DEADLINE,
    )
    .await;
    let body = json!({"show_id": api.show().await, "seats": ["A-1"]});
    let reply = api.post(&api.customer(1), "/v1/reservations", body).await;
    let seconds: u64 = reply.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        (2..=6).contains(&seconds),
        "2 s, or up to three times that: {seconds}"
    );
    assert_eq!(reply.refused(503, "unavailable")["outcome"], "nothing_done");
}

/// Pays, with the show called off between debit and confirmation.
async fn pay_in_vain(api: &Api, gate: &Gate) -> (Reply, String) {
    let show = api.show().await;
    api.charge(1, 1_000).await;
    let reservation = api.hold(1, &show, &["A-1"]).await;
    let call_off = async {
        gate.reached().await;
        let cancel = format!("/v1/shows/{show}/cancel");
        api.post(&api.organizer(), &cancel, json!({"reason": "storm"}))
            .await
            .is(202);
        gate.open();
    };
    let (reply, ()) = tokio::join!(api.pay(1, &reservation, "k"), call_off);
    (reply, reservation)
}

const BACK: [&str; 3] = ["PaymentAbandoned", "PointsCredited", "PaymentFailed"];

#[tokio::test]
async fn a_step_back_that_fails_once_is_repeated_by_its_request() {
    for event in BACK {
        for fault in FAULTS {
            let (gate, faults) = (Gate::at("payment.debited"), Faults::new(event, fault, 1));
            let patience = Duration::from_secs(5);
            let api = Api::new(faults.clone(), gate.failpoints(), patience).await;
            let (reply, _) = pay_in_vain(&api, &gate).await;
            let problem = reply.refused(409, "show_cancelled");
            assert_eq!(problem["refunded"], true, "{event} {fault:?}");
            assert!(faults.spent());
            for event in BACK {
                assert_eq!(api.count(event).await, 1, "{event} {fault:?}");
            }
            assert_eq!(api.balance(1).await, 1_000, "{event} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_step_back_that_keeps_failing_is_left_to_the_manager() {
    for event in BACK {
        let (gate, faults) = (
            Gate::at("payment.debited"),
            Faults::new(event, Fault::Unavailable, ALWAYS),
        );
        let api = Api::new(faults, gate.failpoints(), DEADLINE).await;
        let (reply, reservation) = pay_in_vain(&api, &gate).await;
        assert_eq!(reply.is(202)["status"], "processing");
        let api = api.restart().await;
        api.advance(10);
        api.manage();
        api.until("PaymentFailed", 1).await;
        let problem = api.pay(1, &reservation, "k").await;
        assert_eq!(problem.refused(409, "show_cancelled")["refunded"], true);
        assert_eq!(api.count("PointsCredited").await, 1, "{event}");
        assert_eq!(api.balance(1).await, 1_000, "{event}");
    }
}

#[tokio::test]
async fn a_payment_whose_request_found_no_answer_is_one_payment_all_the_same() {
    for fault in FAULTS {
        let api = Api::failing(Faults::new("PaymentRequested", fault, 1), DEADLINE).await;
        let reservation = held(&api).await;
        let first = api.pay(1, &reservation, "k").await;
        assert!(
            [201, 503].contains(&first.status.as_u16()),
            "{fault:?}: {:#}",
            first.body
        );
        assert_paid_once(&api, &reservation, &format!("{fault:?}")).await;
    }
}

/// Each step of a show's winding-up fails once; all are tried again after a pause, at the same time.
#[tokio::test]
async fn a_cancellation_goes_on_after_each_fault() {
    let wind_up = async |event: &'static str, fault: Fault| {
        let faults = Faults::new(event, fault, 1);
        let api = Api::failing(faults.clone(), Duration::from_secs(5)).await;
        let show = api.show().await;
        api.sell(1, &show, &["A-1"]).await;
        api.hold(2, &show, &["A-2"]).await;
        let cancel = format!("/v1/shows/{show}/cancel");
        api.post(&api.organizer(), &cancel, json!({"reason": "storm"}))
            .await
            .is(202);
        api.manage();
        api.until("PaymentRefunded", 1).await;
        api.until("HoldReleased", 1).await;
        assert!(faults.spent(), "{event} {fault:?}");
        for event in ["ReservationCancelled", "PointsCredited", "RefundRequested"] {
            assert_eq!(api.count(event).await, 1, "{event} {fault:?}");
        }
        assert_eq!(api.balance(1).await, 1_000, "{event} {fault:?}");
    };
    let events = [
        "RefundRequested",
        "HoldReleased",
        "ReservationCancelled",
        "PointsCredited",
        "PaymentRefunded",
    ];
    let cases = events
        .into_iter()
        .flat_map(|event| FAULTS.map(|fault| (event, fault)));
    join_all(cases.map(|(event, fault)| wind_up(event, fault))).await;
}
