//! The Postgres adapter: the port's promises, and what it keeps beyond them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{sync::Arc, time::Duration};

use event_store::{
    EventLog, PostgresEventLog,
    log::{
        self, Error, Outcome, Position,
        conformance::{
            self,
            sample::{Draft, command, one, stream},
        },
        postgres::{Access, Durability, Options},
    },
};
use futures::future::join_all;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_append_at_once_and_a_reader_misses_nothing() {
    const WRITERS: u64 = 8;
    const APPENDS: u64 = 40;
    let Some(database) = servers::log_database("two processes").await else {
        return;
    };
    let logs = [open(&database).await, open(&database).await];
    let writers = (0..WRITERS).map(|writer| {
        let log = Arc::clone(&logs[usize::from(writer % 2 == 0)]);
        async move {
            // Pairs of writers of different processes share a stream.
            let (shared, own) = (
                stream(&(writer / 2).to_string()),
                stream(&format!("own {writer}")),
            );
            let mut conflicts = 0;
            for n in 0..APPENDS {
                let number = writer * 1_000 + n;
                let calm = one(100_000 + number, &own, n);
                let heads = log
                    .stream_heads(std::slice::from_ref(&shared))
                    .await
                    .unwrap();
                let version = heads[0].map_or(0, |head| head.version);
                let ahead = if n % 10 == 3 { 5 } else { 0 };
                let contended = one(number, &shared, version + ahead);
                let outcomes = log.append(vec![calm, contended]).await.unwrap();
                assert!(
                    matches!(outcomes[0], Outcome::Committed { .. }),
                    "{outcomes:?}"
                );
                match outcomes[1] {
                    Outcome::Committed { .. } => assert_eq!(ahead, 0, "ahead of the stream"),
                    Outcome::VersionConflict { .. } => conflicts += 1,
                    _ => panic!("{outcomes:?}"),
                }
            }
            2 * APPENDS - conflicts
        }
    });
    let (stop, mut stopped) = tokio::sync::watch::channel(None::<u64>);
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

#[tokio::test]
async fn the_epoch_rises_and_an_older_history_is_refused() {
    let Some(database) = servers::log_database("epoch").await else {
        return;
    };
    let log = open(&database).await;
    log.append(vec![one(1, &stream("a"), 0)]).await.unwrap();
    let epoch = log.head().await.unwrap().epoch;
    assert!(epoch > 0, "a server's timelines begin at 1");
    // As if the log had begun on an earlier timeline: the next append raises the epoch.
    run_sql(&database, "UPDATE log_head SET epoch = epoch - 1").await;
    log.append(vec![one(2, &stream("a"), 1)]).await.unwrap();
    assert_eq!(log.head().await.unwrap().epoch, epoch);
    let stored = log.read_all(Position(1), 1).await.unwrap();
    assert_eq!(stored[0].epoch, epoch);
    // As if another server had been promoted and this one had come back.
    run_sql(&database, "UPDATE log_head SET epoch = epoch + 1").await;
    for _ in 0..2 {
        let refused = log.append(vec![one(3, &stream("a"), 2)]).await;
        let Err(Error::Refused(why)) = refused else {
            panic!("{refused:?}")
        };
        assert!(why.contains("history diverged"), "{why}");
    }
    let refused = PostgresEventLog::open(&database.url, Options::default()).await;
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("history diverged"), "{why}");
    run_sql(&database, "UPDATE log_head SET epoch = epoch - 1").await;
    log.append(vec![one(3, &stream("a"), 2)]).await.unwrap();
    assert_dense(&*log, 3).await;
}

#[tokio::test]
async fn a_promoted_log_needs_a_standby() {
    let Some(database) = servers::log_database("promoted").await else {
        return;
    };
    let log = open(&database).await;
    log.append(vec![one(1, &stream("a"), 0)]).await.unwrap();
    // As if the log had begun before a fail-over. This server has a standby.
    run_sql(&database, "UPDATE events SET epoch = 0").await;
    open(&database)
        .await
        .append(vec![one(2, &stream("a"), 1)])
        .await
        .unwrap();
    // For this database's sessions there is none to be seen.
    let blind = "CREATE SCHEMA blind;
        CREATE VIEW blind.pg_stat_replication AS SELECT * FROM pg_catalog.pg_stat_replication WHERE false;
        DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET search_path = blind, pg_catalog, public', current_database());
        END $$";
    run_sql(&database, blind).await;
    let refused = PostgresEventLog::open(&database.url, Options::default()).await;
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("synchronous standby"), "{why}");
    let single = Options {
        durability: Durability::Single,
        ..Options::default()
    };
    let log = PostgresEventLog::open(&database.url, single).await.unwrap();
    log.append(vec![one(3, &stream("a"), 2)]).await.unwrap();
    assert_dense(&log, 3).await;
}

#[tokio::test]
async fn settings_that_lose_events_are_refused() {
    for (setting, single) in [("off", false), ("local", true)] {
        let Some(database) = servers::log_database("settings").await else {
            return;
        };
        let alter = format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = {setting}', current_database()); END $$"
        );
        run_sql(&database, &alter).await;
        let refused = PostgresEventLog::open(&database.url, Options::default()).await;
        let why = refused.unwrap_err().to_string();
        assert!(why.contains("synchronous_commit"), "{why}");
        let options = Options {
            durability: Durability::Single,
            ..Options::default()
        };
        let opened = PostgresEventLog::open(&database.url, options).await;
        // Single durability sets its own sessions to local, which is above off.
        assert!(opened.is_ok(), "{setting} {single}: {opened:?}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let Some(database) = servers::log_database("newer schema").await else {
        return;
    };
    open(&database).await.close().await;
    let newer = "INSERT INTO log_migrations (version, description, checksum) VALUES (9000, 'of the future', '')";
    run_sql(&database, newer).await;
    let refused = PostgresEventLog::open(&database.url, Options::default()).await;
    let error = refused.unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("version 9000, newer than version 1"),
        "{text}"
    );
}

#[tokio::test]
async fn a_reader_needs_no_right_to_write() {
    let Some(database) = servers::log_database("read only").await else {
        return;
    };
    let reading = Options {
        access: Access::ReadOnly,
        ..Options::default()
    };
    let refused = PostgresEventLog::open(&database.url, reading.clone()).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    let log = open(&database).await;
    log.append(vec![one(1, &stream("a"), 0)]).await.unwrap();
    let alter = "DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$";
    run_sql(&database, alter).await;
    let reader = PostgresEventLog::open(&database.url, reading)
        .await
        .unwrap();
    assert_dense(&reader, 1).await;
    let known = reader.known_commands(&[command(1)]).await.unwrap();
    assert!(known[0].is_some());
    let refused = reader.append(vec![one(2, &stream("a"), 1)]).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn a_session_that_is_ended_leaves_the_outcome_unknown() {
    let Some(database) = servers::log_database("terminated").await else {
        return;
    };
    let log = open(&database).await;
    log.append(vec![one(1, &stream("a"), 0)]).await.unwrap();
    let mut other = connect(&database).await;
    let mut held = other.begin().await.unwrap();
    sqlx::raw_sql("UPDATE log_head SET epoch = epoch")
        .execute(&mut *held)
        .await
        .unwrap();
    let mut waiting = log.append(vec![one(2, &stream("a"), 1)]);
    assert!(futures::poll!(&mut waiting).is_pending());
    let end = async {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let mut killer = connect(&database).await;
        loop {
            let ended: i64 = sqlx::query_scalar(sql)
                .fetch_one(&mut killer)
                .await
                .unwrap();
            if ended > 0 {
                break;
            }
        }
    };
    let (unknown, ()) = timeout(BOUND, async { tokio::join!(waiting, end) })
        .await
        .unwrap();
    assert!(matches!(unknown, Err(Error::Unknown(_))), "{unknown:?}");
    held.rollback().await.unwrap();
    assert_eq!(log.known_commands(&[command(2)]).await.unwrap(), [None]);
    log.append(vec![one(2, &stream("a"), 1)]).await.unwrap();
    assert_dense(&*log, 2).await;
}

#[tokio::test]
async fn a_commit_with_a_warning_is_not_acknowledged() {
    let Some(database) = servers::log_database("warning").await else {
        return;
    };
    let log = open(&database).await;
    // The server warns after the commit when the wait for the standby was cut short; here it does while it stores.
    let warn = "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE WARNING 'canceling wait for synchronous replication'; RETURN NULL; END $$;
        CREATE TRIGGER warn AFTER INSERT ON events EXECUTE FUNCTION warn()";
    run_sql(&database, warn).await;
    let unknown = log.append(vec![one(1, &stream("a"), 0)]).await;
    let Err(Error::Unknown(why)) = unknown else {
        panic!("{unknown:?}")
    };
    assert!(why.contains("canceling wait"), "{why}");
    // The look-up's own write comes back from the standby, so it may be told.
    let known = log.known_commands(&[command(1)]).await.unwrap();
    assert!(known[0].is_some());
    let confirmed: i64 = sqlx::query_scalar("SELECT position FROM log_confirmed")
        .fetch_one(&mut connect(&database).await)
        .await
        .unwrap();
    assert_eq!(confirmed, 1);
    // A write that is warned of does not confirm.
    let warn = "DROP TRIGGER warn ON events;
        CREATE TRIGGER warn AFTER UPDATE ON log_confirmed EXECUTE FUNCTION warn()";
    run_sql(&database, warn).await;
    let other = open(&database).await;
    let doubtful = other.known_commands(&[command(1)]).await;
    assert!(
        matches!(doubtful, Err(Error::Unavailable(_))),
        "{doubtful:?}"
    );
    let repeat = other.append(vec![one(1, &stream("b"), 0)]).await;
    assert!(matches!(repeat, Err(Error::Unavailable(_))), "{repeat:?}");
    // An append that is acknowledged confirms all before it.
    other.append(vec![one(2, &stream("b"), 0)]).await.unwrap();
    let repeat = other.append(vec![one(1, &stream("b"), 1)]).await.unwrap();
    assert!(matches!(repeat[0], Outcome::Known(_)), "{repeat:?}");
    assert!(other.known_commands(&[command(1)]).await.unwrap()[0].is_some());
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
