//! Several processes on one log.

use std::time::Duration;

use event_store::{
    EventLog, PostgresEventLog,
    log::{
        Error, Outcome, Position,
        conformance::sample::{one, stream},
        postgres::Options,
    },
};
use futures::future::join_all;
use sqlx::Connection;
use tokio::{sync::watch, time::timeout};

use crate::{BOUND, assert_dense, connect, open};

/// Appends of each writer.
const APPENDS: u64 = 40;

/// Appends to a stream of its own, and to one that a writer of another process shares, sometimes beyond its end. How much was stored.
async fn write(log: &dyn EventLog, writer: u64) -> u64 {
    let shared = stream(&(writer / 2).to_string());
    let own = stream(&format!("own {writer}"));
    let mut stored = 0;
    for n in 0..APPENDS {
        let number = writer * 1_000 + n;
        let heads = log.stream_heads(std::slice::from_ref(&shared)).await;
        let version = heads.unwrap()[0].map_or(0, |head| head.version);
        let ahead = if n % 10 == 3 { 5 } else { 0 };
        let calm = one(100_000 + number, &own, n);
        let contended = one(number, &shared, version + ahead);
        let outcomes = log.append(vec![calm, contended]).await.unwrap();
        assert!(
            matches!(outcomes[0], Outcome::Committed { .. }),
            "{outcomes:?}"
        );
        stored += 1;
        match outcomes[1] {
            Outcome::Committed { .. } => {
                assert_eq!(ahead, 0, "ahead of the stream");
                stored += 1;
            }
            Outcome::VersionConflict { .. } => {}
            _ => panic!("{outcomes:?}"),
        }
    }
    stored
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_append_at_once_and_a_reader_misses_nothing() {
    const WRITERS: u64 = 8;
    let Some(database) = servers::log_database("two processes").await else {
        return;
    };
    let logs = [open(&database).await, open(&database).await];
    let writers = (0..WRITERS).map(|writer| write(&*logs[usize::from(writer % 2 == 0)], writer));
    let (stop, mut stopped) = watch::channel(None::<u64>);
    let reader = async {
        let log = open(&database).await;
        let mut seen = 0;
        let mut changes = log.head_changes();
        loop {
            for event in log.read_all(Position(seen), 50).await.unwrap() {
                assert_eq!(event.position.0, seen + 1, "a hole");
                seen += 1;
            }
            let end = *stopped.borrow_and_update();
            if end.is_some_and(|end| seen >= end) {
                return seen;
            }
            tokio::select! {
                _ = changes.wait_for(|at| at.0 > seen) => {}
                _ = stopped.changed() => {}
            }
        }
    };
    let writing = async {
        let stored: u64 = join_all(writers).await.into_iter().sum();
        stop.send(Some(stored)).unwrap();
        stored
    };
    let (stored, seen) = timeout(BOUND, async { tokio::join!(writing, reader) })
        .await
        .unwrap();
    assert_eq!(stored, seen);
    for log in &logs {
        assert_dense(&**log, stored).await;
        let mut changes = log.head_changes();
        let told = changes.wait_for(|at| at.0 == stored);
        timeout(BOUND, told).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_transaction_that_holds_the_head_lets_no_reader_pass() {
    let Some(database) = servers::log_database("open transactions").await else {
        return;
    };
    let log = open(&database).await;
    log.append(vec![one(1, &stream("a"), 0)]).await.unwrap();
    // A process that has taken position 2 and has not committed.
    let mut other = connect(&database).await;
    let mut held = other.begin().await.unwrap();
    let take = "UPDATE log_head SET next_position = next_position + 1;
        INSERT INTO events VALUES ('sample', 'held', 1, 'Held', '1', '{}', '{}', 2, 0, 1,
            '00000000-0000-0000-0000-0000000000ee', '00000000-0000-0000-0000-0000000000cc', 'held', now());
        INSERT INTO stream_head VALUES ('sample', 'held', 1, 2, now(), NULL)";
    sqlx::raw_sql(take).execute(&mut *held).await.unwrap();
    let mut waiting = log.append(vec![one(2, &stream("b"), 0)]);
    assert!(futures::poll!(&mut waiting).is_pending());
    let blocked = async {
        let sql = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')
            AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
        let mut watcher = connect(&database).await;
        loop {
            let waits: i64 = sqlx::query_scalar(sql)
                .fetch_one(&mut watcher)
                .await
                .unwrap();
            if waits > 0 {
                break;
            }
        }
    };
    timeout(BOUND, blocked).await.unwrap();
    assert_eq!(log.head().await.unwrap().position, Position(1));
    assert_eq!(log.read_all(Position(0), 10).await.unwrap().len(), 1);
    held.commit().await.unwrap();
    let outcomes = waiting.await.unwrap();
    assert!(
        matches!(
            outcomes[0],
            Outcome::Committed {
                first: Position(3),
                ..
            }
        ),
        "{outcomes:?}"
    );
    assert_dense(&*log, 3).await;
}

#[tokio::test]
async fn a_lock_held_too_long_stores_nothing_and_is_survived() {
    let Some(database) = servers::log_database("lock timeout").await else {
        return;
    };
    let options = Options {
        lock_timeout: Duration::from_millis(50),
        ..Options::default()
    };
    let log = PostgresEventLog::open(&database.url, options)
        .await
        .unwrap();
    let mut other = connect(&database).await;
    let mut held = other.begin().await.unwrap();
    sqlx::raw_sql("UPDATE log_head SET epoch = epoch")
        .execute(&mut *held)
        .await
        .unwrap();
    let refused = log.append(vec![one(1, &stream("a"), 0)]).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    held.rollback().await.unwrap();
    log.append(vec![one(1, &stream("a"), 0)]).await.unwrap();
    assert_dense(&log, 1).await;
}
