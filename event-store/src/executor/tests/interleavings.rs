//! Random interleavings: two executors as two processes, one log, faults; then the books are checked.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use proptest::prelude::*;

use super::*;
use crate::testing::Fault;

/// One call: which executor, account, key and command.
type Call = (bool, u8, u8, Command);

fn call() -> impl Strategy<Value = Call> {
    let command = prop_oneof![
        4 => (1..5_i64).prop_map(Command::Deposit),
        3 => (1..8_i64).prop_map(Command::Withdraw),
        1 => Just(Command::Empty),
        1 => (0..4_u8).prop_map(|n| Command::Rename(format!("n{n}"))),
        1 => Just(Command::Panic),
    ];
    (any::<bool>(), 0..3_u8, 0..40_u8, command)
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::UnknownAfterStore),
        Just(Fault::UnknownBeforeStore),
        Just(Fault::Unavailable),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_acknowledged_command_is_there_once(
        calls in prop::collection::vec(call(), 1..120),
        faults in prop::collection::vec(fault(), 0..4),
        width in 1..40_usize,
        shared in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(check(calls, faults, width, shared));
    }
}

async fn check(calls: Vec<Call>, faults: Vec<Fault>, width: usize, shared: bool) {
    let rig = Rig::new().await;
    rig.log.shared.store(shared, Ordering::SeqCst);
    let one = rig.executor(Config::default());
    let two = rig.another_executor(Config {
        batch: 3,
        ..Config::default()
    });
    rig.log.plan(faults);
    let mut acknowledged: BTreeMap<Uuid, Vec<Answer<Event>>> = BTreeMap::new();
    for wave in calls.chunks(width) {
        let wave = wave.iter().map(|(second, account, key, command)| {
            let executor = if *second { &two } else { &one };
            let request = request(&format!("key {key}"), command.clone());
            let command_id = request.command_id;
            let id = ["a", "b", "c"][usize::from(*account)];
            async move { (command_id, executor.execute(id, request).await) }
        });
        for (command_id, answer) in join_all(wave).await {
            if let Ok(answer) = answer
                && !answer.events.is_empty()
            {
                acknowledged.entry(command_id).or_default().push(answer);
            }
        }
    }
    check_answers(&rig, acknowledged).await;
    check_streams(&rig).await;
    rig.log.heal();
    for id in ["a", "b", "c"] {
        let last = one
            .execute(id, request(id, Command::Deposit(1)))
            .await
            .unwrap();
        assert!(!last.repeated);
        let state = one.read(id, |state, _, _| state.clone()).await.unwrap();
        assert_eq!(state, rig.folded(id).await);
    }
}

/// What was acknowledged stands in the log, once, where the answer said.
async fn check_answers(rig: &Rig, acknowledged: BTreeMap<Uuid, Vec<Answer<Event>>>) {
    let log = rig.log.read_all(crate::Position(0), 100_000).await.unwrap();
    let counts = by_command(&log);
    for (command_id, answers) in acknowledged {
        for answer in answers {
            assert_eq!(counts.get(&command_id), Some(&answer.events.len()));
            for decided in &answer.events {
                let stored = &log[usize::try_from(decided.position.0).unwrap() - 1];
                assert_eq!(stored.command_id, command_id);
                assert_eq!(stored.sequence, decided.sequence);
                assert_eq!(stored.stream, answer.stream);
                assert_eq!(Account::decode(stored).unwrap(), decided.event);
            }
        }
    }
}

/// Each event was decided on exactly the state that the events before it make.
async fn check_streams(rig: &Rig) {
    for id in ["a", "b", "c"] {
        let events = rig.events(id).await;
        assert_dense(&events);
        let mut balance = 0;
        for event in &events {
            match Account::decode(event).unwrap() {
                Event::Deposited {
                    amount,
                    balance: after,
                } => {
                    balance += amount;
                    assert_eq!(balance, after);
                }
                Event::Withdrawn {
                    amount,
                    balance: after,
                } => {
                    balance -= amount;
                    assert_eq!(balance, after);
                }
                Event::Renamed { .. } | Event::Frozen { .. } | Event::Thawed { .. } => {}
            }
            assert!(balance >= 0);
        }
    }
}
