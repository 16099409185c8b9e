//! ADAPTER: the security log in the log's SQLite file.

use std::path::Path;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{Row, SqlitePool, sqlite::SqliteRow};

use super::{Entry, Filter, NewEntry, SecurityLog, as_limit, to_i64};
use crate::{log::Error, sqlite_file};

/// One recorder, and auditors.
const CONNECTIONS: u32 = 2;

/// The security log in an SQLite file.
#[derive(Debug)]
pub struct SqliteSecurityLog {
    pool: SqlitePool,
}

impl SqliteSecurityLog {
    /// Opens it in the log `path`, whose schema is up to date.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let pool = sqlite_file::pool(sqlite_file::options(path), CONNECTIONS)
            .await
            .map_err(|e| unavailable(&e))?;
        Ok(Self { pool })
    }
}

#[async_trait]
impl SecurityLog for SqliteSecurityLog {
    async fn record(&self, entries: &[NewEntry]) -> Result<(), Error> {
        let row = |entry: &NewEntry| {
            let NewEntry {
                at,
                kind,
                subject,
                role,
                target,
            } = entry.clone();
            (at.timestamp_micros(), kind, subject, role, target)
        };
        let rows: Vec<_> = entries.iter().map(row).collect();
        let rows = serde_json::to_string(&rows).expect("texts and numbers have a JSON form");
        sqlx::query(include_str!("../../sql/sqlite/insert_security_entries.sql"))
            .bind(rows)
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(|e| unavailable(&e))
    }

    async fn list(&self, filter: &Filter, limit: usize) -> Result<Vec<Entry>, Error> {
        let rows = sqlx::query(include_str!("../../sql/sqlite/list_security_entries.sql"))
            .bind(to_i64(filter.after))
            .bind(&filter.kind)
            .bind(&filter.subject)
            .bind(as_limit(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(|e| unavailable(&e))?;
        rows.iter().map(entry).collect()
    }

    async fn forget(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, Error> {
        sqlx::query(include_str!("../../sql/sqlite/forget_security_entries.sql"))
            .bind(before.timestamp_micros())
            .bind(as_limit(limit))
            .execute(&self.pool)
            .await
            .map(|done| done.rows_affected())
            .map_err(|e| unavailable(&e))
    }
}

fn entry(row: &SqliteRow) -> Result<Entry, Error> {
    let read = |e: sqlx::Error| unavailable(&e);
    let (id, at): (i64, i64) = (row.try_get(0).map_err(read)?, row.try_get(1).map_err(read)?);
    Ok(Entry {
        id: u64::try_from(id).unwrap_or_default(),
        entry: NewEntry {
            at: DateTime::from_timestamp_micros(at)
                .ok_or_else(|| Error::Corrupt(format!("{at} where a time is stored")))?,
            kind: row.try_get(2).map_err(read)?,
            subject: row.try_get(3).map_err(read)?,
            role: row.try_get(4).map_err(read)?,
            target: row.try_get(5).map_err(read)?,
        },
    })
}

fn unavailable(error: &sqlx::Error) -> Error {
    Error::Unavailable(error.to_string())
}
