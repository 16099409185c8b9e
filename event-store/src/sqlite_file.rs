//! Connections to an SQLite file that several parts of the program write to, each over a pool of its own.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, Database, Sqlite, SqliteConnection, SqlitePool,
    TransactionManager,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

/// How long a write waits for its turn: the log's committer writes all the time, but each time for milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection: a request is refused while its client still listens.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// Takes the write lock at once: a transaction that begins by reading could lose its turn in the middle.
pub const BEGIN: &str = "BEGIN IMMEDIATE";

/// How the file is opened: write-ahead log, each commit flushed to the disk, waiting 5 s for its turn to write.
#[must_use]
pub fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// A pool of at most `connections`, none of which keeps a transaction when it is given back.
///
/// # Errors
/// The file can't be opened within 3 s.
pub async fn pool(
    options: SqliteConnectOptions,
    connections: u32,
) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_release(|connection, _| {
            Box::pin(async move {
                // Behind a rollback that is still under way.
                connection.ping().await?;
                Ok(is_idle(connection))
            })
        })
        .connect_with(options)
        .await
}

/// Whether the connection has ended its last transaction; closing it ends one that is open. Two ways lead there:
///
/// - SQLite rolls back by itself on a full disk; sqlx then fails to, and goes on counting that transaction.
/// - `begin_with` (sqlx 0.8.6) waits once more between SQLite's `BEGIN` and the `Transaction` that would roll back: a caller that is
///   cut off there, as by a client that hangs up, leaves the write lock taken, and nobody else could write to the file.
fn is_idle(connection: &SqliteConnection) -> bool {
    <Sqlite as Database>::TransactionManager::get_transaction_depth(connection) == 0
}

#[cfg(test)]
mod tests {
    use std::{
        future::{Future, poll_fn},
        task::Poll,
    };

    use sqlx::Connection as _;

    use super::*;
    use crate::testing::TempFolder;

    /// How often a cut-off caller is looked at before it goes: more than a `begin` needs.
    const MOST_POLLS: usize = 8;

    /// Polls `future` at most `polls` times, when it asks for it, then drops it.
    async fn cut_off<T>(future: impl Future<Output = T>, polls: usize) -> bool {
        let mut future = Box::pin(future);
        let mut left = polls;
        poll_fn(move |context| {
            if left == 0 {
                return Poll::Ready(false);
            }
            left -= 1;
            let ended = future.as_mut().poll(context).is_ready();
            if ended || left == 0 {
                return Poll::Ready(ended);
            }
            Poll::Pending
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_caller_that_is_cut_off_leaves_nobody_waiting_for_the_write_lock() {
        let folder = TempFolder::new();
        let path = folder.0.join("shared.db");
        let options = options(&path).create_if_missing(true);
        let pool = pool(options.clone(), 2).await.unwrap();
        let mut other = SqliteConnection::connect_with(&options).await.unwrap();
        let mut ended = 0_usize;
        for round in 0..400 {
            ended += usize::from(cut_off(pool.begin_with(BEGIN), round % MOST_POLLS).await);
            // Refused as busy after 5 s where the lock is still taken.
            let transaction = other.begin_with(BEGIN).await.unwrap();
            transaction.rollback().await.unwrap();
        }
        assert!(ended > 0, "some callers are let through to the end");
    }

    #[tokio::test]
    async fn a_transaction_that_sqlite_ended_itself_stops_no_later_one() {
        const CONNECTIONS: u32 = 4;
        let folder = TempFolder::new();
        let path = folder.0.join("shared.db");
        let pool = pool(options(&path).create_if_missing(true), CONNECTIONS)
            .await
            .unwrap();
        // The connection that was used last is the next one to be lent.
        let mut ended = pool.begin_with(BEGIN).await.unwrap();
        sqlx::query("ROLLBACK").execute(&mut *ended).await.unwrap();
        assert!(ended.commit().await.is_err());
        for _ in 0..CONNECTIONS {
            let transaction = pool.begin_with(BEGIN).await.unwrap();
            transaction.rollback().await.unwrap();
        }
    }
}
