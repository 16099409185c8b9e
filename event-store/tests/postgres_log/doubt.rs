//! Appends whose outcome is in doubt.

use event_store::{
    EventLog,
    log::{
        Error, Outcome,
        conformance::sample::{command, one, stream},
    },
};
use sqlx::Connection;
use tokio::time::timeout;

use crate::{BOUND, assert_dense, connect, open, run_sql};

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
