//! Holds that run out.

use super::harness::Api;

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
    let problem = api
        .post(&api.customer(1), &extend, serde_json::json!({}))
        .await;
    assert_eq!(
        problem.refused(409, "hold_expired")["expired_at"],
        "2026-06-01T12:05:00Z"
    );
    api.hold(2, &show, &["A-1"]).await;
}
