//! The request that began a payment and the process manager drive it at once: one effect, and both say how it ended.

use domain::payment::Status;
use futures::future::join_all;
use serde_json::json;

use super::{
    fixtures::{Gate, text},
    harness::{Api, Reply},
};

const STEPS: [&str; 4] = [
    "payment.requested",
    "payment.debited",
    "payment.confirmed",
    "payment.completed",
];

/// A reservation of customer 1, who has 1,000 points, and the show's id.
async fn held(api: &Api) -> (String, String) {
    let show = api.show().await;
    api.charge(1, 1_000).await;
    let reservation = api.hold(1, &show, &["A-1"]).await;
    (show, reservation)
}

/// Pays; while the request stands at the gate, `meanwhile` happens, then it goes on.
async fn pay_through(
    api: &Api,
    reservation: &str,
    gate: &Gate,
    meanwhile: impl Future<Output = ()>,
) -> Reply {
    let open = async {
        gate.reached().await;
        meanwhile.await;
        gate.open();
    };
    tokio::join!(api.pay(1, reservation, "k"), open).0
}

/// The manager's turn: every payment that was begun is due, and it drives them until `event` was recorded.
async fn manager_until(api: &Api, event: &str) {
    api.advance(10);
    api.manage();
    api.until(event, 1).await;
}

async fn cancel(api: &Api, show: &str) {
    let path = format!("/v1/shows/{show}/cancel");
    api.post(&api.organizer(), &path, json!({"reason": "storm"}))
        .await
        .is(202);
}

async fn assert_once(api: &Api, events: &[&str], at: &str) {
    for event in events {
        assert_eq!(api.count(event).await, 1, "{at}: {event}");
    }
}

#[tokio::test]
async fn a_request_that_was_overtaken_answers_as_the_payment_ended() {
    for at in STEPS {
        let gate = Gate::at(at);
        let api = Api::with(gate.failpoints()).await;
        let (_, reservation) = held(&api).await;
        let overtake = manager_until(&api, "PaymentCompleted");
        let reply = pay_through(&api, &reservation, &gate, overtake).await;
        assert_eq!(reply.is(201)["balance"], 900, "{at}");
        let saga = [
            "PaymentRequested",
            "PointsDebited",
            "ReservationConfirmed",
            "PaymentCompleted",
        ];
        assert_once(&api, &saga, at).await;
        assert_eq!(api.balance(1).await, 900, "{at}");
    }
}

#[tokio::test]
async fn a_request_that_was_overtaken_while_it_turned_back_does_not_turn_back_twice() {
    for at in [
        "payment.debited",
        "payment.refused",
        "payment.abandoned",
        "payment.credited",
        "payment.failed",
    ] {
        // At the first gate the show is called off; at the second the manager overtakes.
        let (debited, gate) = (Gate::at("payment.debited"), Gate::at(at));
        let api = Api::with(debited.failpoints().and(gate.failpoints())).await;
        let (show, reservation) = held(&api).await;
        let call_off_then_overtake = async {
            cancel(&api, &show).await;
            debited.open();
            gate.reached().await;
            manager_until(&api, "PaymentFailed").await;
        };
        let open = async {
            debited.reached().await;
            call_off_then_overtake.await;
            gate.open();
        };
        let (reply, ()) = tokio::join!(api.pay(1, &reservation, "k"), open);
        let problem = reply.refused(409, "show_cancelled");
        assert_eq!(problem["refunded"], true, "{at}");
        let back = [
            "PointsDebited",
            "PaymentAbandoned",
            "PointsCredited",
            "PaymentFailed",
        ];
        assert_once(&api, &back, at).await;
        assert_eq!(api.balance(1).await, 1_000, "{at}");
        let again = api.pay(1, &reservation, "k").await;
        assert_eq!(again.refused(409, "show_cancelled"), problem, "{at}");
    }
}

/// The request saw too few points; before it could give the payment up, there were enough and the manager had paid.
#[tokio::test]
async fn a_refused_request_goes_forward_where_the_manager_got_through() {
    let (requested, refused) = (Gate::at("payment.requested"), Gate::at("payment.refused"));
    let api = Api::with(requested.failpoints().and(refused.failpoints())).await;
    let show = api.show().await;
    api.charge(1, 100).await;
    let first = api.hold(1, &show, &["A-1"]).await;
    let second = api.hold(1, &show, &["A-2"]).await;
    let meanwhile = async {
        requested.reached().await;
        api.pay(1, &second, "l").await.is(201);
        requested.open();
        refused.reached().await;
        api.charge(1, 100).await;
        api.advance(10);
        api.manage();
        api.until("PaymentCompleted", 2).await;
        refused.open();
    };
    let (reply, ()) = tokio::join!(api.pay(1, &first, "k"), meanwhile);
    assert_eq!(reply.is(201)["balance"], 0);
    assert_eq!(api.count("PaymentAbandoned").await, 0);
    assert_eq!(api.balance(1).await, 0);
}

/// The other way round: the request gives up while the manager has debited already.
#[tokio::test]
async fn a_manager_that_debited_gives_back_where_the_request_gave_up() {
    let requested = Gate::at("payment.requested");
    let (refused, debited) = (
        Gate::at("payment.refused"),
        Gate::of("payment.debited", 1..2),
    );
    let points = requested.failpoints().and(refused.failpoints());
    let api = Api::with(points.and(debited.failpoints())).await;
    let show = api.show().await;
    api.charge(1, 100).await;
    let first = api.hold(1, &show, &["A-1"]).await;
    let second = api.hold(1, &show, &["A-2"]).await;
    let meanwhile = async {
        requested.reached().await;
        // The first to pass the debit.
        api.pay(1, &second, "l").await.is(201);
        requested.open();
        refused.reached().await;
        api.charge(1, 100).await;
        api.advance(10);
        api.manage();
        // The second: the manager stands behind its debit.
        debited.reached().await;
        refused.open();
    };
    let (reply, ()) = tokio::join!(api.pay(1, &first, "k"), meanwhile);
    let problem = reply.refused(422, "insufficient_points");
    assert_eq!(problem["refunded"], true, "what the manager took is back");
    debited.open();
    // The manager finds the payment over, and does nothing more.
    api.pay(1, &first, "m").await.is(201);
    let back = ["PaymentAbandoned", "PointsCredited", "PaymentFailed"];
    assert_once(&api, &back, "given up").await;
    assert_eq!(api.balance(1).await, 0);
    assert_eq!(api.count("ReservationConfirmed").await, 2);
}

/// The seats of an expired hold are another's when the request asks, and free again when the manager does.
#[tokio::test]
async fn seats_that_come_back_while_the_request_turns_back_are_sold() {
    let (debited, refused) = (Gate::at("payment.debited"), Gate::at("payment.refused"));
    let api = Api::with(debited.failpoints().and(refused.failpoints())).await;
    let (show, reservation) = held(&api).await;
    let meanwhile = async {
        debited.reached().await;
        api.advance(300);
        let taken = api.hold(2, &show, &["A-1"]).await;
        debited.open();
        refused.reached().await;
        let cancel = format!("/v1/reservations/{taken}/cancel");
        api.post(&api.customer(2), &cancel, json!({})).await.is(200);
        manager_until(&api, "PaymentCompleted").await;
        refused.open();
    };
    let (reply, ()) = tokio::join!(api.pay(1, &reservation, "k"), meanwhile);
    assert_eq!(reply.is(201)["balance"], 900);
    assert_once(&api, &["ReservationConfirmed", "PointsDebited"], "back").await;
    assert_eq!(api.count("PaymentAbandoned").await, 0);
}

#[tokio::test]
async fn many_payments_are_driven_from_both_sides_at_once() {
    const PAYMENTS: usize = 6;
    let gate = Gate::of("payment.requested", 0..PAYMENTS);
    let api = Api::with(gate.failpoints()).await;
    let show = api.show().await;
    let mut reservations = Vec::new();
    for n in 0..PAYMENTS {
        let customer = 10 + n as u128;
        api.charge(customer, 150).await;
        let seat = format!("B-{}", n + 1);
        reservations.push((customer, api.hold(customer, &show, &[&seat]).await));
    }
    let requests = join_all(
        reservations
            .iter()
            .map(|(customer, reservation)| api.pay(*customer, reservation, "k")),
    );
    let release = async {
        gate.reached().await;
        api.advance(10);
        api.manage();
        gate.open();
    };
    let (replies, ()) = tokio::join!(requests, release);
    for reply in replies {
        assert_eq!(reply.is(201)["balance"], 50);
    }
    for event in ["PointsDebited", "ReservationConfirmed", "PaymentCompleted"] {
        assert_eq!(api.count(event).await, PAYMENTS, "{event}");
    }
}

#[tokio::test]
async fn a_refund_that_was_overtaken_answers_as_it_ended() {
    for at in [
        "refund.requested",
        "refund.cancelled",
        "refund.credited",
        "refund.completed",
    ] {
        let gate = Gate::at(at);
        let api = Api::with(gate.failpoints()).await;
        let show = api.show().await;
        let (_, payment) = api.sell(1, &show, &["A-1"]).await;
        let (path, organizer) = (format!("/v1/payments/{payment}/refund"), api.organizer());
        let overtake = async {
            gate.reached().await;
            manager_until(&api, "PaymentRefunded").await;
            gate.open();
        };
        let refund = api.keyed(&organizer, &path, "k", json!({"reason": "rain"}));
        let (reply, ()) = tokio::join!(refund, overtake);
        assert_eq!(reply.is(200)["status"], "refunded", "{at}");
        assert_once(&api, &["PointsCredited", "ReservationCancelled"], at).await;
        assert_eq!(api.balance(1).await, 1_000, "{at}");
    }
}

/// Nobody crashes: the request goes on by itself while the winding-up is at work.
#[tokio::test]
async fn a_show_called_off_under_a_running_request_gives_the_points_back() {
    for at in STEPS {
        let gate = Gate::at(at);
        let api = Api::with(gate.failpoints()).await;
        let (show, reservation) = held(&api).await;
        let call_off = async {
            cancel(&api, &show).await;
            api.manage();
            let end = match at {
                "payment.confirmed" | "payment.completed" => "ReservationCancelled",
                _ => "HoldReleased",
            };
            api.until(end, 1).await;
        };
        let reply = pay_through(&api, &reservation, &gate, call_off).await;
        let payment = if let "payment.confirmed" | "payment.completed" = at {
            let paid = reply.is(201);
            api.until("PaymentRefunded", 1).await;
            text(&paid, "payment_id")
        } else {
            let problem = reply.refused(409, "show_cancelled");
            assert_eq!(problem["refunded"], true, "{at}");
            text(&problem, "payment_id")
        };
        let status = api.payment(&payment).await.status;
        assert!(
            [Status::Failed, Status::Refunded].contains(&status),
            "{at}: {status:?}"
        );
        assert_eq!(api.balance(1).await, 1_000, "{at}");
        assert_once(&api, &["PointsDebited", "PointsCredited"], at).await;
    }
}

#[tokio::test]
async fn points_charged_elsewhere_meanwhile_are_kept() {
    for at in STEPS {
        let gate = Gate::at(at);
        let api = Api::with(gate.failpoints()).await;
        let (_, reservation) = held(&api).await;
        let charge = api.charge(1, 50);
        let paid = pay_through(&api, &reservation, &gate, charge).await.is(201);
        // The balance is that of the debit, and stays so however often it is asked for.
        let expected = if at == "payment.requested" { 950 } else { 900 };
        assert_eq!(paid["balance"], expected, "{at}");
        assert_eq!(api.pay(1, &reservation, "k").await.is(201), paid, "{at}");
        assert_eq!(api.balance(1).await, 950, "{at}");
    }
    for at in ["payment.debited", "payment.abandoned", "payment.credited"] {
        let (debited, gate) = (Gate::at("payment.debited"), Gate::at(at));
        let api = Api::with(debited.failpoints().and(gate.failpoints())).await;
        let (show, reservation) = held(&api).await;
        let meanwhile = async {
            debited.reached().await;
            cancel(&api, &show).await;
            debited.open();
            gate.reached().await;
            api.charge(1, 50).await;
            gate.open();
        };
        let (reply, ()) = tokio::join!(api.pay(1, &reservation, "k"), meanwhile);
        reply.refused(409, "show_cancelled");
        assert_eq!(api.balance(1).await, 1_050, "{at}");
    }
}

/// Spends everything elsewhere between any two steps: the payment debits before or not at all.
#[tokio::test]
async fn points_spent_elsewhere_meanwhile_are_not_spent_twice() {
    for at in STEPS {
        let gate = Gate::at(at);
        let api = Api::with(gate.failpoints()).await;
        let show = api.show().await;
        api.charge(1, 100).await;
        let first = api.hold(1, &show, &["A-1"]).await;
        let second = api.hold(1, &show, &["A-2"]).await;
        let spend = async {
            let reply = api.pay(1, &second, "l").await;
            if at == "payment.requested" {
                reply.is(201);
            } else {
                reply.refused(422, "insufficient_points");
            }
        };
        let reply = pay_through(&api, &first, &gate, spend).await;
        if at == "payment.requested" {
            reply.refused(422, "insufficient_points");
        } else {
            reply.is(201);
        }
        assert_eq!(api.balance(1).await, 0, "{at}");
        assert_once(&api, &["ReservationConfirmed", "PointsDebited"], at).await;
    }
}
