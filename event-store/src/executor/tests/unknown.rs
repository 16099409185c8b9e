//! Lost outcomes: what may be stored yet is neither refused nor called undone.

use std::time::Duration;

use super::*;
use crate::{log::Outcome, testing::Fault};

/// "b" takes the name that "a" is about to take.
async fn name_taken_by_b(rig: &Rig) -> Append {
    let mut append = by_rival(
        "b",
        0,
        &Event::Renamed {
            name: "ann".to_owned(),
        },
    );
    append.streams[0].stream = stream("b");
    for claim in &mut append.claims {
        if let crate::claims::ClaimChange::Set { stream: holder, .. } = claim {
            *holder = stream("b");
        }
    }
    assert!(rig.log.claim("name", "ann").await.unwrap().is_none());
    append
}

fn rename() -> Request<Command> {
    request("k", Command::Rename("ann".to_owned()))
}

#[tokio::test]
async fn what_may_be_stored_yet_is_not_refused() {
    for shared in [false, true] {
        let rig = Rig::new().await;
        if shared {
            rig.log.share();
        }
        let executor = rig.executor(Config::default());
        let taken = name_taken_by_b(&rig).await;
        rig.log
            .plan([Fault::UnknownBeforeStore, Fault::Rival(Box::new(taken))]);
        let answer = executor.execute("a", rename()).await;
        assert!(
            matches!(answer, Err(Error::Unknown(_))),
            "the stream stands where the lost append expects it: {answer:?}"
        );
    }
}

#[tokio::test]
async fn what_can_no_more_be_stored_is_refused() {
    let rig = Rig::new().await;
    rig.log.share();
    let executor = rig.executor(Config::default());
    let taken = name_taken_by_b(&rig).await;
    rig.log
        .plan([Fault::UnknownBeforeStore, Fault::Rival(Box::new(taken))]);
    // Another process moves the stream on before the refusal is confirmed.
    rig.log.forestall([rivals_deposit(0, 100)]);
    let answer = executor.execute("a", rename()).await;
    assert!(
        matches!(answer, Err(Error::ClaimTaken { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_log_that_is_away_for_long_is_asked_until_the_deadline() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    rig.log.plan([Fault::UnknownAfterStore]);
    rig.log.deaf.store(6, std::sync::atomic::Ordering::SeqCst);
    let answer = executor
        .execute("a", request("k", Command::Deposit(2)))
        .await
        .unwrap();
    assert_eq!(answer.events.len(), 1);
    assert_eq!(balance(&executor, "a").await, (2, 1));
}

#[tokio::test]
async fn a_known_command_whose_events_cannot_be_read_is_not_called_undone() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config {
        deadline: Duration::from_secs(1),
        ..Config::default()
    });
    let deposit = || request("k", Command::Deposit(2));
    executor.execute("a", deposit()).await.unwrap();
    rig.log.break_reads_after(0);
    let answer = executor.execute("a", deposit()).await;
    assert!(matches!(answer, Err(Error::Unknown(_))), "{answer:?}");
    let stored = rig.log.append(vec![rivals_deposit(1, 102)]).await.unwrap();
    assert!(matches!(stored[0], Outcome::Committed { .. }));
}
