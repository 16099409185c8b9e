//! The schema, brought up to date at start-up.
//!
//! sqlx's own bookkeeping is one table under a fixed name, so that two parts of a program could not share a database: the log keeps
//! `log_migrations`.

use std::collections::HashMap;

use sqlx::{Connection, Executor, PgConnection, migrate::Migrator};

use super::{sql, unavailable};
use crate::log::Error;

fn migrations() -> Migrator {
    sqlx::migrate!("migrations/postgres")
}

/// Brings the schema up to date.
pub(super) async fn migrate(connection: &mut PgConnection) -> Result<(), Error> {
    // A log that is up to date is not written to: its standby may be away.
    if missing(connection).await? == 0 {
        return Ok(());
    }
    let applied = apply(connection).await;
    applied.map_err(|e| unavailable(&e))?;
    check(connection).await
}

/// Refuses a schema that is not this program's.
pub(super) async fn check(connection: &mut PgConnection) -> Result<(), Error> {
    match missing(connection).await? {
        0 => Ok(()),
        steps => Err(Error::Refused(format!(
            "the log's schema lacks {steps} of this program's migrations: open it for writing once"
        ))),
    }
}

/// How many migrations are to be applied.
async fn missing(connection: &mut PgConnection) -> Result<usize, Error> {
    let applied = applied(connection).await.map_err(|e| unavailable(&e))?;
    let known = migrations();
    let newest = known.iter().map(|m| m.version).max().unwrap_or_default();
    let stored = applied.keys().copied().max().unwrap_or_default();
    if stored > newest {
        return Err(Error::Refused(format!(
            "the log's schema is version {stored}, newer than version {newest}, the newest that this program knows: \
             open it with a newer program"
        )));
    }
    let differs = |m: &&sqlx::migrate::Migration| {
        applied
            .get(&m.version)
            .is_some_and(|sum| **sum != *m.checksum)
    };
    if let Some(migration) = known.iter().find(differs) {
        return Err(Error::Refused(format!(
            "the log's schema has another version {} than this program",
            migration.version
        )));
    }
    Ok(known
        .iter()
        .filter(|m| !applied.contains_key(&m.version))
        .count())
}

/// Checksums of the migrations that were applied.
async fn applied(connection: &mut PgConnection) -> Result<HashMap<i64, Vec<u8>>, sqlx::Error> {
    let exists: bool = sqlx::query_scalar(sql!("has_schema"))
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        return Ok(HashMap::new());
    }
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(sql!("read_migrations"))
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().collect())
}

/// Applies what is missing, in one transaction.
async fn apply(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::query(sql!("lock_migrations"))
        .execute(&mut *transaction)
        .await?;
    sqlx::query(sql!("create_migrations"))
        .execute(&mut *transaction)
        .await?;
    let applied = applied(&mut transaction).await?;
    for migration in migrations().iter() {
        if applied.contains_key(&migration.version) {
            continue;
        }
        transaction.execute(&*migration.sql).await?;
        sqlx::query(sql!("insert_migration"))
            .bind(migration.version)
            .bind(&*migration.description)
            .bind(&*migration.checksum)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}
