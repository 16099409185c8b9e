//! Only for a test of the tests, in builds that must never serve anybody: the writer answers before it commits. The faults must show
//! what is lost then, or they would not show it of any other mistake either.

use std::time::Duration;

use sqlx::{Executor, PgConnection};

use crate::log::Error;

#[cfg(not(debug_assertions))]
compile_error!(
    "acknowledge-before-commit loses what it acknowledged: it is for tests of debug builds alone"
);

/// How long the commit stays away: in every moment of a steady load, somebody waits for one.
const WINDOW: Duration = Duration::from_millis(50);

pub(super) async fn begin(connection: &mut PgConnection) -> Result<(), Error> {
    run(connection, "BEGIN").await
}

/// Commits what was answered, a while after.
pub(super) async fn commit(connection: &mut PgConnection) -> Result<(), Error> {
    tokio::time::sleep(WINDOW).await;
    run(connection, "COMMIT").await
}

pub(super) async fn roll_back(connection: &mut PgConnection) -> Result<(), Error> {
    run(connection, "ROLLBACK").await
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), Error> {
    let ran = connection.execute(sql).await;
    ran.map(drop).map_err(|e| Error::Unknown(e.to_string()))
}
