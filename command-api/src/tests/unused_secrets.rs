//! Secrets that were made for nothing: destroyed after a day, and no others.

use std::time::Duration;

use chrono::TimeDelta;
use event_store::{Clock, SystemClock};
use serde_json::json;
use uuid::Uuid;

use super::{
    faulty_log::{Fault, Faults},
    fixtures::text,
    harness::Api,
};
use crate::{drops::fairness, notifications::webhook, process_managers::secrets::Sweep};

/// Names of secrets that begin so.
async fn names(api: &Api, prefix: &str) -> Vec<String> {
    let keys = &api.state.identity.keys;
    keys.secret_names(prefix, prefix, 1_000).await.unwrap()
}

/// Sweeps so long after now, by the time that ids are made of; how many are gone.
async fn sweep(api: &Api, later: TimeDelta) -> usize {
    let ledger = api.state.notifications.feed.shared_ledger();
    let sweep = Sweep {
        keys: &*api.state.identity.keys,
        log: &*api.state.log,
        ledger: &*ledger,
    };
    sweep.run(SystemClock.now() + later).await.unwrap()
}

#[tokio::test]
async fn a_drop_that_nobody_knows_of_leaves_no_secret() {
    let faults = Faults::new("DropOpened", Fault::UnknownLost, usize::MAX);
    let api = Api::failing(faults.clone(), Duration::from_millis(300)).await;
    // Something must be in the log, or it can't be told from another one.
    api.venue().await;
    let now = api.state.clock.now();
    let body = json!({"title": "Signed vinyl", "stock": 5, "win_probability": "0.7", "price": 40, "opens_at": now,
        "closes_at": now + TimeDelta::minutes(5), "draw": "at_close"});
    let organizer = api.organizer();
    let open = || api.keyed(&organizer, "/v1/drops", "once", body.clone());
    open().await.is(503);
    faults.heal();
    let opened = open().await.is(201);
    assert_eq!(names(&api, fairness::SECRETS).await.len(), 2);
    assert_eq!(sweep(&api, TimeDelta::hours(23)).await, 0);
    assert_eq!(sweep(&api, TimeDelta::hours(25)).await, 1);
    let kept = format!("drop/{}", text(&opened, "drop_id"));
    assert_eq!(names(&api, fairness::SECRETS).await, [kept]);
    // The same key is the same drop, and makes no secret that stays.
    assert_eq!(open().await.is(201), opened);
    assert_eq!(names(&api, fairness::SECRETS).await.len(), 1);
}

#[tokio::test]
async fn a_webhook_that_was_not_kept_leaves_no_secret() {
    let api = Api::start().await;
    api.venue().await;
    let wanted = json!({"url": "https://example.org/hook", "events": ["payment.completed"]});
    let kept = api.post(&api.organizer(), "/v1/webhooks", wanted).await;
    let kept = format!("webhook/{}", text(&kept.is(201), "webhook_id"));
    let keys = &api.state.identity.keys;
    // As many as more than one page of the sweep.
    for _ in 0..150 {
        let lost = webhook::secret_name(Uuid::now_v7());
        keys.create_secret(&lost).await.unwrap();
    }
    assert_eq!(sweep(&api, TimeDelta::hours(23)).await, 0);
    assert_eq!(sweep(&api, TimeDelta::hours(25)).await, 150);
    assert_eq!(names(&api, webhook::SECRETS).await, [kept]);
}

/// As if a process were started on another log, by mistake: what its secrets are for is in the first one.
#[tokio::test]
async fn a_younger_log_destroys_nothing() {
    let api = Api::start().await;
    let keys = &api.state.identity.keys;
    let old = Uuid::new_v7(uuid::Timestamp::from_unix(
        uuid::NoContext,
        1_700_000_000,
        0,
    ));
    keys.create_secret(&webhook::secret_name(old))
        .await
        .unwrap();
    assert_eq!(sweep(&api, TimeDelta::hours(25)).await, 0);
    api.venue().await;
    assert_eq!(sweep(&api, TimeDelta::hours(25)).await, 0);
    assert_eq!(names(&api, webhook::SECRETS).await.len(), 1);
}
