//! What a server and its database must be like.

use event_store::{
    EventLog, PostgresEventLog,
    log::{
        Error, Position,
        conformance::sample::{command, one, stream},
        postgres::{Access, Durability, Options},
    },
};

use crate::{assert_dense, open, run_sql};

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
        let Err(Error::Unavailable(why)) = refused else {
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
    run_sql(&database, "UPDATE log_head SET began = began - 1").await;
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
        text.contains("version 9000, newer than version 6"),
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
