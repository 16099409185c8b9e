//! The seals: both adapters keep the port's promises.

use std::path::PathBuf;

use event_store::{
    PostgresEventLog, SqliteEventLog,
    log::{Error, postgres, sqlite},
    seals::{self, conformance},
};
use uuid::Uuid;

#[tokio::test]
async fn the_seals_in_sqlite_keep_every_promise() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(Uuid::now_v7().to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("log.db");
    let log = SqliteEventLog::open(&path, sqlite::Options::default()).await;
    let url = format!("sqlite:{}", path.display());
    let seals = seals::open(&url, postgres::Options::default())
        .await
        .unwrap();
    conformance::check(&*seals).await.unwrap();
    drop(log);
}

#[tokio::test]
async fn the_seals_in_postgres_keep_every_promise() {
    let Some(database) = servers::log_database("seals").await else {
        return;
    };
    let log = PostgresEventLog::open(&database.url, postgres::Options::default()).await;
    let seals = seals::open(&database.url, postgres::Options::default())
        .await
        .unwrap();
    conformance::check(&*seals).await.unwrap();
    drop(log);
}

#[tokio::test]
async fn an_unknown_scheme_lists_the_known_ones() {
    let error = seals::open("redis:x", postgres::Options::default())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Refused(text) if text.contains("sqlite:PATH")));
}
