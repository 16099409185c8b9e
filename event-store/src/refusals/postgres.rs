//! ADAPTER: refusals in the log's Postgres.

use std::{ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{
    Postgres, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Count, KEPT_EACH, Kept, Of, Refusal, Refusals, Tally, as_limit, to_i64, to_u64};
use crate::log::{
    Error,
    postgres::{Options, servers::Servers, sql, unavailable},
};

/// One recorder, and auditors.
const CONNECTIONS: u32 = 2;
/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// Refusals in Postgres.
#[derive(Debug)]
pub struct PostgresRefusals {
    servers: Arc<Servers>,
}

impl PostgresRefusals {
    /// Opens them in the log at `url`, which names its servers as [`crate::PostgresEventLog::open`] takes them.
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

    /// Empties both tables: before others' refusals are taken over.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn clear(&self) -> Result<(), Error> {
        self.execute(sqlx::query(sql!("clear_refusals"))).await?;
        Ok(())
    }

    /// Takes refusals over as they are.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn take_kept(&self, kept: &[Kept]) -> Result<(), Error> {
        let subjects: Vec<_> = kept.iter().map(|kept| &*kept.subject).collect();
        let numbers: Vec<_> = kept.iter().map(|kept| to_i64(kept.number)).collect();
        let refusals: Vec<_> = kept.iter().map(|kept| &kept.refusal).collect();
        let statement = sqlx::query(sql!("import_refusals"))
            .bind(subjects)
            .bind(numbers);
        self.execute(bound(statement, &refusals)).await?;
        Ok(())
    }

    /// Takes counts over as they are.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn take_counts(&self, counts: &[Count]) -> Result<(), Error> {
        let subjects: Vec<_> = counts.iter().map(|count| &*count.subject).collect();
        let refused: Vec<_> = counts.iter().map(|count| to_i64(count.refused)).collect();
        let last_at: Vec<_> = counts.iter().map(|count| count.last_at).collect();
        let statement = sqlx::query(sql!("import_refusal_counts"))
            .bind(subjects)
            .bind(refused)
            .bind(last_at);
        self.execute(statement).await?;
        Ok(())
    }

    async fn execute(&self, statement: Statement<'_>) -> Result<u64, Error> {
        let done = self.call(async |pool| statement.execute(pool).await).await;
        done.map(|done| done.rows_affected())
    }

    async fn rows(&self, statement: Statement<'_>) -> Result<Vec<PgRow>, Error> {
        self.call(async |pool| statement.fetch_all(pool).await)
            .await
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
            tracing::debug!(%error, "no server holds the refusals at present");
        }
        Err(called)
    }
}

#[async_trait]
impl Refusals for PostgresRefusals {
    async fn record(&self, tallies: &[Tally]) -> Result<Vec<String>, Error> {
        let subjects: Vec<_> = tallies.iter().map(|tally| &*tally.subject).collect();
        let refused: Vec<_> = tallies.iter().map(|tally| to_i64(tally.refused)).collect();
        let last_at: Vec<_> = tallies.iter().map(|tally| tally.last_at).collect();
        let first = || {
            tallies.iter().flat_map(|tally| {
                let of = &*tally.subject;
                tally
                    .first
                    .iter()
                    .map(move |(place, refusal)| (of, to_i64(*place), refusal))
            })
        };
        let of: Vec<_> = first().map(|(of, ..)| of).collect();
        let places: Vec<_> = first().map(|(_, place, _)| place).collect();
        let refusals: Vec<_> = first().map(|(.., refusal)| refusal).collect();
        let statement = sqlx::query(sql!("record_refusals"))
            .bind(subjects)
            .bind(refused)
            .bind(last_at)
            .bind(to_i64(KEPT_EACH))
            .bind(of)
            .bind(places);
        let statement = bound(statement, &refusals);
        let full = self.call(async |pool| {
            let mut transaction = pool.begin().await?;
            sqlx::query(sql!("defer_sync"))
                .execute(&mut *transaction)
                .await?;
            let full = statement.fetch_all(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(full)
        });
        let read = |row: &PgRow| row.try_get(0).map_err(|e| unavailable(&e));
        full.await?.iter().map(read).collect()
    }

    async fn list(
        &self,
        of: Of<'_>,
        positions: Range<u64>,
        limit: usize,
    ) -> Result<Vec<Kept>, Error> {
        let statement = match of {
            Of::Subjects(subjects) => {
                sqlx::query(sql!("list_refusals_of_subjects")).bind(subjects.to_vec())
            }
            Of::Actor(actor) => sqlx::query(sql!("list_refusals_of_actor")).bind(actor),
            Of::Correlation(id) => sqlx::query(sql!("list_refusals_correlated")).bind(id),
        };
        let statement = statement
            .bind(to_i64(positions.start))
            .bind(to_i64(positions.end))
            .bind(as_limit(limit));
        self.rows(statement).await?.iter().map(kept).collect()
    }

    async fn counts(&self, subjects: &[String]) -> Result<Vec<Count>, Error> {
        let statement = sqlx::query(sql!("read_refusal_counts")).bind(subjects.to_vec());
        self.rows(statement).await?.iter().map(count).collect()
    }

    async fn list_kept(
        &self,
        after: Option<(&str, u64)>,
        limit: usize,
    ) -> Result<Vec<Kept>, Error> {
        let (subject, number) = after.unwrap_or_default();
        let statement = sqlx::query(sql!("list_refusals"))
            .bind(subject)
            .bind(to_i64(number))
            .bind(as_limit(limit));
        self.rows(statement).await?.iter().map(kept).collect()
    }

    async fn list_counts(&self, after: Option<&str>, limit: usize) -> Result<Vec<Count>, Error> {
        let statement = sqlx::query(sql!("list_refusal_counts"))
            .bind(after.unwrap_or_default())
            .bind(as_limit(limit));
        self.rows(statement).await?.iter().map(count).collect()
    }

    async fn forget(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, Error> {
        let statement = sqlx::query(sql!("forget_refusals"))
            .bind(before)
            .bind(as_limit(limit));
        self.execute(statement).await
    }
}

/// The columns of refusals, in the order in which both statements take them.
fn bound<'q>(statement: Statement<'q>, refusals: &[&'q Refusal]) -> Statement<'q> {
    let texts =
        |of: fn(&Refusal) -> &str| -> Vec<&'q str> { refusals.iter().copied().map(of).collect() };
    let ids =
        |of: fn(&Refusal) -> Uuid| -> Vec<Uuid> { refusals.iter().copied().map(of).collect() };
    let at: Vec<_> = refusals.iter().map(|refusal| refusal.at).collect();
    let positions: Vec<_> = refusals.iter().map(|r| to_i64(r.position)).collect();
    statement
        .bind(ids(|r| r.refusal_id))
        .bind(at)
        .bind(texts(|r| &r.command))
        .bind(ids(|r| r.command_id))
        .bind(texts(|r| &r.code))
        .bind(texts(|r| &r.detail))
        .bind(texts(|r| &r.actor))
        .bind(texts(|r| &r.correlation_id))
        .bind(positions)
}

fn kept(row: &PgRow) -> Result<Kept, Error> {
    let read = || -> Result<Kept, sqlx::Error> {
        Ok(Kept {
            subject: row.try_get(0)?,
            number: to_u64(row.try_get(1)?),
            refusal: Refusal {
                refusal_id: row.try_get(2)?,
                at: row.try_get(3)?,
                command: row.try_get(4)?,
                command_id: row.try_get(5)?,
                code: row.try_get(6)?,
                detail: row.try_get(7)?,
                actor: row.try_get(8)?,
                correlation_id: row.try_get(9)?,
                position: to_u64(row.try_get(10)?),
            },
        })
    };
    read().map_err(|e| unavailable(&e))
}

fn count(row: &PgRow) -> Result<Count, Error> {
    let read = || -> Result<Count, sqlx::Error> {
        Ok(Count {
            subject: row.try_get(0)?,
            refused: to_u64(row.try_get(1)?),
            last_at: row.try_get(2)?,
        })
    };
    read().map_err(|e| unavailable(&e))
}
