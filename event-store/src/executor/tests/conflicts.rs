//! Other writers, lost outcomes, a log that can't be reached: each command ends as one effect, or as none.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::Instant;

use super::*;
use crate::testing::{Fault, FaultyLog};

fn rival(expected_version: u64, balance: i64) -> Fault {
    Fault::Rival(Box::new(rivals_deposit(expected_version, balance)))
}

#[tokio::test]
async fn another_writer_is_folded_on_without_loading_again() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    executor
        .execute("a", request("0", Command::Deposit(1)))
        .await
        .unwrap();
    rig.log.plan([rival(1, 101), rival(2, 201)]);
    let requests = vec![
        request("1", Command::Withdraw(50)),
        request("2", Command::Withdraw(150)),
        request("3", Command::Deposit(3)),
    ];
    let answers = all(&executor, "a", requests).await;
    assert!(
        answers.iter().all(std::result::Result::is_ok),
        "{answers:?}"
    );
    assert_eq!(answers[0].as_ref().unwrap().events[0].sequence, 4);
    assert_eq!(balance(&executor, "a").await, (4, 6));
    assert_eq!(rig.folded("a").await.balance, 4);
    assert_eq!(
        FaultyLog::count(&rig.log.loads),
        2,
        "once to begin with, once by this test"
    );
}

#[tokio::test]
async fn others_that_keep_winning_make_it_busy() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    let faults = (0..10_000).map(|n| rival(n, 100 * (i64::try_from(n).unwrap() + 1)));
    rig.log.plan(faults);
    let mut hurried = request("k", Command::Deposit(1));
    let command_id = hurried.command_id;
    // Time for two rounds on a machine with much else to do.
    hurried.deadline = Some(Instant::now() + Duration::from_secs(1));
    let answer = executor.execute("a", hurried).await;
    assert!(matches!(answer, Err(Error::Busy)), "{answer:?}");
    let counts = by_command(&rig.events("a").await);
    assert!(counts.len() > 1, "others have won");
    assert!(!counts.contains_key(&command_id));
}

#[tokio::test]
async fn a_lost_outcome_ends_as_one_effect() {
    for fault in [Fault::UnknownAfterStore, Fault::UnknownBeforeStore] {
        for deaf in [0, 1, 2] {
            let rig = Rig::new().await;
            let executor = rig.executor(Config::default());
            rig.log.plan([fault.clone()]);
            // The committer asks the log too.
            rig.log.deaf.store(deaf, Ordering::SeqCst);
            let requests = vec![
                request("1", Command::Deposit(2)),
                request("2", Command::Empty),
                request("2", Command::Empty),
                request("3", Command::Withdraw(1)),
            ];
            let answers = all(&executor, "a", requests).await;
            for answer in &answers[..3] {
                assert!(answer.is_ok(), "{fault:?} {deaf}: {answer:?}");
            }
            assert!(
                matches!(answers[3], Err(Error::Refused { .. })),
                "{:?}",
                answers[3]
            );
            assert_eq!(balance(&executor, "a").await, (0, 3));
            assert_eq!(rig.events("a").await.len(), 3);
        }
    }
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_is_called_so() {
    for fault in [Fault::UnknownAfterStore, Fault::UnknownBeforeStore] {
        let rig = Rig::new().await;
        let executor = rig.executor(Config {
            deadline: Duration::from_millis(100),
            ..Config::default()
        });
        rig.log.plan([fault]);
        rig.log.deaf.store(usize::MAX, Ordering::SeqCst);
        let requests = vec![
            request("1", Command::Deposit(2)),
            request("1", Command::Deposit(2)),
            request("2", Command::Withdraw(3)),
        ];
        let answers = all(&executor, "a", requests).await;
        assert!(
            matches!(answers[0], Err(Error::Unknown(_))),
            "{:?}",
            answers[0]
        );
        assert!(
            matches!(answers[1], Err(Error::Unknown(_))),
            "{:?}",
            answers[1]
        );
        assert!(
            matches!(answers[2], Err(Error::Unavailable(_))),
            "{:?}",
            answers[2]
        );
        rig.log.deaf.store(0, Ordering::SeqCst);
        let again = executor
            .execute("a", request("1", Command::Deposit(2)))
            .await;
        assert!(again.is_ok(), "{again:?}");
        assert_eq!(balance(&executor, "a").await, (2, 1));
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_reached_changes_nothing() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    executor
        .execute("a", request("0", Command::Deposit(1)))
        .await
        .unwrap();
    rig.log.plan([Fault::Unavailable]);
    let answer = executor
        .execute("a", request("1", Command::Deposit(1)))
        .await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    assert_eq!(balance(&executor, "a").await, (1, 1));
    // Without proof that its id is unknown, nothing may be refused.
    rig.log.deaf.store(1, Ordering::SeqCst);
    let answer = executor
        .execute("a", request("2", Command::Withdraw(9)))
        .await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    executor
        .execute("a", request("1", Command::Deposit(1)))
        .await
        .unwrap();
    assert_eq!(balance(&executor, "a").await, (2, 2));
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_told() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    let mut append = rivals_deposit(0, 1);
    append.streams[0].events[0].payload = r#"{"Unheard":{}}"#.to_owned();
    rig.log.append(vec![append]).await.unwrap();
    let answer = executor
        .execute("a", request("1", Command::Deposit(1)))
        .await;
    assert!(matches!(answer, Err(Error::Broken(_))), "{answer:?}");
    let look = executor.read("a", |_, version, _| version).await;
    assert!(matches!(look, Err(Error::Broken(_))), "{look:?}");
}

#[tokio::test]
async fn a_stalled_log_makes_it_unknown_and_what_waits_busy() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config {
        deadline: Duration::from_millis(50),
        ..Config::default()
    });
    rig.log.close_gate();
    let stalled = executor.execute("a", request("1", Command::Deposit(1)));
    let late = async {
        // The first is being recorded by then.
        until(|| async { FaultyLog::count(&rig.log.appends) == 1 }).await;
        executor
            .execute("a", request("2", Command::Deposit(2)))
            .await
    };
    let (stalled, late) = tokio::join!(stalled, late);
    assert!(matches!(stalled, Err(Error::Unknown(_))), "{stalled:?}");
    assert!(matches!(late, Err(Error::Busy)), "{late:?}");
    rig.log.open_gate();
    let mut patient = request("1", Command::Deposit(1));
    patient.deadline = Some(Instant::now() + Duration::from_secs(20));
    let again = executor.execute("a", patient).await.unwrap();
    assert_eq!(again.events[0].sequence, 1);
    assert_eq!(balance(&executor, "a").await, (1, 1));
}

#[tokio::test]
async fn a_new_epoch_is_loaded_not_folded_on() {
    let rig = Rig::new().await;
    let config = Config {
        snapshot_every: 3,
        ..Config::default()
    };
    let executor = rig.executor(config.clone());
    balance(&executor, "a").await;
    let requests = (0..5)
        .map(|n| request(&n.to_string(), Command::Deposit(1)))
        .collect();
    all(&executor, "a", requests).await;
    // A load that spans both epochs folds all of it.
    rig.log.raise_epoch_at(crate::Position(5));
    let fresh = rig.executor(config);
    assert_eq!(balance(&fresh, "a").await, (5, 5));
    rig.log.raise_epoch_at(crate::Position(6));
    let old = rig.executor(Config::default());
    assert_eq!(balance(&old, "a").await, (5, 5));
    let loads = FaultyLog::count(&rig.log.loads);
    rig.log.plan([rival(5, 105)]);
    let answer = old
        .execute("a", request("k", Command::Withdraw(5)))
        .await
        .unwrap();
    assert_eq!(answer.events[0].sequence, 7);
    assert_eq!(FaultyLog::count(&rig.log.loads), loads + 1);
    assert_eq!(balance(&old, "a").await, (100, 7));
}
