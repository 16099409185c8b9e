//! Tests of the Postgres adapter, against the server that the environment names.

use std::{fs, sync::Arc};

use servers::Database;
use sqlx::{Connection, Executor, PgConnection};

use super::{PostgresReadModel, connect, statements};
use crate::{Access, Error, ProjectionId, ReadModel, Table, conformance};

async fn open(database: &Database) -> PostgresReadModel {
    PostgresReadModel::open(&database.url, Access::ReadWrite)
        .await
        .unwrap()
}

async fn connection(database: &Database) -> PgConnection {
    let options = connect::parse(&database.url).unwrap();
    PgConnection::connect_with(&options).await.unwrap()
}

/// A store, and the database that goes with it.
struct Store {
    model: PostgresReadModel,
    _database: Database,
}

impl std::ops::Deref for Store {
    type Target = dyn ReadModel;

    fn deref(&self) -> &Self::Target {
        &self.model
    }
}

#[tokio::test]
async fn conforms() {
    if servers::read_model_database("postgres read model conforms")
        .await
        .is_none()
    {
        return;
    }
    conformance::all(async || {
        let database = servers::read_model_database("").await.unwrap();
        Store {
            model: open(&database).await,
            _database: database,
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn every_statement_prepares() {
    let Some(database) = servers::read_model_database("postgres statements prepare").await else {
        return;
    };
    let _model = open(&database).await;
    let mut connection = connection(&database).await;
    for (name, statement) in statements::ALL {
        if *name == "begin_snapshot" {
            continue;
        }
        let prepared = connection.prepare(statement).await;
        assert!(prepared.is_ok(), "{name}: {prepared:?}");
    }
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/postgres")).unwrap();
    assert_eq!(files.count(), statements::ALL.len());
}

#[tokio::test]
async fn an_auditor_neither_creates_nor_writes() {
    let Some(database) = servers::read_model_database("an auditor only reads Postgres").await
    else {
        return;
    };
    let absent = PostgresReadModel::open(&database.url, Access::ReadOnly).await;
    assert!(matches!(absent, Err(Error::Unavailable(_))), "{absent:?}");

    let _writer = open(&database).await;
    let auditor = PostgresReadModel::open(&database.url, Access::ReadOnly)
        .await
        .unwrap();
    assert_eq!(auditor.checkpoints(None).await.unwrap(), []);
    let refused = conformance::rows_come_back_as_written(&auditor).await;
    assert!(
        refused.unwrap_err().contains("read-only transaction"),
        "it could write"
    );
}

#[tokio::test]
async fn a_newer_store_is_refused() {
    let Some(database) = servers::read_model_database("a newer Postgres store is refused").await
    else {
        return;
    };
    drop(open(&database).await);
    connection(&database)
        .await
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9000, 'of tomorrow', TRUE, '\\x00', 0)",
        )
        .await
        .unwrap();
    for access in [Access::ReadWrite, Access::ReadOnly] {
        let refused = PostgresReadModel::open(&database.url, access).await;
        assert!(
            matches!(&refused, Err(Error::Corrupt(why)) if why.contains("9000")),
            "{access:?}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn several_processes_open_a_new_store_at_once() {
    let Some(database) = servers::read_model_database("several open a store at once").await else {
        return;
    };
    let url = &database.url;
    let opening = || PostgresReadModel::open(url, Access::ReadWrite);
    let (a, b, c) = tokio::join!(opening(), opening(), opening());
    let model: Arc<dyn ReadModel> = Arc::new(a.unwrap());
    b.unwrap();
    c.unwrap();
    assert_eq!(
        model.versions().await.unwrap().len(),
        ProjectionId::ALL.len()
    );
}

/// Lists and single rows are found by an index, however many rows there are.
#[tokio::test]
async fn no_read_scans_a_table() {
    let Some(database) = servers::read_model_database("no read scans a Postgres table").await
    else {
        return;
    };
    let _model = open(&database).await;
    let mut connection = connection(&database).await;
    let mut looked_at = 0;
    for (name, statement) in statements::ALL {
        if !["select_", "count_", "load_", "dump_"]
            .iter()
            .any(|p| name.starts_with(p))
        {
            continue;
        }
        for step in generic_plan(&mut connection, statement).await {
            for table in Table::ALL {
                let scan = format!("Seq Scan on {}", table.name());
                assert!(!step.contains(&scan), "{name}: {step}");
            }
            looked_at += 1;
        }
    }
    assert!(looked_at > 50, "only {looked_at} steps");
}

/// How the server carries out a statement for any parameters.
async fn generic_plan(connection: &mut PgConnection, statement: &str) -> Vec<String> {
    let parameters = (1..)
        .take_while(|n| statement.contains(&format!("${n}")))
        .map(|_| "NULL");
    let parameters = parameters.collect::<Vec<_>>().join(", ");
    let arguments = if parameters.is_empty() {
        String::new()
    } else {
        format!("({parameters})")
    };
    let mut tx = connection.begin().await.unwrap();
    sqlx::raw_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::raw_sql(&format!("PREPARE looked_at AS {statement}"))
        .execute(&mut *tx)
        .await
        .unwrap();
    let plan = sqlx::query_scalar(&format!("EXPLAIN EXECUTE looked_at {arguments}"))
        .persistent(false)
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    sqlx::raw_sql("DEALLOCATE looked_at")
        .execute(&mut *tx)
        .await
        .unwrap();
    plan
}
