//! What registrations that never ended leave behind.

use axum::http::StatusCode;
use chrono::TimeDelta;
use event_store::Clock;
use uuid::Uuid;

use super::{App, SECRET};
use crate::identity::sweep::sweep;

#[tokio::test]
async fn the_sweep_keeps_customers_and_clears_the_rest_away() {
    let app = App::new().await;
    let (_, registered) = app.register(None, "anna@example.org", SECRET).await;
    let customer: Uuid = registered["customer_id"].as_str().unwrap().parse().unwrap();
    let identity = &app.state.identity;
    // A registration that was cut short before its event, more often than one batch of the sweep holds.
    let leftovers: Vec<_> = (0..120).map(|_| Uuid::now_v7()).collect();
    for leftover in &leftovers {
        identity
            .keys
            .create_key(*leftover, app.clock.now())
            .await
            .unwrap();
        identity
            .credentials
            .put_password(*leftover, "$x", app.clock.now())
            .await
            .unwrap();
    }
    let run = || {
        let (keys, credentials) = (&*identity.keys, &*identity.credentials);
        sweep(keys, credentials, &*app.state.log, app.clock.now())
    };

    app.clock.advance(TimeDelta::hours(23));
    run().await.unwrap();
    assert_eq!(
        app.pending().await,
        (121, 121),
        "a registration may still be under way"
    );
    app.clock.advance(TimeDelta::hours(2));
    let (_, tokens) = app.sign_in("anna@example.org", SECRET).await;
    run().await.unwrap();
    assert_eq!(app.pending().await, (0, 0));
    assert!(identity.keys.key(customer).await.unwrap().is_some());
    assert_eq!(
        app.sign_in("anna@example.org", SECRET).await.0,
        StatusCode::CREATED
    );
    for leftover in leftovers {
        assert!(identity.keys.key(leftover).await.unwrap().is_none());
        assert!(
            identity
                .credentials
                .password(leftover)
                .await
                .unwrap()
                .is_none()
        );
    }
    assert_eq!(
        app.refresh(&tokens).await.0,
        StatusCode::CREATED,
        "a live session stays"
    );
    drop(app.folder);
}
