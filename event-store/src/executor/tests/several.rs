//! Several processes on one log.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use chrono::{DateTime, Utc};

use super::*;
use crate::{
    clock::{Clock, SystemClock},
    log::{PostgresEventLog, SqliteEventLog, postgres, sqlite::Options},
    testing::{FaultyLog, TempFolder},
};

/// A shared log, and an executor that has account "a" in memory with a balance of 1.
async fn shared() -> (Rig, Executor<Account>) {
    let rig = Rig::new().await;
    rig.log.share();
    let executor = rig.executor(Config::default());
    executor
        .execute("a", request("0", Command::Deposit(1)))
        .await
        .unwrap();
    (rig, executor)
}

#[tokio::test]
async fn a_refusal_rests_on_the_stream_as_it_is() {
    for late in [false, true] {
        let (rig, executor) = shared().await;
        let deposit = rivals_deposit(1, 101);
        if late {
            rig.log.forestall([deposit]);
        } else {
            rig.log.append(vec![deposit]).await.unwrap();
        }
        let answer = executor
            .execute("a", request("1", Command::Withdraw(50)))
            .await
            .unwrap();
        assert_eq!(answer.events[0].sequence, 3);
        let refused = executor
            .execute("a", request("2", Command::Withdraw(52)))
            .await;
        match refused {
            Err(Error::Refused { error, position }) => {
                assert_eq!((error, position.0), (Refusal::NotEnough(51), 3));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(FaultyLog::count(&rig.log.confirms), 2);
    }
}

#[tokio::test]
async fn an_answer_without_events_rests_on_the_stream_as_it_is() {
    let (rig, executor) = shared().await;
    executor
        .execute("a", request("1", Command::Withdraw(1)))
        .await
        .unwrap();
    rig.log.forestall([rivals_deposit(2, 100)]);
    let answer = executor
        .execute("a", request("2", Command::Empty))
        .await
        .unwrap();
    assert_eq!((answer.events.len(), answer.position.0), (100, 103));
    let answer = executor
        .execute("a", request("3", Command::Empty))
        .await
        .unwrap();
    assert_eq!((answer.events.len(), answer.position.0), (0, 103));
}

#[tokio::test]
async fn what_another_process_has_carried_out_is_not_refused() {
    for late in [false, true] {
        let (rig, executor) = shared().await;
        let withdraw = || request("k", Command::Withdraw(1));
        let other = rig.another_executor(Config::default());
        executor
            .execute("a", request("1", Command::Withdraw(1)))
            .await
            .unwrap();
        let mut deposit = rivals_deposit(2, 1);
        deposit.commands[0].command_id = withdraw().command_id;
        deposit.streams[0].events[0].command_id = withdraw().command_id;
        deposit.commands[0].fingerprint = withdraw().fingerprint;
        if late {
            rig.log.forestall([deposit]);
        } else {
            rig.log.append(vec![deposit]).await.unwrap();
        }
        for executor in [&executor, &other] {
            let answer = executor.execute("a", withdraw()).await.unwrap();
            assert!(answer.repeated);
            assert_eq!(answer.position.0, 3);
        }
    }
}

#[tokio::test]
async fn a_taken_claim_is_confirmed() {
    let (rig, executor) = shared().await;
    let rename = |key| request(key, Command::Rename("ann".to_owned()));
    executor.execute("b", rename("b")).await.unwrap();
    rig.log.forestall([rivals_deposit(1, 101)]);
    let taken = executor.execute("a", rename("1")).await;
    assert!(matches!(taken, Err(Error::ClaimTaken { .. })), "{taken:?}");
    let confirms = FaultyLog::count(&rig.log.confirms);
    assert_eq!(confirms, 2, "once in vain");
    // The command itself, carried out by another process, before it lost the name again.
    let mut renamed = rivals_deposit(2, 101);
    renamed.commands[0].command_id = rename("2").command_id;
    renamed.commands[0].fingerprint = rename("2").fingerprint;
    renamed.streams[0].events[0].command_id = rename("2").command_id;
    rig.log.forestall([renamed]);
    let answer = executor.execute("a", rename("2")).await.unwrap();
    assert!(answer.repeated);
    assert_eq!(balance(&executor, "a").await, (101, 3));
}

#[tokio::test]
async fn nothing_is_confirmed_without_need() {
    let (rig, executor) = shared().await;
    let mixed = || {
        vec![
            request("1", Command::Deposit(1)),
            request("2", Command::Withdraw(9)),
        ]
    };
    let answers = all(&executor, "a", mixed()).await;
    assert!(matches!(answers[1], Err(Error::Refused { .. })));
    assert_eq!(
        FaultyLog::count(&rig.log.confirms),
        0,
        "its own append proves it"
    );
    let rig = Rig::new().await;
    let alone = rig.executor(Config::default());
    all(&alone, "a", mixed()).await;
    let refused = alone.execute("a", request("3", Command::Withdraw(9))).await;
    assert!(matches!(refused, Err(Error::Refused { .. })));
    let loads = FaultyLog::count(&rig.log.loads);
    rig.log.break_reads_after(0);
    assert_eq!(balance(&alone, "a").await, (1, 1), "read from memory");
    assert_eq!(FaultyLog::count(&rig.log.confirms), 0);
    assert_eq!(FaultyLog::count(&rig.log.loads), loads);
}

#[tokio::test]
async fn a_look_shows_what_others_appended_before() {
    let (rig, executor) = shared().await;
    let other = rig.another_executor(Config::default());
    let deposit = |n| request(&format!("n{n}"), Command::Deposit(1));
    executor.execute("a", deposit(2)).await.unwrap();
    for n in 3..7 {
        other.execute("a", deposit(n)).await.unwrap();
        let version = u64::try_from(n).unwrap();
        assert_eq!(balance(&executor, "a").await, (n, version));
    }
    let loads = FaultyLog::count(&rig.log.loads);
    assert_eq!(loads, 2, "each has loaded it once");
}

/// A log that holds these appends, as a standby does that is promoted.
async fn promoted(appends: impl IntoIterator<Item = Append>) -> (Arc<dyn EventLog>, TempFolder) {
    let folder = TempFolder::new();
    let path = folder.0.join("log.db");
    let log = SqliteEventLog::open(&path, Options::default()).await;
    let log: Arc<dyn EventLog> = Arc::new(log.unwrap());
    for append in appends {
        log.append(vec![append]).await.unwrap();
    }
    (log, folder)
}

/// What was in memory of a tail that a fail-over has cut is forgotten, whatever has taken its place.
#[tokio::test]
async fn a_tail_that_was_cut_is_forgotten() {
    let first = rivals_deposit(0, 100);
    let instead = |balance| {
        let mut other = rivals_deposit(1, balance);
        other.recorded_at = SystemClock.now();
        other
    };
    let cases = [
        (vec![first.clone()], 100),
        (vec![first.clone(), instead(300)], 300),
        (
            vec![first.clone(), instead(300), rivals_deposit(2, 400)],
            400,
        ),
    ];
    for (appends, expected) in cases {
        let version = appends.len() as u64;
        for withdraw in [false, true] {
            let rig = Rig::new().await;
            rig.log.share();
            let executor = rig.executor(Config::default());
            for append in [first.clone(), rivals_deposit(1, 200)] {
                rig.log.append(vec![append]).await.unwrap();
            }
            assert_eq!(balance(&executor, "a").await, (200, 2));
            let (log, _folder) = promoted(appends.clone()).await;
            rig.log.fail_over(log);
            if withdraw {
                // More than there is now; all that there is, in memory.
                let refused = executor
                    .execute("a", request("k", Command::Withdraw(500)))
                    .await;
                match refused {
                    Err(Error::Refused { error, .. }) => {
                        assert_eq!(error, Refusal::NotEnough(expected));
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(balance(&executor, "a").await, (expected, version));
        }
    }
}

/// Whether the time can be trusted is said by the test.
#[derive(Debug)]
struct DoubtfulClock(Mutex<std::result::Result<(), String>>);

impl Clock for DoubtfulClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn check(&self) -> std::result::Result<(), String> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn nothing_is_decided_by_a_clock_in_doubt() {
    let rig = Rig::new().await;
    let clock = Arc::new(DoubtfulClock(Mutex::new(Ok(()))));
    let executor = Executor::<Account>::new(
        rig.port(),
        rig.committer.clone(),
        clock.clone(),
        Config::default(),
        rig.tasks.clone(),
        rig.shutdown.clone(),
    );
    let deposit = || executor.execute("a", request("1", Command::Deposit(1)));
    deposit().await.unwrap();
    *clock.0.lock().unwrap() = Err("two servers differ by 3 s".to_owned());
    let answer = deposit().await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    let look = executor.read("a", |_, version, _| version).await;
    assert!(matches!(look, Err(Error::Unavailable(_))), "{look:?}");
    *clock.0.lock().unwrap() = Ok(());
    assert!(deposit().await.unwrap().repeated);
}

/// Callers of each process.
const CALLERS: usize = 10;

/// Commands that each process has to get through while the other goes on sending.
const COMMANDS: usize = 100;

/// Two processes send commands to one stream at once, without a break, until both have got [`COMMANDS`] through: so neither may
/// have to wait until the other is done. How many each got through.
async fn share_a_stream(processes: [Executor<Account>; 2]) -> usize {
    let done = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let enough = || {
        done.iter()
            .all(|done| done.load(Ordering::SeqCst) >= COMMANDS)
    };
    let calls = processes
        .iter()
        .zip(&done)
        .enumerate()
        .flat_map(|(process, (executor, done))| {
            (0..CALLERS).map(move |caller| async move {
                let mut count = 0;
                while !enough() {
                    count += 1;
                    let key = format!("{process} {caller} {count}");
                    let answer = executor
                        .execute("a", request(&key, Command::Deposit(1)))
                        .await
                        .unwrap_or_else(|error| panic!("{key}: {error}"));
                    assert!(!answer.repeated);
                    done.fetch_add(1, Ordering::SeqCst);
                }
            })
        });
    join_all(calls).await;
    done.iter().map(|done| done.load(Ordering::SeqCst)).sum()
}

/// Each command is there once, decided on what those before it did.
fn assert_shared(events: &[RecordedEvent], commands: usize) {
    assert_dense(events);
    assert_eq!(events.len(), commands);
    assert_eq!(by_command(events).len(), commands);
    let balance = fold(events).balance;
    assert_eq!(usize::try_from(balance).unwrap(), commands);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_a_stream() {
    let rig = Rig::new().await;
    rig.log.share();
    let processes = [
        rig.executor(Config::default()),
        rig.another_executor(Config::default()),
    ];
    let commands = share_a_stream(processes).await;
    assert_shared(&rig.events("a").await, commands);
}

/// An executor in a process of its own: log, committer and clock are its own too.
async fn process(url: &str, rig: &Rig) -> (Executor<Account>, Arc<PostgresEventLog>) {
    let log = PostgresEventLog::open(url, postgres::Options::default()).await;
    let log = Arc::new(log.unwrap());
    let executor = Executor::new(
        log.clone(),
        Committer::start(log.clone(), &rig.tasks, rig.shutdown.clone()),
        log.clock(),
        Config::default(),
        rig.tasks.clone(),
        rig.shutdown.clone(),
    );
    (executor, log)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_a_stream_on_postgres() {
    let Some(database) = servers::log_database("two processes on one stream").await else {
        return;
    };
    let rig = Rig::new().await;
    let (one, log) = process(&database.url, &rig).await;
    let (two, other) = process(&database.url, &rig).await;
    let commands = share_a_stream([one.clone(), two.clone()]).await;
    let events = log.read_stream(&stream("a"), 0, 100_000).await.unwrap();
    assert_shared(&events, commands);
    // Looks and refusals rest on what the other process did last.
    let balance_now = i64::try_from(commands).unwrap();
    let more = |key| request(key, Command::Deposit(1));
    one.execute("a", more("one more")).await.unwrap();
    assert_eq!(balance(&two, "a").await.0, balance_now + 1);
    two.execute("a", more("and one more")).await.unwrap();
    let all = request("all", Command::Withdraw(balance_now + 2));
    assert!(!one.execute("a", all.clone()).await.unwrap().repeated);
    assert!(two.execute("a", all).await.unwrap().repeated);
    let refused = two
        .execute("a", request("too much", Command::Withdraw(1)))
        .await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    log.close().await;
    other.close().await;
}
