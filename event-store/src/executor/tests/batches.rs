//! Batches: one append, one answer each, and each command once.

use std::time::Duration;

use super::*;
use crate::{claims::ClaimChange, log::Position, testing::FaultyLog};

#[tokio::test]
async fn a_command_is_decided_recorded_and_answered() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    let answer = executor
        .execute("a", request("k", Command::Deposit(5)))
        .await
        .unwrap();
    assert_eq!((answer.stream, answer.position), (stream("a"), Position(1)));
    assert!(!answer.repeated);
    let [decided] = &answer.events[..] else {
        panic!("{:?}", answer.events)
    };
    let (amount, balance) = (5, 5);
    assert_eq!(decided.event, Event::Deposited { amount, balance });
    let [event] = &rig.events("a").await[..] else {
        panic!("one event")
    };
    assert_eq!(
        (event.position, event.sequence),
        (decided.position, decided.sequence)
    );
    assert_eq!(event.recorded_at, decided.recorded_at);
    assert_eq!(event.metadata, r#"{"actor":"k"}"#);
    assert_eq!(event.routing_key, "a-5");
    assert_eq!(balance_of(&executor).await, (5, 1));
}

async fn balance_of(executor: &Executor<Account>) -> (i64, u64) {
    balance(executor, "a").await
}

#[tokio::test]
async fn all_that_waits_is_one_append() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    let requests = (0..200)
        .map(|n| request(&n.to_string(), Command::Deposit(1)))
        .collect();
    let answers = all(&executor, "a", requests).await;
    assert_eq!(FaultyLog::count(&rig.log.appends), 1);
    for (n, answer) in answers.into_iter().enumerate() {
        let answer = answer.unwrap();
        let sequence = n as u64 + 1;
        assert_eq!(answer.position, Position(sequence));
        assert_eq!(answer.events[0].sequence, sequence);
        let (amount, balance) = (1, i64::try_from(sequence).unwrap());
        assert_eq!(answer.events[0].event, Event::Deposited { amount, balance });
    }
    assert_dense(&rig.events("a").await);
    assert_eq!(balance_of(&executor).await, (200, 200));
}

#[tokio::test]
async fn each_sees_what_those_before_it_did() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    let requests = vec![
        request("1", Command::Withdraw(1)),
        request("2", Command::Deposit(2)),
        request("3", Command::Withdraw(3)),
        request("4", Command::Empty),
        request("5", Command::Empty),
    ];
    let [one, two, three, four, five] = all(&executor, "a", requests).await.try_into().unwrap();
    let refused = |result: Result| match result {
        Err(Error::Refused { error, position }) => (error, position),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(one), (Refusal::NotEnough(0), Position(0)));
    assert_eq!(two.unwrap().position, Position(1));
    assert_eq!(refused(three), (Refusal::NotEnough(2), Position(1)));
    let four = four.unwrap();
    assert_eq!((four.events.len(), four.position), (2, Position(3)));
    let five = five.unwrap();
    assert_eq!(
        (five.events.len(), five.position, five.repeated),
        (0, Position(3), false)
    );
    assert_eq!(FaultyLog::count(&rig.log.appends), 1);
    assert_eq!(rig.folded("a").await.balance, 0);
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    let deposit = executor
        .execute("a", request("d", Command::Deposit(3)))
        .await
        .unwrap();
    let first = executor
        .execute("a", request("k", Command::Empty))
        .await
        .unwrap();
    assert_eq!(first.events.len(), 3);
    // It would bring about nothing now; on another account it would too.
    for id in ["a", "b"] {
        let again = executor
            .execute(id, request("k", Command::Empty))
            .await
            .unwrap();
        assert!(again.repeated);
        assert_eq!(again.stream, stream("a"));
        assert_eq!(again.position, first.position);
        let events = |answer: &Answer<Event>| -> Vec<_> {
            let events = answer.events.iter();
            events
                .map(|d| (d.event.clone(), d.position, d.sequence, d.recorded_at))
                .collect()
        };
        assert_eq!(events(&again), events(&first));
    }
    // It would bring about events again.
    for id in ["a", "b"] {
        let again = executor
            .execute(id, request("d", Command::Deposit(3)))
            .await
            .unwrap();
        assert!(again.repeated);
        assert_eq!(again.position, deposit.position);
        let other = executor
            .execute(id, request("d", Command::Deposit(4)))
            .await;
        assert!(matches!(other, Err(Error::KeyReused)), "{other:?}");
        let refused = executor
            .execute(id, request("d", Command::Withdraw(9)))
            .await;
        assert!(matches!(refused, Err(Error::KeyReused)), "{refused:?}");
    }
    assert_eq!(rig.events("a").await.len(), 4);
    assert_eq!(rig.events("b").await.len(), 0);
}

#[tokio::test]
async fn a_known_command_in_a_batch_leaves_the_others_alone() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    executor
        .execute("a", request("k", Command::Deposit(1)))
        .await
        .unwrap();
    let requests = vec![
        request("l", Command::Deposit(10)),
        request("k", Command::Deposit(1)),
        request("m", Command::Withdraw(11)),
        request("n", Command::Withdraw(1)),
    ];
    let answers = all(&executor, "a", requests).await;
    let repeated: Vec<bool> = answers
        .iter()
        .flatten()
        .map(|answer| answer.repeated)
        .collect();
    assert_eq!(repeated, [false, true, false]);
    assert!(matches!(answers[3], Err(Error::Refused { .. })));
    assert_eq!(balance_of(&executor).await, (0, 3));
    assert_eq!(rig.folded("a").await.balance, 0);
}

#[tokio::test]
async fn equal_ids_in_a_batch_are_decided_once() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    let requests = vec![
        request("k", Command::Deposit(1)),
        request("k", Command::Deposit(1)),
        request("k", Command::Deposit(2)),
    ];
    let [first, again, other] = all(&executor, "a", requests).await.try_into().unwrap();
    let (first, again) = (first.unwrap(), again.unwrap());
    assert_eq!((first.repeated, again.repeated), (false, true));
    assert_eq!(first.events[0].position, again.events[0].position);
    assert!(matches!(other, Err(Error::KeyReused)), "{other:?}");
    assert_eq!(rig.events("a").await.len(), 1);
}

#[tokio::test]
async fn an_id_whose_first_use_left_no_trace_is_free() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    let requests = vec![
        request("k", Command::Withdraw(1)),
        request("k", Command::Withdraw(1)),
        request("k", Command::Deposit(2)),
    ];
    let [first, again, other] = all(&executor, "a", requests).await.try_into().unwrap();
    assert!(matches!(first, Err(Error::Refused { .. })), "{first:?}");
    assert!(matches!(again, Err(Error::Refused { .. })), "{again:?}");
    assert_eq!(other.unwrap().events.len(), 1);
}

#[tokio::test]
async fn only_who_set_a_taken_claim_is_refused() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    executor
        .execute("b", request("b", Command::Rename("ann".to_owned())))
        .await
        .unwrap();
    executor
        .execute("b", request("c", Command::Rename("cyd".to_owned())))
        .await
        .unwrap();
    let mut beside = request("4", Command::Deposit(100));
    beside.claims = vec![ClaimChange::Set {
        namespace: "name".to_owned(),
        key: "cyd".to_owned(),
        stream: stream("a"),
    }];
    let requests = vec![
        request("1", Command::Deposit(1)),
        request("2", Command::Rename("ann".to_owned())),
        request("3", Command::Rename("bea".to_owned())),
        beside,
        request("5", Command::Deposit(1)),
    ];
    let answers = all(&executor, "a", requests).await;
    let taken: Vec<_> = answers
        .iter()
        .map(|answer| match answer {
            Ok(_) => None,
            Err(Error::ClaimTaken { key, stream, .. }) => {
                Some((key.as_str(), stream.aggregate_id.as_ref()))
            }
            Err(error) => panic!("{error:?}"),
        })
        .collect();
    assert_eq!(
        taken,
        [None, Some(("ann", "b")), None, Some(("cyd", "b")), None]
    );
    assert_eq!(balance_of(&executor).await, (2, 3));
    assert_eq!(
        rig.log.claim("name", "bea").await.unwrap(),
        Some(stream("a"))
    );
}

#[tokio::test]
async fn what_cannot_be_stored_fails_alone() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    let requests = vec![
        request("1", Command::Deposit(1)),
        request("2", Command::Bloat),
        request("3", Command::Deposit(1)),
    ];
    let [one, two, three] = all(&executor, "a", requests).await.try_into().unwrap();
    assert!(matches!(two, Err(Error::Broken(_))), "{two:?}");
    assert_eq!((one.is_ok(), three.is_ok()), (true, true));
    assert_eq!(balance_of(&executor).await, (2, 2));
}

#[tokio::test]
async fn a_panic_is_answered_and_wedges_nothing() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    let requests = vec![
        request("1", Command::Deposit(1)),
        request("2", Command::Panic),
        request("3", Command::Deposit(1)),
    ];
    let [one, two, three] = all(&executor, "a", requests).await.try_into().unwrap();
    assert!(matches!(two, Err(Error::Broken(_))), "{two:?}");
    assert_eq!((one.is_ok(), three.is_ok()), (true, true));
    assert_eq!(balance_of(&executor).await, (2, 2));
    let look = |_: &account::State, _, _| -> () { panic!("told to") };
    let look = executor.read("a", look).await;
    assert!(matches!(look, Err(Error::Broken(_))), "{look:?}");
    assert_eq!(balance_of(&executor).await, (2, 2));
}

#[tokio::test]
async fn slow_decisions_are_recorded_in_parts() {
    let rig = Rig::new().await;
    let executor = rig.executor(Config::default());
    let ponder = Command::Ponder(Duration::from_millis(15));
    let mut requests: Vec<_> = (0..6)
        .map(|n| request(&n.to_string(), ponder.clone()))
        .collect();
    requests.push(request("0", ponder));
    let answers = all(&executor, "a", requests).await;
    let repeated: Vec<bool> = answers
        .into_iter()
        .map(|answer| answer.unwrap().repeated)
        .collect();
    assert_eq!(repeated, [false, false, false, false, false, false, true]);
    assert!(FaultyLog::count(&rig.log.appends) >= 3);
    assert_eq!(balance_of(&executor).await, (6, 6));
}
