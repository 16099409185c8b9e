//! The process manager dies, too: after each step of what a request left to it. Another one goes on.

use std::sync::Arc;

use domain::payment::Status;
use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use serde_json::json;
use tokio::sync::Notify;

use super::{
    fixtures::{Gate, stop_once, text},
    harness::Api,
};

/// A payment of customer 1, who has 1,000 points, whose request died at `first`; then the manager dies at `second`.
struct Abandoned {
    api: Api,
    show: String,
    reservation: String,
    second: Arc<Notify>,
}

impl Abandoned {
    async fn at(first: &'static str, second: &'static str) -> Self {
        let ((stop, died), (later, second)) = (stop_once(first), stop_once(second));
        let api = Api::with(stop.and(later)).await;
        let show = api.show().await;
        api.charge(1, 1_000).await;
        let reservation = api.hold(1, &show, &["A-1"]).await;
        tokio::select! {
            reply = api.pay(1, &reservation, "k") => panic!("not stopped: {reply:?}"),
            () = died.notified() => {}
        }
        Self {
            api,
            show,
            reservation,
            second,
        }
    }

    /// The manager dies; another one starts.
    async fn outlive(self) -> (Api, String) {
        self.api.advance(10);
        self.api.manage();
        self.second.notified().await;
        let api = self.api.restart().await;
        api.advance(10);
        api.manage();
        (api, self.reservation)
    }
}

async fn assert_once(api: &Api, events: &[&str], at: &str) {
    for event in events {
        assert_eq!(api.count(event).await, 1, "{at}: {event}");
    }
}

#[tokio::test]
async fn on_its_way_forward() {
    for at in ["payment.debited", "payment.confirmed", "payment.completed"] {
        let abandoned = Abandoned::at("payment.requested", at).await;
        let (api, reservation) = abandoned.outlive().await;
        api.until("PaymentCompleted", 1).await;
        let paid = api.pay(1, &reservation, "k").await.is(201);
        assert_eq!(paid["balance"], 900, "{at}");
        assert_once(&api, &["PointsDebited", "ReservationConfirmed"], at).await;
    }
}

#[tokio::test]
async fn on_its_way_back() {
    for at in [
        "payment.refused",
        "payment.abandoned",
        "payment.credited",
        "payment.failed",
    ] {
        let abandoned = Abandoned::at("payment.debited", at).await;
        let cancel = format!("/v1/shows/{}/cancel", abandoned.show);
        let api = &abandoned.api;
        api.post(&api.organizer(), &cancel, json!({"reason": "storm"}))
            .await
            .is(202);
        let (api, reservation) = abandoned.outlive().await;
        api.until("PaymentFailed", 1).await;
        let problem = api.pay(1, &reservation, "k").await;
        let problem = problem.refused(409, "show_cancelled");
        assert_eq!(problem["refunded"], true, "{at}");
        assert_once(&api, &["PaymentAbandoned", "PointsCredited"], at).await;
        assert_eq!(api.balance(1).await, 1_000, "{at}");
        assert_eq!(api.live_payment(&reservation).await, None, "{at}");
    }
}

/// The hold ran out while nobody was there: with its seats free the manager sells them, with its seats gone it gives the points back.
#[tokio::test]
async fn on_a_hold_that_ran_out() {
    for (taken, end, at) in [
        (false, "PaymentCompleted", "payment.confirmed"),
        (true, "PaymentFailed", "payment.abandoned"),
    ] {
        let abandoned = Abandoned::at("payment.debited", at).await;
        abandoned.api.advance(300);
        if taken {
            abandoned.api.hold(2, &abandoned.show, &["A-1"]).await;
        }
        let (api, reservation) = abandoned.outlive().await;
        api.until(end, 1).await;
        let reply = api.pay(1, &reservation, "k").await;
        let balance = if taken {
            assert_eq!(reply.refused(409, "hold_expired")["refunded"], true);
            1_000
        } else {
            reply.is(201);
            900
        };
        assert_eq!(api.balance(1).await, balance);
        let sold = api.count("ReservationConfirmed").await;
        assert_eq!(sold, usize::from(!taken));
    }
}

#[tokio::test]
async fn on_a_refund() {
    for at in ["refund.cancelled", "refund.credited", "refund.completed"] {
        let ((stop, died), (later, second)) = (stop_once("refund.requested"), stop_once(at));
        let api = Api::with(stop.and(later)).await;
        let show = api.show().await;
        let (_, payment) = api.sell(1, &show, &["A-1"]).await;
        let (path, organizer) = (format!("/v1/payments/{payment}/refund"), api.organizer());
        let body = json!({"reason": "rain"});
        tokio::select! {
            reply = api.keyed(&organizer, &path, "k", body.clone()) => panic!("not stopped: {reply:?}"),
            () = died.notified() => {}
        }
        api.advance(10);
        api.manage();
        second.notified().await;
        let api = api.restart().await;
        api.advance(10);
        api.manage();
        api.until("PaymentRefunded", 1).await;
        api.keyed(&organizer, &path, "k", body).await.is(200);
        assert_once(&api, &["PointsCredited", "ReservationCancelled"], at).await;
        assert_eq!(api.balance(1).await, 1_000, "{at}");
        assert_eq!(api.payment(&payment).await.status, Status::Refunded, "{at}");
    }
}

/// Twenty keys at once, and the one payment that came first dies: the others wait for it, and one sale is made.
#[tokio::test]
async fn on_one_payment_of_twenty_keys() {
    let gate = Gate::at("payment.debited");
    let api = Api::with(gate.failpoints()).await;
    let show = api.show().await;
    api.charge(1, 100_000).await;
    let reservation = api.hold(1, &show, &["A-1"]).await;
    let keys: Vec<_> = (0..20).map(|key| key.to_string()).collect();
    {
        let requests = keys.iter().map(|key| api.pay(1, &reservation, key));
        let mut requests: FuturesUnordered<_> = requests.collect();
        for _ in 1..keys.len() {
            let reply = requests.next().await.unwrap();
            reply.refused(409, "payment_in_progress");
        }
        gate.reached().await;
        // The request that holds the claim is dropped here, behind its debit.
    }
    let api = api.restart().await;
    api.advance(10);
    api.manage();
    api.until("PaymentCompleted", 1).await;
    let again = join_all(keys.iter().map(|key| api.pay(1, &reservation, key))).await;
    let mut paid = 0;
    for reply in again {
        if reply.status == 201 {
            paid += 1;
        } else {
            let problem = reply.refused(409, "already_paid");
            assert!(!text(&problem, "payment_id").is_empty());
        }
    }
    assert_eq!(paid, 1, "the key that came first has the sale");
    assert_once(&api, &["PaymentRequested", "PointsDebited"], "twenty").await;
    assert_eq!(api.balance(1).await, 99_900);
}
