//! Loading, snapshots, eviction, back-pressure, cancellation, shutdown.

use std::time::Duration;

use futures::FutureExt;

use super::*;
use crate::{snapshot::Snapshot, testing::FaultyLog};

fn small() -> Config {
    Config {
        live_aggregates: 2,
        mailbox: 3,
        batch: 2,
        snapshot_every: 5,
        ..Config::default()
    }
}

#[tokio::test]
async fn a_long_stream_loads_from_its_snapshot() {
    let rig = Rig::new().await;
    let executor = rig.executor(small());
    for n in 0..23 {
        executor
            .execute("a", request(&n.to_string(), Command::Deposit(1)))
            .await
            .unwrap();
    }
    let saved = || async {
        let snapshot = rig
            .log
            .load_snapshot(&stream("a"), Account::SNAPSHOT_SCHEMA)
            .await;
        snapshot
            .unwrap()
            .is_some_and(|snapshot| snapshot.version >= 5)
    };
    until(saved).await;
    let fresh = rig.executor(small());
    let state = fresh.read("a", |state, _, _| state.clone()).await.unwrap();
    assert_eq!(state, rig.folded("a").await);
    fresh
        .execute("a", request("more", Command::Withdraw(23)))
        .await
        .unwrap();
    let state = fresh.read("a", |state, _, _| state.clone()).await.unwrap();
    assert_eq!(state, rig.folded("a").await);
}

#[tokio::test]
async fn a_snapshot_of_no_use_is_ignored() {
    let rig = Rig::new().await;
    let config = || Config {
        snapshot_every: 10,
        ..Config::default()
    };
    let executor = rig.executor(config());
    for n in 0..9 {
        executor
            .execute("a", request(&n.to_string(), Command::Deposit(1)))
            .await
            .unwrap();
    }
    let wrong = r#"{"balance":1000,"frozen_until":null,"changes":1}"#;
    let useless = [
        (Account::SNAPSHOT_SCHEMA + 1, 5, wrong),
        (Account::SNAPSHOT_SCHEMA, 5, "{}"),
        (Account::SNAPSHOT_SCHEMA, 999, wrong),
    ];
    let limit = Config {
        snapshot_every: 9,
        ..Config::default()
    };
    for (schema, version, payload) in useless {
        let (stream, payload) = (stream("a"), payload.to_owned());
        let snapshot = Snapshot {
            stream,
            schema,
            version,
            payload,
        };
        rig.log.save_snapshot(snapshot).await.unwrap();
        let seen = balance(&rig.executor(limit.clone()), "a").await;
        assert_eq!(seen, (9, 9), "{schema} {version}");
    }
}

#[tokio::test]
async fn one_load_serves_all_who_wait() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    executor
        .execute("a", request("0", Command::Deposit(1)))
        .await
        .unwrap();
    let fresh = rig.executor(Config::default());
    let loads = FaultyLog::count(&rig.log.loads);
    let requests = (1..50)
        .map(|n| request(&n.to_string(), Command::Deposit(1)))
        .collect();
    assert!(
        all(&fresh, "a", requests)
            .await
            .iter()
            .all(std::result::Result::is_ok)
    );
    assert_eq!(FaultyLog::count(&rig.log.loads), loads + 1);
}

#[tokio::test]
async fn the_least_recently_used_give_way() {
    let rig = Rig::new().await;
    let executor = rig.executor(small());
    for (n, id) in ["a", "b", "a", "c", "a"].into_iter().enumerate() {
        executor
            .execute(id, request(&n.to_string(), Command::Deposit(1)))
            .await
            .unwrap();
        until(|| async { executor.shared.mailboxes.waiting(id).is_none() }).await;
        assert!(executor.live_aggregates() <= 2);
    }
    let loads = FaultyLog::count(&rig.log.loads);
    assert_eq!(loads, 3, "a was never evicted");
    assert_eq!(balance(&executor, "b").await, (1, 1));
    assert_eq!(FaultyLog::count(&rig.log.loads), loads + 1);
}

#[tokio::test]
async fn the_idle_are_evicted_and_the_unheard_of_not_kept() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config {
        idle: Duration::from_millis(8),
        ..Config::default()
    });
    executor
        .execute("a", request("1", Command::Deposit(1)))
        .await
        .unwrap();
    let refused = executor
        .execute("nobody", request("2", Command::Withdraw(1)))
        .await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    until(|| async { executor.live_aggregates() == 0 }).await;
    assert_eq!(balance(&executor, "a").await, (1, 1));
}

#[tokio::test]
async fn a_full_mailbox_refuses_at_once() {
    let rig = Rig::new().await;
    let executor = rig.executor(small());
    let requests = (0..5)
        .map(|n| request(&n.to_string(), Command::Deposit(1)))
        .collect();
    let answers = all(&executor, "a", requests).await;
    let overloaded = |answer: &&Result| matches!(answer, Err(Error::Overloaded));
    assert_eq!(
        answers.iter().filter(overloaded).count(),
        2,
        "the mailbox takes three"
    );
    assert_eq!(balance(&executor, "a").await, (3, 3));
    assert_eq!(FaultyLog::count(&rig.log.appends), 2, "in batches of two");
}

#[tokio::test]
async fn more_aggregates_at_work_than_fit_are_refused() {
    let rig = Rig::new().await;
    let executor = rig.executor(small());
    let ids = ["a", "b", "c"];
    let all = ids.map(|id| executor.execute(id, request(id, Command::Deposit(1))));
    let answers = join_all(all).await;
    assert!(answers[0].is_ok() && answers[1].is_ok(), "{answers:?}");
    assert!(
        matches!(answers[2], Err(Error::Overloaded)),
        "{:?}",
        answers[2]
    );
    until(|| async {
        ids.iter()
            .all(|id| executor.shared.mailboxes.waiting(id).is_none())
    })
    .await;
    executor
        .execute("c", request("c", Command::Deposit(1)))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_caller_that_goes_takes_nothing_with_it() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    for n in 0..20 {
        let mut call =
            Box::pin(executor.execute("a", request(&n.to_string(), Command::Deposit(1))));
        assert!((&mut call).now_or_never().is_none());
        drop(call);
        // Gone before anything happened, or in the middle of it.
        for _ in 0..n {
            tokio::task::yield_now().await;
        }
    }
    until(|| async { balance(&executor, "a").await == (20, 20) }).await;
    assert_eq!(by_command(&rig.events("a").await).len(), 20);
}

#[tokio::test]
async fn what_was_accepted_is_answered_after_shutdown() {
    let rig = Rig::new().await;
    let executor = rig.executor(small());
    rig.log.close_gate();
    let calls = ["1", "2", "3"].map(|key| executor.execute("a", request(key, Command::Deposit(1))));
    let mut calls = Box::pin(join_all(calls));
    assert!((&mut calls).now_or_never().is_none());
    rig.shutdown.cancel();
    let late = executor
        .execute("a", request("4", Command::Deposit(1)))
        .await;
    assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
    rig.log.open_gate();
    for answer in calls.await {
        answer.unwrap();
    }
    let events = rig.events("a").await;
    assert_dense(&events);
    assert_eq!(events.len(), 3);
}
