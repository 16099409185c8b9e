//! What becomes of the log when its servers fail.

use std::time::Duration;

use event_store::{
    EventLog, PostgresEventLog,
    log::{
        Error, Outcome, Position,
        conformance::sample::{command, one, stream},
        postgres::{Access, Durability, Options},
    },
};
use servers::{Postgres, StandbyOptions};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use crate::{BOUND, assert_dense};

/// The database that each server has from the beginning.
const DATABASE: &str = "postgres";

const SYNCHRONOUS: StandbyOptions = StandbyOptions { synchronous: true };

/// Gives up within a test.
fn impatient() -> Options {
    Options {
        lock_timeout: Duration::from_millis(300),
        append_timeout: Duration::from_secs(2),
        poll: Duration::from_millis(100),
        ..Options::default()
    }
}

async fn pair(test: &str) -> Option<(Postgres, Postgres)> {
    let primary = Postgres::start(test, servers::Options::default()).await?;
    let standby = primary.standby(SYNCHRONOUS).await;
    Some((primary, standby))
}

/// Waits until the log knows command `number`.
async fn until_known(log: &dyn EventLog, number: u64) {
    let known = async {
        loop {
            let known = log.known_commands(&[command(number)]).await;
            if known.is_ok_and(|known| known[0].is_some()) {
                return;
            }
        }
    };
    timeout(BOUND, known).await.unwrap();
}

#[tokio::test]
async fn without_its_standby_nothing_is_acknowledged() {
    let Some((primary, standby)) = pair("standby away").await else {
        return;
    };
    let log = PostgresEventLog::open(&primary.url(DATABASE), impatient()).await;
    let log = log.unwrap();
    log.append(vec![one(1, &stream("a"), 0)]).await.unwrap();
    standby.pause();
    let unknown = log.append(vec![one(2, &stream("a"), 1)]).await;
    assert!(matches!(unknown, Err(Error::Unknown(_))), "{unknown:?}");
    // Nobody sees it, and nobody passes it.
    assert_eq!(log.known_commands(&[command(2)]).await.unwrap(), [None]);
    assert_eq!(log.head().await.unwrap().position, Position(1));
    let behind = log.append(vec![one(3, &stream("b"), 0)]).await;
    assert!(matches!(behind, Err(Error::Unavailable(_))), "{behind:?}");
    standby.resume();
    until_known(&log, 2).await;
    log.append(vec![one(3, &stream("b"), 0)]).await.unwrap();
    assert_dense(&log, 3).await;
    let reading = Options {
        access: Access::ReadOnly,
        ..impatient()
    };
    let reader = PostgresEventLog::open(&standby.url(DATABASE), reading)
        .await
        .unwrap();
    let mut changes = reader.head_changes();
    log.append(vec![one(4, &stream("b"), 1)]).await.unwrap();
    let told = changes.wait_for(|at| *at == Position(4));
    timeout(BOUND, told).await.unwrap().unwrap();
    assert_dense(&reader, 4).await;
}

#[tokio::test]
async fn a_wait_that_is_cut_short_acknowledges_nothing() {
    let Some((primary, standby)) = pair("wait cut short").await else {
        return;
    };
    let log = PostgresEventLog::open(&primary.url(DATABASE), impatient()).await;
    let log = log.unwrap();
    log.append(vec![one(1, &stream("a"), 0)]).await.unwrap();
    standby.pause();
    let cancel = async {
        let sql = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        let mut admin = PgConnection::connect(&primary.url(DATABASE)).await.unwrap();
        loop {
            let cancelled: i64 = sqlx::query_scalar(sql).fetch_one(&mut admin).await.unwrap();
            if cancelled > 0 {
                return;
            }
        }
    };
    let append = log.append(vec![one(2, &stream("a"), 1)]);
    let (unknown, ()) = timeout(BOUND, async { tokio::join!(append, cancel) })
        .await
        .unwrap();
    let Err(Error::Unknown(why)) = unknown else {
        panic!("{unknown:?}")
    };
    assert!(why.contains("synchronous replication"), "{why}");
    // It can be seen, but must not be answered from.
    assert_eq!(log.head().await.unwrap().position, Position(2));
    let doubtful = log.known_commands(&[command(2)]).await;
    assert!(
        matches!(doubtful, Err(Error::Unavailable(_))),
        "{doubtful:?}"
    );
    let doubtful = log.confirm(&stream("a"), &[command(2)]).await;
    assert!(
        matches!(doubtful, Err(Error::Unavailable(_))),
        "{doubtful:?}"
    );
    let repeat = log.append(vec![one(2, &stream("a"), 2)]).await;
    assert!(matches!(repeat, Err(Error::Unavailable(_))), "{repeat:?}");
    standby.resume();
    until_known(&log, 2).await;
    let repeat = log.append(vec![one(2, &stream("a"), 2)]).await.unwrap();
    assert!(matches!(repeat[0], Outcome::Known(_)), "{repeat:?}");
    assert_dense(&log, 2).await;
}

#[tokio::test]
async fn the_log_goes_on_where_its_standby_was_promoted() {
    let Some((mut primary, mut standby)) = pair("promotion").await else {
        return;
    };
    let urls = [primary.url(DATABASE), standby.url(DATABASE)].join(",");
    let log = PostgresEventLog::open(&urls, impatient()).await.unwrap();
    log.append(vec![one(1, &stream("a"), 0)]).await.unwrap();
    let epoch = log.head().await.unwrap().epoch;
    primary.kill();
    for _ in 0..2 {
        let lost = log.append(vec![one(2, &stream("a"), 1)]).await;
        assert!(
            matches!(lost, Err(Error::Unknown(_) | Error::Unavailable(_))),
            "{lost:?}"
        );
    }
    standby.promote().await;
    let alone = log.append(vec![one(2, &stream("a"), 1)]).await;
    let Err(Error::Unavailable(why)) = alone else {
        panic!("{alone:?}")
    };
    assert!(why.contains("has no synchronous standby"), "{why}");
    let single = Options {
        durability: Durability::Single,
        ..impatient()
    };
    let single = PostgresEventLog::open(&urls, single).await.unwrap();
    single.append(vec![one(2, &stream("a"), 1)]).await.unwrap();
    let _second = standby.standby(SYNCHRONOUS).await;
    log.append(vec![one(3, &stream("a"), 2)]).await.unwrap();
    let mut changes = log.head_changes();
    let told = changes.wait_for(|at| *at == Position(3));
    timeout(BOUND, told).await.unwrap().unwrap();
    assert_dense(&log, 3).await;
    let events = log.read_all(Position(0), 10).await.unwrap();
    let epochs: Vec<_> = events.iter().map(|event| event.epoch - epoch).collect();
    assert_eq!(epochs, [0, 1, 1]);
    // The old one comes back, and the new one is lost: what the old one has is history.
    primary.restart().await;
    log.append(vec![one(4, &stream("a"), 3)]).await.unwrap();
    standby.kill();
    let diverged = async {
        loop {
            match log.append(vec![one(5, &stream("a"), 4)]).await {
                Err(Error::Unavailable(why)) if why.contains("history diverged") => return,
                Err(Error::Unknown(_) | Error::Unavailable(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(BOUND, diverged).await.unwrap();
    let read = log.read_all(Position(0), 10).await;
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
}
