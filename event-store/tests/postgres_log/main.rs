//! The Postgres adapter: the port's promises, and what it keeps beyond them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod alike;
mod doubt;
mod faults;
mod several;
mod start;
mod taking_over;

use std::{sync::Arc, time::Duration};

use event_store::{
    EventLog, PostgresEventLog,
    log::{
        self, Outcome, Position,
        conformance::{
            self,
            sample::{Draft, one, stream},
        },
        postgres::Options,
    },
};
use servers::Database;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

/// No wait is longer.
const BOUND: Duration = Duration::from_secs(30);

async fn open(database: &Database) -> Arc<PostgresEventLog> {
    let log = PostgresEventLog::open(&database.url, Options::default()).await;
    Arc::new(log.unwrap())
}

async fn connect(database: &Database) -> PgConnection {
    PgConnection::connect(&database.url).await.unwrap()
}

async fn run_sql(database: &Database, sql: &str) {
    let mut connection = connect(database).await;
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn assert_dense(log: &dyn EventLog, events: u64) {
    let stored = log.read_all(Position(0), usize::MAX).await.unwrap();
    let positions: Vec<_> = stored.iter().map(|e| e.position.0).collect();
    assert_eq!(positions, (1..=events).collect::<Vec<_>>());
    assert_eq!(log.head().await.unwrap().position, Position(events));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_postgres_log_keeps_every_promise() {
    let Some(database) = servers::log_database("conformance").await else {
        return;
    };
    // A database takes longer to make than most promises to check: one is emptied after each.
    let empty = "TRUNCATE events, stream_head, commands, claims, snapshots;
        UPDATE log_head SET next_position = 1;
        UPDATE commands_pruned SET position = 0;
        UPDATE log_confirmed SET position = 0";
    for check in conformance::all() {
        let log = open(&database).await;
        let result = timeout(BOUND, check.run(Arc::clone(&log) as _)).await;
        assert_eq!(result, Ok(Ok(())), "{}", check.name);
        log.close().await;
        run_sql(&database, empty).await;
    }
}

#[tokio::test]
async fn a_large_batch_with_conflicts_is_stored_in_order() {
    let Some(database) = servers::log_database("large batch").await else {
        return;
    };
    let log = open(&database).await;
    let taken = stream("taken");
    log.append(vec![one(0, &taken, 0)]).await.unwrap();
    let append = |n: u64| {
        let own = stream(&n.to_string());
        let expected = if n % 100 == 7 { 3 } else { 0 };
        Draft::new(n)
            .events(&own, expected, 2)
            .set(&n.to_string(), &own)
            .done()
    };
    let batch = (1..=1_000).map(append).collect();
    let outcomes = log.append(batch).await.unwrap();
    let refused = outcomes
        .iter()
        .filter(|o| !matches!(o, Outcome::Committed { .. }));
    assert_eq!(refused.count(), 10);
    assert_dense(&*log, 1 + 2 * 990).await;
    let known = log.list_commands(None, 5_000).await.unwrap();
    assert_eq!(known.len(), 991);
    for command in known {
        let events = log
            .read_all(Position(command.first.0 - 1), 2)
            .await
            .unwrap();
        let own = events.iter().filter(|e| e.command_id == command.command_id);
        assert_eq!(own.count() as u64, command.last.0 - command.first.0 + 1);
    }
}

#[tokio::test]
async fn every_statement_prepares() {
    use sqlx::Executor;
    let Some(database) = servers::log_database("statements").await else {
        return;
    };
    open(&database).await;
    let mut connection = connect(&database).await;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/postgres");
    let mut statements = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let sql = std::fs::read_to_string(&path).unwrap();
        let prepared = connection.prepare(&sql).await;
        assert!(prepared.is_ok(), "{}: {:?}", path.display(), prepared.err());
        statements += 1;
    }
    assert!(statements > 20);
}

#[tokio::test]
async fn an_unknown_scheme_lists_the_known_ones() {
    let error = log::open("redis:x").await.unwrap_err();
    assert!(error.to_string().contains("postgres://"), "{error}");
}
