//! Many customers, many seats, sagas that lose their drivers everywhere: afterwards nothing is half done.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::payment::Status;
use serde_json::json;
use tokio::time::timeout;

use super::{faulty_log::Faults, fixtures::text, harness::Api};
use crate::failpoints::Failpoints;

const CUSTOMERS: u128 = 24;
const CHARGED: i64 = 1_000;
/// Each customer pays under both of these at once.
const KEYS: [&str; 2] = ["k", "other"];
/// So many drivers are lost.
const ENDS: usize = 7;
/// After so long a client gives up; what its payment was doing stays where it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// Every fifth place that is passed ends its driver, until [`ENDS`] have ended: so some are hit at each step, and some
/// get through.
fn often() -> Failpoints {
    let passed = Arc::new(AtomicUsize::new(0));
    Failpoints::new(move |_| {
        let passed = passed.fetch_add(1, Ordering::SeqCst);
        if passed % 5 == 4 && passed < 5 * ENDS {
            Box::pin(std::future::pending())
        } else {
            Box::pin(std::future::ready(()))
        }
    })
}

/// What a customer knows afterwards.
struct Tried {
    customer: u128,
    reservation: String,
    /// By key; `None` where the client gave up.
    answers: [Option<u16>; 2],
}

/// Takes a seat that may be another's too, and tries to pay for it; some go away first, some pay with a second key.
async fn fan(api: &Api, show: &str, customer: u128) -> Option<Tried> {
    api.charge(customer, CHARGED).await;
    let row = if customer.is_multiple_of(2) { "A" } else { "B" };
    let seat = format!("{row}-{}", 1 + customer / 2 % 6);
    let body = json!({"show_id": show, "seats": [seat]});
    let held = api
        .post(&api.customer(customer), "/v1/reservations", body)
        .await;
    if held.status.as_u16() == 409 {
        return None;
    }
    let reservation = text(&held.is(201), "reservation_id");
    if customer.is_multiple_of(7) {
        let cancel = format!("/v1/reservations/{reservation}/cancel");
        api.post(&api.customer(customer), &cancel, json!({}))
            .await
            .is(200);
    }
    let pay = async |key| {
        let reply = timeout(PATIENCE, api.pay(customer, &reservation, key)).await;
        reply.ok().map(|reply| reply.status.as_u16())
    };
    let (first, second) = tokio::join!(pay(KEYS[0]), pay(KEYS[1]));
    let answers = [first, second];
    Some(Tried {
        customer,
        reservation,
        answers,
    })
}

async fn payments(api: &Api) -> Vec<domain::payment::Payment> {
    let events = api
        .state
        .log
        .read_all(event_store::Position(0), 10_000)
        .await
        .unwrap();
    let mut payments = Vec::new();
    for event in events
        .iter()
        .filter(|event| event.event_type == "PaymentRequested")
    {
        payments.push(api.payment(&event.stream.aggregate_id).await);
    }
    payments
}

fn is_over(status: Status) -> bool {
    [Status::Completed, Status::Failed, Status::Refunded].contains(&status)
}

/// Points and sales agree to the unit.
async fn assert_balanced(api: &Api) {
    let mut kept = 0;
    let mut sold = 0;
    for payment in payments(api).await {
        assert!(is_over(payment.status), "{payment:?}");
        if payment.status == Status::Completed {
            kept += payment.amount;
            sold += 1;
        }
    }
    let mut there = 0;
    for customer in 0..CUSTOMERS {
        there += api.balance(customer).await;
    }
    let charged: i64 = (0..CUSTOMERS).map(|_| CHARGED).sum();
    assert_eq!(there + kept, charged);
    let confirmed = api.count("ReservationConfirmed").await;
    assert_eq!(confirmed - api.count("ReservationCancelled").await, sold);
    let debits = api.count("PointsDebited").await;
    assert_eq!(debits - api.count("PointsCredited").await, sold);
}

#[tokio::test]
async fn nothing_is_half_done() {
    let api = Api::new(Faults::default(), often(), Duration::from_secs(5)).await;
    let show = api.show().await;
    let fans = (0..CUSTOMERS).map(|customer| fan(&api, &show, customer));
    let tried: Vec<_> = futures::future::join_all(fans)
        .await
        .into_iter()
        .flatten()
        .collect();
    let answers: Vec<_> = tried.iter().flat_map(|fan| fan.answers).collect();
    assert!(answers.contains(&None), "no client was left in the dark");
    assert!(answers.contains(&Some(201)), "no client got through");
    let api = api.restart().await;
    api.advance(11);
    api.manage();
    let requested = api.count("PaymentRequested").await;
    api.until_all(|events| {
        let count = |name| events.iter().filter(|event| *event == name).count();
        count("PaymentCompleted") + count("PaymentFailed") == requested
    })
    .await;
    assert_balanced(&api).await;
    for fan in tried {
        let mut paid = 0;
        for (key, answer) in KEYS.into_iter().zip(fan.answers) {
            let reply = api.pay(fan.customer, &fan.reservation, key).await;
            let again = reply.status.as_u16();
            assert!(
                answer != Some(201) || again == 201,
                "{again}: {:#}",
                reply.body
            );
            assert_eq!(reply.body["status"] == "completed", again == 201);
            paid += usize::from(again == 201);
        }
        assert!(paid <= 1, "two payments of one reservation");
    }
    assert_balanced(&api).await;
    let cancel = format!("/v1/shows/{show}/cancel");
    api.post(&api.organizer(), &cancel, json!({"reason": "storm"}))
        .await
        .is(202);
    let completed = api.count("PaymentCompleted").await;
    api.until("PaymentRefunded", completed).await;
    assert_balanced(&api).await;
    for customer in 0..CUSTOMERS {
        assert_eq!(api.balance(customer).await, CHARGED);
    }
}
