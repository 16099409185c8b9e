//! Taking over a log from elsewhere as it is: positions, sequences, times and bytes unchanged.
//!
//! ```text
//!  empty ── begin ──▶ importing: events, page by page; heads, claims, commands ── finish ──▶ a log like any other
//!                        │  ▲
//!                        └──┘ begin again, after a crash: goes on behind the last page of events, and with the tables from their start
//! ```
//!
//! While it is importing, the log's epoch is one that no server's timeline reaches: whoever opens it to append, or has it open, is
//! refused with "history diverged". It can be opened for reading only, to compare.

use std::sync::Arc;

use sqlx::{PgConnection, postgres::PgArguments, query::Query};

use super::{Access, Options, arguments::to_i64, read, servers::Servers, sql, unavailable};
use crate::{
    claims::Claim,
    commands::KnownCommand,
    log::{Error, Position, RecordedEvent, StreamHead, StreamId},
};

/// The epoch of a log that is being imported.
const IMPORTING: i64 = i64::MAX;

type Statement<'q> = Query<'q, sqlx::Postgres, PgArguments>;

/// A Postgres log that another log is copied into.
#[derive(Debug)]
pub struct PostgresImport {
    servers: Arc<Servers>,
}

impl PostgresImport {
    /// Opens the database at `urls`, separated by commas, on the server that takes writes; its schema is made where it is missing.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Unavailable`].
    pub async fn open(urls: &str) -> Result<Self, Error> {
        let reading = || Options {
            access: Access::ReadOnly,
            ..Options::default()
        };
        let servers = match Servers::open(urls, reading()).await {
            // No schema yet: whoever may append makes it.
            Err(Error::Refused(_)) => {
                Servers::open(urls, Options::default()).await?.close().await;
                Servers::open(urls, reading()).await?
            }
            opened => opened?,
        };
        Ok(Self { servers })
    }

    /// Whether an import was begun and is not finished.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn is_begun(&self) -> Result<bool, Error> {
        let pool = self.servers.current().pool;
        let (head, _) = read::head(&pool).await?;
        Ok(i64::try_from(head.epoch) == Ok(IMPORTING))
    }

    /// Begins, or goes on with what was begun; empties the tables beside the events. Answers up to where events were taken over.
    ///
    /// # Errors
    /// [`Error::Refused`] for a log that has events of its own, [`Error::Unavailable`].
    pub async fn begin(&self) -> Result<Position, Error> {
        let take = async |connection: &mut PgConnection| {
            let begun: Option<i64> = sqlx::query_scalar(sql!("begin_import"))
                .bind(IMPORTING)
                .fetch_optional(&mut *connection)
                .await?;
            if begun.is_some() {
                sqlx::query(sql!("clear_tables"))
                    .execute(connection)
                    .await?;
            }
            Ok(begun)
        };
        let pool = self.servers.current().pool;
        let mut transaction = pool.begin().await.map_err(|e| unavailable(&e))?;
        let begun = take(&mut transaction).await.map_err(|e| unavailable(&e))?;
        transaction.commit().await.map_err(|e| unavailable(&e))?;
        match begun {
            Some(position) => Ok(Position(u64::try_from(position).unwrap_or_default())),
            None => Err(Error::Refused(
                "the log has events of its own: only an empty one can take over another".to_owned(),
            )),
        }
    }

    /// Takes over the next events: they must follow what was taken over before, without a gap.
    ///
    /// # Errors
    /// [`Error::Refused`] for events that don't follow, [`Error::Unavailable`].
    pub async fn events(&self, events: &[RecordedEvent]) -> Result<(), Error> {
        let Some(first) = events.first() else {
            return Ok(());
        };
        let refused = || {
            Err(Error::Refused(format!(
                "the events from position {} on don't follow",
                first.position
            )))
        };
        let dense = events
            .iter()
            .zip(first.position.0..)
            .all(|(event, position)| event.position.0 == position);
        if !dense {
            return refused();
        }
        let pool = self.servers.current().pool;
        let mut transaction = pool.begin().await.map_err(|e| unavailable(&e))?;
        let advanced = sqlx::query(sql!("advance_import"))
            .bind(IMPORTING)
            .bind(to_i64(first.position.0))
            .bind(to_i64(events.len()))
            .execute(&mut *transaction)
            .await
            .map_err(|e| unavailable(&e))?;
        if advanced.rows_affected() == 0 {
            return refused();
        }
        insert_events(events)
            .execute(&mut *transaction)
            .await
            .map_err(|e| unavailable(&e))?;
        transaction.commit().await.map_err(|e| unavailable(&e))
    }

    /// Takes over where streams end, and their timers.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn stream_heads(&self, heads: &[(StreamId, StreamHead)]) -> Result<(), Error> {
        let insert = sqlx::query(sql!("import_stream_heads"))
            .bind(column(heads, |(stream, _)| &*stream.aggregate_type))
            .bind(column(heads, |(stream, _)| &*stream.aggregate_id))
            .bind(column(heads, |(_, head)| to_i64(head.version)))
            .bind(column(heads, |(_, head)| to_i64(head.position.0)))
            .bind(column(heads, |(_, head)| head.recorded_at))
            .bind(column(heads, |(_, head)| head.wake_at));
        self.run(insert).await
    }

    /// Takes over claims.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn claims(&self, claims: &[Claim]) -> Result<(), Error> {
        let insert = sqlx::query(sql!("import_claims"))
            .bind(column(claims, |claim| &*claim.namespace))
            .bind(column(claims, |claim| &*claim.key))
            .bind(column(claims, |claim| &*claim.stream.aggregate_type))
            .bind(column(claims, |claim| &*claim.stream.aggregate_id));
        self.run(insert).await
    }

    /// Takes over commands.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn commands(&self, commands: &[KnownCommand]) -> Result<(), Error> {
        let insert = sqlx::query(sql!("import_commands"))
            .bind(column(commands, |command| command.command_id))
            .bind(column(commands, |command| &*command.fingerprint.0))
            .bind(column(commands, |command| to_i64(command.first.0)))
            .bind(column(commands, |command| to_i64(command.last.0)));
        self.run(insert).await
    }

    /// Takes over up to where commands were pruned; from then on the log is like any other.
    ///
    /// # Errors
    /// [`Error::Refused`] where no import was begun, [`Error::Unavailable`].
    pub async fn finish(&self, pruned: Position) -> Result<(), Error> {
        let set = sqlx::query(sql!("set_pruned")).bind(to_i64(pruned.0));
        self.run(set).await?;
        let pool = self.servers.current().pool;
        let ended = sqlx::query(sql!("end_import"))
            .bind(IMPORTING)
            .execute(&pool);
        if ended.await.map_err(|e| unavailable(&e))?.rows_affected() == 0 {
            return Err(Error::Refused("no import was begun".to_owned()));
        }
        Ok(())
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.servers.close().await;
    }

    async fn run(&self, statement: Statement<'_>) -> Result<(), Error> {
        let pool = self.servers.current().pool;
        let done = statement.execute(&pool).await;
        done.map(drop).map_err(|e| unavailable(&e))
    }
}

/// One column of some rows.
fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

fn insert_events(events: &[RecordedEvent]) -> Statement<'_> {
    sqlx::query(sql!("import_events"))
        .bind(column(events, |event| &*event.stream.aggregate_type))
        .bind(column(events, |event| &*event.stream.aggregate_id))
        .bind(column(events, |event| to_i64(event.sequence)))
        .bind(column(events, |event| &*event.event_type))
        .bind(column(events, |event| &*event.event_version))
        .bind(column(events, |event| &*event.payload))
        .bind(column(events, |event| &*event.metadata))
        .bind(column(events, |event| to_i64(event.position.0)))
        .bind(column(events, |event| to_i64(event.epoch)))
        .bind(column(events, |event| event.event_id))
        .bind(column(events, |event| event.command_id))
        .bind(column(events, |event| &*event.routing_key))
        .bind(column(events, |event| event.recorded_at))
}
