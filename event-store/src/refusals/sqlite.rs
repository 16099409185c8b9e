//! ADAPTER: refusals in the log's SQLite file.

use std::{ops::Range, path::Path};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{
    Row, SqliteConnection, SqlitePool,
    sqlite::{SqliteRow, SqliteSynchronous},
};

use super::{Count, KEPT_EACH, Kept, Of, Refusal, Refusals, Tally, as_limit, to_i64, to_u64};
use crate::{log::Error, sqlite_file};

/// One recorder, and auditors.
const CONNECTIONS: u32 = 2;

/// Refusals in an SQLite file.
#[derive(Debug)]
pub struct SqliteRefusals {
    pool: SqlitePool,
}

impl SqliteRefusals {
    /// Opens them in the log `path`, whose schema is up to date.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let options = sqlite_file::options(path)
            // No sync of its own: nobody was promised a refusal, and the log's next commit takes it along.
            .synchronous(SqliteSynchronous::Normal)
            // Checkpoints are the log's: it makes them rarely, on purpose.
            .pragma("wal_autocheckpoint", "0");
        let pool = sqlite_file::pool(options, CONNECTIONS)
            .await
            .map_err(|e| unavailable(&e))?;
        Ok(Self { pool })
    }
}

#[async_trait]
impl Refusals for SqliteRefusals {
    async fn record(&self, tallies: &[Tally]) -> Result<Vec<String>, Error> {
        let counts = tallies
            .iter()
            .map(|tally| (&tally.subject, tally.refused, micros(tally.last_at)));
        let counts = json(&counts.collect::<Vec<_>>());
        let rows: Vec<_> = tallies.iter().flat_map(rows).collect();
        let rows = json(&rows);
        let write = async |connection: &mut SqliteConnection| {
            sqlx::query(include_str!("../../sql/sqlite/count_refusals.sql"))
                .bind(&counts)
                .execute(&mut *connection)
                .await?;
            sqlx::query(include_str!("../../sql/sqlite/insert_refusals.sql"))
                .bind(&rows)
                .bind(to_i64(KEPT_EACH))
                .execute(&mut *connection)
                .await?;
            sqlx::query_scalar(include_str!("../../sql/sqlite/list_full_refusals.sql"))
                .bind(&counts)
                .bind(to_i64(KEPT_EACH))
                .fetch_all(connection)
                .await
        };
        // IMMEDIATE: a transaction that begins by reading can't always go on to write.
        let begun = self.pool.begin_with(sqlite_file::BEGIN).await;
        let mut transaction = begun.map_err(|e| unavailable(&e))?;
        let full = write(&mut transaction).await.map_err(|e| unavailable(&e))?;
        transaction.commit().await.map_err(|e| unavailable(&e))?;
        Ok(full)
    }

    async fn list(
        &self,
        of: Of<'_>,
        positions: Range<u64>,
        limit: usize,
    ) -> Result<Vec<Kept>, Error> {
        let (statement, of) = match of {
            Of::Subjects(subjects) => (
                include_str!("../../sql/sqlite/list_refusals_of_subjects.sql"),
                json(&subjects),
            ),
            Of::Actor(actor) => (
                include_str!("../../sql/sqlite/list_refusals_of_actor.sql"),
                actor.to_owned(),
            ),
            Of::Correlation(id) => (
                include_str!("../../sql/sqlite/list_refusals_correlated.sql"),
                id.to_owned(),
            ),
        };
        let rows = sqlx::query(statement)
            .bind(of)
            .bind(to_i64(positions.start))
            .bind(to_i64(positions.end))
            .bind(as_limit(limit))
            .fetch_all(&self.pool)
            .await;
        rows.map_err(|e| unavailable(&e))?
            .iter()
            .map(kept)
            .collect()
    }

    async fn counts(&self, subjects: &[String]) -> Result<Vec<Count>, Error> {
        let rows = sqlx::query(include_str!("../../sql/sqlite/read_refusal_counts.sql"))
            .bind(json(&subjects))
            .fetch_all(&self.pool)
            .await;
        rows.map_err(|e| unavailable(&e))?
            .iter()
            .map(count)
            .collect()
    }

    async fn list_kept(
        &self,
        after: Option<(&str, u64)>,
        limit: usize,
    ) -> Result<Vec<Kept>, Error> {
        let (subject, number) = after.unwrap_or_default();
        let rows = sqlx::query(include_str!("../../sql/sqlite/list_refusals.sql"))
            .bind(subject)
            .bind(to_i64(number))
            .bind(as_limit(limit))
            .fetch_all(&self.pool)
            .await;
        rows.map_err(|e| unavailable(&e))?
            .iter()
            .map(kept)
            .collect()
    }

    async fn list_counts(&self, after: Option<&str>, limit: usize) -> Result<Vec<Count>, Error> {
        let rows = sqlx::query(include_str!("../../sql/sqlite/list_refusal_counts.sql"))
            .bind(after.unwrap_or_default())
            .bind(as_limit(limit))
            .fetch_all(&self.pool)
            .await;
        rows.map_err(|e| unavailable(&e))?
            .iter()
            .map(count)
            .collect()
    }

    async fn forget(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, Error> {
        sqlx::query(include_str!("../../sql/sqlite/forget_refusals.sql"))
            .bind(micros(before))
            .bind(as_limit(limit))
            .execute(&self.pool)
            .await
            .map(|done| done.rows_affected())
            .map_err(|e| unavailable(&e))
    }
}

/// What `insert_refusals` reads, in its order.
type KeptRow<'a> = (
    &'a str,
    u64,
    u64,
    String,
    i64,
    &'a str,
    String,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    i64,
);

fn rows(tally: &Tally) -> impl Iterator<Item = KeptRow<'_>> {
    tally.first.iter().map(|(place, refusal)| {
        (
            &*tally.subject,
            tally.refused,
            *place,
            refusal.refusal_id.to_string(),
            micros(refusal.at),
            &*refusal.command,
            refusal.command_id.to_string(),
            &*refusal.code,
            &*refusal.detail,
            &*refusal.actor,
            &*refusal.correlation_id,
            to_i64(refusal.position),
        )
    })
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers have a JSON form")
}

fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

fn kept(row: &SqliteRow) -> Result<Kept, Error> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let number = |place: usize| row.try_get::<i64, _>(place);
    let read = || -> Result<_, sqlx::Error> {
        Ok((
            text(0)?,
            number(1)?,
            text(2)?,
            number(3)?,
            text(5)?,
            Refusal {
                refusal_id: uuid::Uuid::nil(),
                at: DateTime::UNIX_EPOCH,
                command: text(4)?,
                command_id: uuid::Uuid::nil(),
                code: text(6)?,
                detail: text(7)?,
                actor: text(8)?,
                correlation_id: text(9)?,
                position: to_u64(number(10)?),
            },
        ))
    };
    let (subject, number, refusal_id, at, command_id, refusal) =
        read().map_err(|e| unavailable(&e))?;
    Ok(Kept {
        subject,
        number: to_u64(number),
        refusal: Refusal {
            refusal_id: id(&refusal_id)?,
            at: time(at)?,
            command_id: id(&command_id)?,
            ..refusal
        },
    })
}

fn count(row: &SqliteRow) -> Result<Count, Error> {
    let read = || -> Result<(String, i64, i64), sqlx::Error> {
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    };
    let (subject, refused, last_at) = read().map_err(|e| unavailable(&e))?;
    Ok(Count {
        subject,
        refused: to_u64(refused),
        last_at: time(last_at)?,
    })
}

fn id(text: &str) -> Result<uuid::Uuid, Error> {
    text.parse()
        .map_err(|_| Error::Corrupt(format!("{text:?} where an id of a refusal is stored")))
}

fn time(micros: i64) -> Result<DateTime<Utc>, Error> {
    DateTime::from_timestamp_micros(micros)
        .ok_or_else(|| Error::Corrupt(format!("{micros} where a time of a refusal is stored")))
}

fn unavailable(error: &sqlx::Error) -> Error {
    Error::Unavailable(error.to_string())
}
