//! Time: one for each batch, never backwards; what it alone makes due comes first.

use chrono::{DateTime, TimeDelta};

use super::*;
use crate::{clock::Clock, log::Position};

#[tokio::test]
async fn what_is_due_is_recorded_first() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    let minute = TimeDelta::minutes(1);
    executor
        .execute("a", request("1", Command::Freeze(minute)))
        .await
        .unwrap();
    let thaw = rig.clock.now() + minute;
    assert_eq!(rig.log.next_due(Account::TYPE).await.unwrap(), Some(thaw));
    rig.clock.advance(minute - TimeDelta::microseconds(1));
    let early = executor
        .execute("a", request("2", Command::Deposit(1)))
        .await;
    assert!(
        matches!(
            early,
            Err(Error::Refused {
                error: Refusal::Frozen,
                ..
            })
        ),
        "{early:?}"
    );
    rig.clock.advance(TimeDelta::microseconds(1));
    let due = rig
        .log
        .due(Account::TYPE, rig.clock.now(), 10)
        .await
        .unwrap();
    assert_eq!(due[0].stream, stream("a"));
    let requests = vec![
        request("3", Command::Withdraw(1)),
        request("4", Command::Deposit(1)),
    ];
    let [refused, answer] = all(&executor, "a", requests).await.try_into().unwrap();
    let position = match refused {
        Err(Error::Refused { position, .. }) => position,
        other => panic!("{other:?}"),
    };
    assert_eq!(position, Position(2), "after the thaw of its own batch");
    let answer = answer.unwrap();
    assert_eq!((answer.events.len(), answer.events[0].sequence), (1, 3));
    let events = rig.events("a").await;
    assert_eq!(events[1].event_type, "Thawed");
    assert_ne!(events[1].command_id, events[2].command_id);
    assert_eq!(rig.log.next_due(Account::TYPE).await.unwrap(), None);
    assert_eq!(by_command(&events).len(), 3);
}

#[tokio::test]
async fn what_is_due_is_recorded_even_where_all_is_refused() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    executor
        .execute("a", request("1", Command::Freeze(TimeDelta::zero())))
        .await
        .unwrap();
    let answer = executor
        .execute("a", request("2", Command::Withdraw(1)))
        .await;
    match answer {
        Err(Error::Refused { error, position }) => {
            assert_eq!((error, position), (Refusal::NotEnough(0), Position(2)));
        }
        other => panic!("{other:?}"),
    }
    let empty = executor
        .execute("a", request("3", Command::Empty))
        .await
        .unwrap();
    assert_eq!((empty.events.len(), empty.position), (0, Position(2)));
    assert_eq!(balance(&executor, "a").await, (0, 2));
}

#[tokio::test]
async fn two_executors_record_what_is_due_once() {
    let rig = Rig::new().await;
    let (one, two) = (
        rig.executor(Config::default()),
        rig.executor(Config::default()),
    );
    one.execute("a", request("1", Command::Freeze(TimeDelta::zero())))
        .await
        .unwrap();
    balance(&two, "a").await;
    let requests = [
        (&one, request("2", Command::Deposit(1))),
        (&two, request("3", Command::Deposit(2))),
    ];
    let all = requests.map(|(executor, request)| executor.execute("a", request));
    for answer in join_all(all).await {
        answer.unwrap();
    }
    let events = rig.events("a").await;
    let thaws = events
        .iter()
        .filter(|event| event.event_type == "Thawed")
        .count();
    assert_eq!((thaws, events.len()), (1, 4));
    assert_eq!(fold(&events).balance, 3);
}

#[tokio::test]
async fn time_never_runs_backwards_in_a_stream() {
    let rig = Rig::new().await;
    rig.clock.advance(TimeDelta::hours(1));
    let late = rig.clock.now();
    let executor = rig.executor(Config::default());
    executor
        .execute("a", request("1", Command::Deposit(1)))
        .await
        .unwrap();
    rig.clock.advance(TimeDelta::hours(-1));
    for executor in [&executor, &rig.executor(Config::default())] {
        let key = format!("{executor:p}");
        let answer = executor
            .execute("a", request(&key, Command::Deposit(1)))
            .await
            .unwrap();
        assert_eq!(answer.events[0].recorded_at, late);
        let seen = executor.read("a", |_, _, now| now).await.unwrap();
        assert_eq!(seen, late);
    }
    let other = executor
        .execute("b", request("3", Command::Deposit(1)))
        .await
        .unwrap();
    assert_eq!(other.events[0].recorded_at, DateTime::UNIX_EPOCH);
}
