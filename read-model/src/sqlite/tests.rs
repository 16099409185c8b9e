//! Tests of the SQLite adapter.

use std::{fs, path::PathBuf, sync::Arc};

use sqlx::{Connection, Executor, SqliteConnection};
use uuid::Uuid;

use super::{SqliteReadModel, statements};
use crate::{Access, Error, ReadModel, Table, Write, conformance};

/// A folder that goes away with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("read-model-{}", Uuid::now_v7()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> String {
        self.0.join("read-model.db").to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

async fn open(folder: &Folder) -> Arc<dyn ReadModel> {
    crate::open(&format!("sqlite:{}", folder.file()), Access::ReadWrite)
        .await
        .unwrap()
}

#[tokio::test]
async fn conforms() {
    let folder = Folder::new();
    conformance::all(async || {
        let path = folder.0.join(format!("{}.db", Uuid::now_v7()));
        let model = SqliteReadModel::open(path.to_str().unwrap(), Access::ReadWrite);
        Arc::new(model.await.unwrap()) as Arc<dyn ReadModel>
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_transaction_that_sqlite_ended_itself_stops_no_later_one() {
    let folder = Folder::new();
    let model = SqliteReadModel::open(&folder.file(), Access::ReadWrite).await;
    let model = model.unwrap();
    let mut ended = model.writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
    ended.execute("ROLLBACK").await.unwrap();
    assert!(ended.commit().await.is_err());
    model.write(&Write::default()).await.unwrap();
}

#[tokio::test]
async fn every_statement_prepares() {
    let folder = Folder::new();
    let _model = open(&folder).await;
    let mut connection = SqliteConnection::connect(&folder.file()).await.unwrap();
    for (name, statement) in statements::ALL {
        let prepared = connection.prepare(statement).await;
        assert!(prepared.is_ok(), "{name}: {prepared:?}");
    }
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/sqlite")).unwrap();
    assert_eq!(files.count(), statements::ALL.len());
}

/// Lists and single rows are found by an index, however many rows there are.
#[tokio::test]
async fn no_read_scans_a_table() {
    let folder = Folder::new();
    let _model = open(&folder).await;
    let mut connection = SqliteConnection::connect(&folder.file()).await.unwrap();
    let mut looked_at = 0;
    for (name, statement) in statements::ALL {
        if !["select_", "count_", "load_", "dump_"]
            .iter()
            .any(|p| name.starts_with(p))
        {
            continue;
        }
        let explain = format!("EXPLAIN QUERY PLAN {statement}");
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(&explain)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        for (_, _, _, step) in plan {
            for table in Table::ALL {
                let scan = format!("SCAN {}", table.name());
                // A scan by an index that gives the order of a list, up to its limit, is a walk and no scan.
                let scans = step.starts_with(&scan) && !step.contains("INDEX");
                assert!(!scans, "{name}: {step}");
            }
            looked_at += 1;
        }
    }
    assert!(looked_at > 50, "only {looked_at} steps");
}

#[tokio::test]
async fn an_auditor_neither_creates_nor_writes() {
    let folder = Folder::new();
    let absent = SqliteReadModel::open(&folder.file(), Access::ReadOnly).await;
    assert!(matches!(absent, Err(Error::Unavailable(_))), "{absent:?}");
    assert!(fs::read_dir(&folder.0).unwrap().next().is_none());

    let _writer = open(&folder).await;
    let auditor = SqliteReadModel::open(&folder.file(), Access::ReadOnly)
        .await
        .unwrap();
    assert_eq!(auditor.checkpoints(None).await.unwrap(), []);
    let refused = conformance::rows_come_back_as_written(&auditor).await;
    assert!(refused.unwrap_err().contains("readonly"), "it could write");
}

#[tokio::test]
async fn a_newer_store_is_refused() {
    let folder = Folder::new();
    drop(open(&folder).await);
    let mut connection = SqliteConnection::connect(&folder.file()).await.unwrap();
    connection
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9000, 'of tomorrow', TRUE, x'00', 0)",
        )
        .await
        .unwrap();
    for access in [Access::ReadWrite, Access::ReadOnly] {
        let refused = SqliteReadModel::open(&folder.file(), access).await;
        assert!(
            matches!(&refused, Err(Error::Corrupt(why)) if why.contains("9000")),
            "{access:?}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn an_unknown_scheme_names_the_known_ones() {
    for url in ["mysql:somewhere", "read-model.db"] {
        let error = crate::open(url, Access::ReadWrite).await.err().unwrap();
        assert!(error.to_string().contains("sqlite:PATH"), "{error}");
    }
}

#[tokio::test]
async fn rows_outlive_the_process() {
    let folder = Folder::new();
    conformance::checkpoints_compare_and_set(&*open(&folder).await)
        .await
        .unwrap();
    assert_eq!(
        open(&folder).await.checkpoints(None).await.unwrap().len(),
        1
    );
}
