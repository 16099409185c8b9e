//! ADAPTER: the security log in the log's Postgres.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{Row, postgres::PgRow};
use tokio::time::timeout;

use super::{Entry, Filter, NewEntry, SecurityLog, as_limit, to_i64};
use crate::log::{
    Error,
    postgres::{Options, servers::Servers, sql, unavailable},
};

/// One recorder, and auditors.
const CONNECTIONS: u32 = 2;
/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The security log in Postgres.
#[derive(Debug)]
pub struct PostgresSecurityLog {
    servers: Arc<Servers>,
}

impl PostgresSecurityLog {
    /// Opens it in the log at `url`, which names its servers as [`crate::PostgresEventLog::open`] takes them.
    ///
    /// # Errors
    /// [`Error::Refused`] for a server that can't hold the log, [`Error::Unavailable`].
    pub async fn open(url: &str, options: Options) -> Result<Self, Error> {
        let options = Options {
            read_connections: CONNECTIONS,
            ..options
        };
        let servers = Servers::open(url, options).await?;
        Ok(Self { servers })
    }

    async fn call<T>(
        &self,
        call: impl AsyncFnOnce(&sqlx::PgPool) -> Result<T, sqlx::Error>,
    ) -> Result<T, Error> {
        let server = self.servers.current();
        let called = match timeout(CALL_TIMEOUT, call(&server.pool)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => unavailable(&error),
            Err(_) => Error::Unavailable(format!("no answer within {CALL_TIMEOUT:?}")),
        };
        if let Err(error) = self.servers.look_again(server.generation).await {
            tracing::debug!(%error, "no server holds the security log at present");
        }
        Err(called)
    }
}

#[async_trait]
impl SecurityLog for PostgresSecurityLog {
    async fn record(&self, entries: &[NewEntry]) -> Result<(), Error> {
        let column = |of: fn(&NewEntry) -> &str| -> Vec<String> {
            entries.iter().map(|entry| of(entry).to_owned()).collect()
        };
        let at: Vec<_> = entries.iter().map(|entry| entry.at).collect();
        self.call(async |pool| {
            sqlx::query(sql!("insert_security_entries"))
                .bind(at)
                .bind(column(|entry| &entry.kind))
                .bind(column(|entry| &entry.subject))
                .bind(column(|entry| &entry.role))
                .bind(column(|entry| &entry.target))
                .execute(pool)
                .await
        })
        .await
        .map(drop)
    }

    async fn list(&self, filter: &Filter, limit: usize) -> Result<Vec<Entry>, Error> {
        let rows = self.call(async |pool| {
            sqlx::query(sql!("list_security_entries"))
                .bind(to_i64(filter.after))
                .bind(&filter.kind)
                .bind(&filter.subject)
                .bind(as_limit(limit))
                .fetch_all(pool)
                .await
        });
        rows.await?.iter().map(entry).collect()
    }

    async fn forget(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, Error> {
        self.call(async |pool| {
            sqlx::query(sql!("forget_security_entries"))
                .bind(before)
                .bind(as_limit(limit))
                .execute(pool)
                .await
        })
        .await
        .map(|done| done.rows_affected())
    }
}

fn entry(row: &PgRow) -> Result<Entry, Error> {
    let read = |e: sqlx::Error| unavailable(&e);
    let id: i64 = row.try_get(0).map_err(read)?;
    Ok(Entry {
        id: u64::try_from(id).unwrap_or_default(),
        entry: NewEntry {
            at: row.try_get(1).map_err(read)?,
            kind: row.try_get(2).map_err(read)?,
            subject: row.try_get(3).map_err(read)?,
            role: row.try_get(4).map_err(read)?,
            target: row.try_get(5).map_err(read)?,
        },
    })
}
