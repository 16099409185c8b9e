//! Sagas that lose their driver after each step: exactly one effect, whoever finishes.

use std::time::Duration;

use domain::payment::Status;
use serde_json::json;
use tokio::sync::Notify;

use super::{
    faulty_log::Faults,
    fixtures::{stop_once, text},
    harness::{Api, Reply},
};

/// Pays until the failpoint is reached, then drops the request, as a crash of its process would.
async fn pay_until(api: &Api, reservation: &str, reached: &Notify) {
    tokio::select! {
        reply = api.pay(1, reservation, "k") => panic!("not stopped: {reply:?}"),
        () = reached.notified() => {}
    }
}

/// A reservation of customer 1, who has 1,000 points, and the show's id.
async fn held(api: &Api) -> (String, String) {
    let show = api.show().await;
    api.charge(1, 1_000).await;
    let reservation = api.hold(1, &show, &["A-1"]).await;
    (show, reservation)
}

const STEPS: [&str; 4] = [
    "payment.requested",
    "payment.debited",
    "payment.confirmed",
    "payment.completed",
];

async fn assert_paid_once(api: &Api, at: &str) {
    assert_eq!(api.balance(1).await, 900, "{at}");
    for event in [
        "PaymentRequested",
        "PointsDebited",
        "ReservationConfirmed",
        "PaymentCompleted",
    ] {
        assert_eq!(api.count(event).await, 1, "{at}: {event}");
    }
}

#[tokio::test]
async fn the_manager_finishes_what_a_crash_left() {
    for at in STEPS {
        let (failpoints, reached) = stop_once(at);
        let api = Api::with(failpoints).await;
        let (_, reservation) = held(&api).await;
        pay_until(&api, &reservation, &reached).await;
        let api = api.restart().await;
        api.advance(10);
        api.manage();
        api.until("PaymentCompleted", 1).await;
        let paid = api.pay(1, &reservation, "k").await.is(201);
        assert_eq!(paid["balance"], 900, "{at}");
        assert_paid_once(&api, at).await;
    }
}

#[tokio::test]
async fn a_repeat_drives_the_payment_on() {
    for at in STEPS {
        let (failpoints, reached) = stop_once(at);
        let api = Api::with(failpoints).await;
        let (_, reservation) = held(&api).await;
        pay_until(&api, &reservation, &reached).await;
        if at != "payment.completed" {
            api.pay(1, &reservation, "l")
                .await
                .refused(409, "payment_in_progress");
        }
        api.pay(1, &reservation, "k").await.is(201);
        assert_paid_once(&api, at).await;
    }
}

#[tokio::test]
async fn a_hold_that_expires_while_paying_is_taken_again() {
    let (failpoints, reached) = stop_once("payment.debited");
    let api = Api::with(failpoints).await;
    let (_, reservation) = held(&api).await;
    pay_until(&api, &reservation, &reached).await;
    api.advance(600);
    api.manage();
    api.until("PaymentCompleted", 1).await;
    api.pay(1, &reservation, "k").await.is(201);
    assert_paid_once(&api, "retake").await;
}

/// Lets a payment be debited, brings `before` about, and answers the repeat of the payment.
async fn refused_after_debit(before: impl AsyncFnOnce(&Api, &str, &str)) -> (Api, Reply, String) {
    let (failpoints, reached) = stop_once("payment.debited");
    let api = Api::with(failpoints).await;
    let (show, reservation) = held(&api).await;
    pay_until(&api, &reservation, &reached).await;
    assert_eq!(api.balance(1).await, 900);
    before(&api, &show, &reservation).await;
    let reply = api.pay(1, &reservation, "k").await;
    (api, reply, reservation)
}

async fn assert_undone(api: &Api, problem: &serde_json::Value, reservation: &str) {
    assert_eq!(problem["refunded"], true, "{problem:#}");
    assert_eq!(api.balance(1).await, 1_000);
    assert_eq!(api.count("PointsCredited").await, 1);
    assert_eq!(api.count("ReservationConfirmed").await, 0);
    assert_eq!(api.live_payment(reservation).await, None);
    let payment = text(problem, "payment_id");
    assert_eq!(api.payment(&payment).await.status, Status::Failed);
    // A recorded failure is repeated.
    let code = text(problem, "code");
    let again = api.pay(1, reservation, "k").await;
    assert_eq!(&again.refused(409, &code), problem);
}

#[tokio::test]
async fn seats_lost_while_paying_are_refunded() {
    let (api, reply, reservation) = refused_after_debit(async |api, show, _| {
        api.advance(300);
        api.hold(2, show, &["A-1"]).await;
    })
    .await;
    let problem = reply.refused(409, "hold_expired");
    assert_eq!(problem["taken"][0]["seat_guid"], "A-1");
    assert_undone(&api, &problem, &reservation).await;
}

#[tokio::test]
async fn a_reservation_given_back_while_paying_is_refunded() {
    let (api, reply, reservation) = refused_after_debit(async |api, _, reservation| {
        let cancel = format!("/v1/reservations/{reservation}/cancel");
        api.post(&api.customer(1), &cancel, json!({})).await.is(200);
    })
    .await;
    assert_undone(
        &api,
        &reply.refused(409, "reservation_cancelled"),
        &reservation,
    )
    .await;
}

#[tokio::test]
async fn a_show_cancelled_while_paying_is_refunded() {
    let (api, reply, reservation) = refused_after_debit(async |api, show, _| {
        let cancel = format!("/v1/shows/{show}/cancel");
        api.post(&api.organizer(), &cancel, json!({"reason": "storm"}))
            .await
            .is(202);
    })
    .await;
    assert_undone(&api, &reply.refused(409, "show_cancelled"), &reservation).await;
}

#[tokio::test]
async fn a_limit_reached_while_paying_is_refunded() {
    let (api, reply, _) = refused_after_debit(async |api, show, _| {
        api.advance(300);
        api.hold(1, show, &["B-1", "B-2", "B-3", "B-4"]).await;
    })
    .await;
    let problem = reply.refused(422, "purchase_limit_exceeded");
    assert_eq!(problem["refunded"], true);
    assert_eq!(api.balance(1).await, 1_000);
}

#[tokio::test]
async fn points_spent_between_the_check_and_the_debit() {
    let (failpoints, reached) = stop_once("payment.requested");
    let api = Api::with(failpoints).await;
    let show = api.show().await;
    api.charge(1, 100).await;
    let first = api.hold(1, &show, &["A-1"]).await;
    let second = api.hold(1, &show, &["A-2"]).await;
    pay_until(&api, &first, &reached).await;
    api.pay(1, &second, "l").await.is(201);
    let problem = api
        .pay(1, &first, "k")
        .await
        .refused(422, "insufficient_points");
    assert_eq!(problem["refunded"], false);
    assert_eq!(
        (&problem["balance"], &problem["required"]),
        (&json!(0), &json!(100))
    );
    assert_eq!(api.count("PointsDebitBarred").await, 1);
    // A new try needs a new key, and may succeed: the claim is free.
    api.charge(1, 100).await;
    api.pay(1, &first, "k")
        .await
        .refused(422, "insufficient_points");
    api.pay(1, &first, "m").await.is(201);
}

#[tokio::test]
async fn compensation_survives_a_crash_after_each_step() {
    for at in ["payment.abandoned", "payment.credited", "payment.failed"] {
        // The first stop lets the show be cancelled in time; the second is the crash.
        let (first, debited) = stop_once("payment.debited");
        let (second, reached) = stop_once(at);
        let api = Api::with(first.and(second)).await;
        let (show, reservation) = held(&api).await;
        pay_until(&api, &reservation, &debited).await;
        let cancel = format!("/v1/shows/{show}/cancel");
        api.post(&api.organizer(), &cancel, json!({"reason": "storm"}))
            .await
            .is(202);
        pay_until(&api, &reservation, &reached).await;
        let api = api.restart().await;
        api.advance(10);
        api.manage();
        api.until("PaymentFailed", 1).await;
        let problem = api
            .pay(1, &reservation, "k")
            .await
            .refused(409, "show_cancelled");
        assert_undone(&api, &problem, &reservation).await;
    }
}

#[tokio::test]
async fn a_show_cancelled_after_the_sale_refunds_the_running_payment() {
    let (failpoints, reached) = stop_once("payment.confirmed");
    let api = Api::with(failpoints).await;
    let (show, reservation) = held(&api).await;
    pay_until(&api, &reservation, &reached).await;
    let cancel = format!("/v1/shows/{show}/cancel");
    api.post(&api.organizer(), &cancel, json!({"reason": "storm"}))
        .await
        .is(202);
    api.manage();
    api.until("ReservationCancelled", 1).await;
    // The seats are gone already; the payment still ends as completed, then as refunded.
    api.advance(10);
    api.until("PaymentRefunded", 1).await;
    assert_eq!(api.count("PaymentCompleted").await, 1);
    assert_eq!(api.count("PointsCredited").await, 1);
    assert_eq!(api.balance(1).await, 1_000);
}

#[tokio::test]
async fn a_refund_of_a_running_payment_waits_for_its_end() {
    let (failpoints, reached) = stop_once("payment.debited");
    let api = Api::with(failpoints).await;
    let (_, reservation) = held(&api).await;
    pay_until(&api, &reservation, &reached).await;
    let payment = api.live_payment(&reservation).await.unwrap();
    let refund = format!("/v1/payments/{payment}/refund");
    let accepted = api
        .post(&api.organizer(), &refund, json!({"reason": "rain"}))
        .await
        .is(202);
    assert_eq!(accepted["status"], "processing");
    assert_eq!(api.count("PointsCredited").await, 0);
    api.advance(10);
    api.manage();
    api.until("PaymentRefunded", 1).await;
    assert_eq!(api.count("PaymentCompleted").await, 1);
    assert_eq!(api.balance(1).await, 1_000);
}

#[tokio::test]
async fn a_refund_survives_a_crash_after_each_step() {
    for at in [
        "refund.requested",
        "refund.cancelled",
        "refund.credited",
        "refund.completed",
    ] {
        let (failpoints, reached) = stop_once(at);
        let api = Api::with(failpoints).await;
        let show = api.show().await;
        let (_, payment) = api.sell(1, &show, &["A-1"]).await;
        let (path, organizer) = (format!("/v1/payments/{payment}/refund"), api.organizer());
        let body = json!({"reason": "rain"});
        tokio::select! {
            reply = api.keyed(&organizer, &path, "k", body.clone()) => panic!("not stopped: {reply:?}"),
            () = reached.notified() => {}
        }
        let api = api.restart().await;
        api.advance(10);
        api.manage();
        api.until("PaymentRefunded", 1).await;
        api.keyed(&organizer, &path, "k", body).await.is(200);
        assert_eq!(api.balance(1).await, 1_000, "{at}");
        assert_eq!(api.count("PointsCredited").await, 1, "{at}");
        assert_eq!(api.count("ReservationCancelled").await, 1, "{at}");
    }
}

#[tokio::test]
async fn past_its_deadline_a_payment_goes_on_without_the_request() {
    let (failpoints, _reached) = stop_once("payment.debited");
    let api = Api::new(Faults::default(), failpoints, Duration::from_millis(300)).await;
    let (_, reservation) = held(&api).await;
    let body = api.pay(1, &reservation, "k").await.is(202);
    assert_eq!(body["status"], "processing");
    assert!(body["position"].as_u64().unwrap() > 0, "{body:#}");
    api.advance(10);
    api.manage();
    api.until("PaymentCompleted", 1).await;
    let paid = api.pay(1, &reservation, "k").await.is(201);
    assert_eq!(paid["payment_id"], body["payment_id"]);
    assert_paid_once(&api, "deadline").await;
}

#[tokio::test]
async fn a_show_cancelled_at_any_step_gives_the_points_back() {
    for at in STEPS {
        let (failpoints, reached) = stop_once(at);
        let api = Api::with(failpoints).await;
        let (show, reservation) = held(&api).await;
        pay_until(&api, &reservation, &reached).await;
        let payment = api.live_payment(&reservation).await.unwrap();
        let cancel = format!("/v1/shows/{show}/cancel");
        api.post(&api.organizer(), &cancel, json!({"reason": "storm"}))
            .await
            .is(202);
        let api = api.restart().await;
        api.advance(10);
        api.manage();
        let confirmed = ["payment.confirmed", "payment.completed"].contains(&at);
        let (end, status) = if confirmed {
            ("PaymentRefunded", Status::Refunded)
        } else {
            ("PaymentFailed", Status::Failed)
        };
        api.until(end, 1).await;
        assert_eq!(api.payment(&payment).await.status, status, "{at}");
        assert_eq!(api.balance(1).await, 1_000, "{at}");
        assert_eq!(api.count("PointsCredited").await, 1, "{at}");
        let sold = api.count("ReservationConfirmed").await;
        assert_eq!(sold, api.count("ReservationCancelled").await, "{at}");
        assert_eq!(sold, usize::from(confirmed), "{at}");
    }
}
