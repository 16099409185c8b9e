//! What runs out: holds, and the keys of commands.

use std::time::Duration;

use serde_json::json;
use tokio::{task::yield_now, time::timeout};

use super::{fixtures::stop_once, harness::Api};

/// How long a test waits for what must come.
const BOUND: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_quiet_shows_holds_are_expired_by_the_manager() {
    let api = Api::start().await;
    let show = api.show().await;
    api.hold(1, &show, &["A-1"]).await;
    api.hold(2, &show, &["A-2"]).await;
    api.manage();
    api.advance(299);
    api.hold(3, &show, &["A-3"]).await;
    assert_eq!(api.count("HoldExpired").await, 0);
    api.advance(1);
    api.until("HoldExpired", 2).await;
    api.hold(4, &show, &["A-1", "A-2"]).await;
    api.advance(300);
    api.until("HoldExpired", 4).await;
}

#[tokio::test]
async fn a_hold_is_void_on_time_without_any_manager() {
    let api = Api::start().await;
    let show = api.show().await;
    let reservation = api.hold(1, &show, &["A-1"]).await;
    api.advance(300);
    let extend = format!("/v1/reservations/{reservation}/extend");
    let problem = api.post(&api.customer(1), &extend, json!({})).await;
    assert_eq!(
        problem.refused(409, "hold_expired")["expired_at"],
        "2026-06-01T12:05:00Z"
    );
    api.hold(2, &show, &["A-1"]).await;
}

#[tokio::test]
async fn a_key_is_good_for_thirty_days_and_never_takes_effect_again() {
    let api = Api::start().await;
    // Each time with a token of its own: none lives that long.
    let charge = async || {
        let body = json!({"amount": 5});
        api.keyed(&api.customer(1), "/v1/points/charges", "k", body)
            .await
    };
    let charged = charge().await.is(201);
    api.advance(30 * 24 * 3_600);
    api.charge(2, 5).await;
    assert_eq!(charge().await.is(201), charged);
    api.advance(1);
    api.manage();
    timeout(BOUND, async {
        while api.state.log.pruned_until().await.unwrap().0 == 0 {
            yield_now().await;
        }
    })
    .await
    .unwrap();
    charge().await.refused(409, "idempotency_key_expired");
    assert_eq!(api.balance(1).await, 5);
}

/// A show whose winding-up does not get on holds no other show's holds up.
#[tokio::test]
async fn a_show_that_takes_long_delays_no_other() {
    let (failpoints, reached) = stop_once("cancellation.requested");
    let api = Api::with(failpoints).await;
    let (stuck, quiet) = (api.show().await, api.show().await);
    api.hold(1, &stuck, &["A-1"]).await;
    api.hold(2, &quiet, &["A-1"]).await;
    let cancel = format!("/v1/shows/{stuck}/cancel");
    api.post(&api.organizer(), &cancel, json!({"reason": "storm"}))
        .await
        .is(202);
    api.manage();
    reached.notified().await;
    api.advance(300);
    api.until("HoldExpired", 1).await;
    assert_eq!(api.count("HoldReleased").await, 0, "the other one stands");
}
