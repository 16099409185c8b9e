//! The writer in doubt, and the statements' use of indices.

use super::*;
use crate::{
    log::{
        conformance::sample::{Draft, one, stream},
        sqlite::Options,
    },
    testing::TempFolder,
};

async fn writer() -> (Writer, TempFolder) {
    let folder = TempFolder::new();
    let connect = Connect::new(&folder.0.join("log.db"), &Options::default());
    let writer = Writer {
        connection: Some(connect.open_writer().await.unwrap()),
        connect,
        statements: Arc::new(Statements::new()),
        head: watch::Sender::new(Position(0)),
    };
    (writer, folder)
}

fn committed(first: u64, last: u64) -> Outcome {
    Outcome::Committed {
        first: Position(first),
        last: Position(last),
    }
}

#[tokio::test]
async fn a_commit_in_doubt_is_settled_by_what_is_stored_after_the_next() {
    let (mut writer, _folder) = writer().await;
    writer.append(&[one(1, &stream("a"), 0)]).await.unwrap();
    let batch = [
        one(2, &stream("a"), 1),
        one(3, &stream("b"), 5),
        one(1, &stream("c"), 0),
        Draft::new(4).events(&stream("d"), 0, 2).done(),
    ];
    let outcomes = writer.append(&batch).await.unwrap();
    assert_eq!(outcomes[0], committed(2, 2));
    let settled = writer.settle(&batch, "lost".to_owned(), Some(Position(2)));
    assert_eq!(settled.await.unwrap(), outcomes);
}

#[tokio::test]
async fn a_commit_in_doubt_that_stored_nothing_is_told_so() {
    let (mut writer, _folder) = writer().await;
    let earlier = one(1, &stream("a"), 0);
    writer.append(std::slice::from_ref(&earlier)).await.unwrap();
    let batch = [earlier, one(2, &stream("b"), 0)];
    let settled = writer.settle(&batch, "lost".to_owned(), Some(Position(2)));
    let error = settled.await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    let settled = writer.settle(&batch, "lost".to_owned(), None).await;
    assert!(matches!(settled, Err(Error::Unknown(_))), "{settled:?}");
}

#[tokio::test]
async fn a_connection_that_is_lost_is_opened_again() {
    let (mut writer, _folder) = writer().await;
    let connection = writer.connection.take().unwrap();
    connection.close().await.unwrap();
    let outcomes = writer.append(&[one(1, &stream("a"), 0)]).await.unwrap();
    assert_eq!(outcomes, [committed(1, 1)]);
}

/// Every statement finds its rows by an index: none reads a whole table.
#[tokio::test]
async fn no_statement_scans_a_table() {
    let (mut writer, _folder) = writer().await;
    let connection = writer.connection().await.unwrap();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/sqlite");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let sql = std::fs::read_to_string(&path).unwrap();
        let code = sql.lines().filter(|line| !line.starts_with("--"));
        let code: String = code.collect::<Vec<_>>().join("\n");
        for statement in code.split_inclusive(';').map(str::trim) {
            let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
            if !verbs.iter().any(|verb| statement.starts_with(verb)) {
                continue;
            }
            let explained = ["EXPLAIN QUERY PLAN ", statement].concat();
            let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(&explained)
                .fetch_all(&mut *connection)
                .await
                .unwrap();
            for (.., step) in plan {
                let small = [
                    "json_each",
                    "VIRTUAL",
                    "log_head",
                    "commands_pruned",
                    "batch",
                    "page",
                ];
                let lists = ["_sqlx_migrations", "sqlite_schema", "CONSTANT ROW"];
                let may = small.iter().chain(&lists).any(|name| step.contains(name));
                let scans = step.starts_with("SCAN") && !step.contains("USING");
                assert!(!scans || may, "{}: {step}", path.display());
            }
        }
    }
}
