//! The servers do what the fault tests rely on.

use servers::{Options, Postgres, StandbyOptions};
use sqlx::{Connection, PgConnection};

async fn count(server: &Postgres) -> Result<i64, sqlx::Error> {
    let mut connection = PgConnection::connect(&server.url("postgres")).await?;
    sqlx::query_scalar("SELECT count(*) FROM t")
        .fetch_one(&mut connection)
        .await
}

#[tokio::test]
async fn what_was_acknowledged_is_on_the_promoted_standby() {
    let Some(mut primary) = Postgres::start("promotion", Options::default()).await else {
        return;
    };
    let standby = primary.standby(StandbyOptions { synchronous: true }).await;
    primary
        .execute("CREATE TABLE t AS SELECT generate_series(1, 1000)")
        .await
        .unwrap();
    primary.kill();
    assert!(count(&primary).await.is_err());
    standby.promote().await;
    assert_eq!(count(&standby).await.unwrap(), 1_000);
    let next = standby.standby(StandbyOptions { synchronous: true }).await;
    standby.execute("INSERT INTO t SELECT 1").await.unwrap();
    assert_eq!(count(&next).await.unwrap(), 1_001);
    // The old one comes back as a primary of its own time line; nothing tells it.
    primary.restart().await;
    assert_eq!(count(&primary).await.unwrap(), 1_000);
}
