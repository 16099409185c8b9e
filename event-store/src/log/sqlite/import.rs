//! Taking over events from elsewhere as they are: positions, sequences, epochs, times and bytes unchanged. What a log keeps beside its events
//! is made of them anew: heads here, timers, claims and commands by whoever knows what the events mean.
//!
//! A file that is being imported is nobody's log yet: it gets its name once it is whole.

use std::path::Path;

use chrono::{DateTime, Utc};
use sqlx::{Connection, SqliteConnection};
use uuid::Uuid;

use super::{Options, connect::Connect, read::to_i64, time_text, to_json, unavailable};
use crate::{
    claims::Claim,
    log::{Error, Position, RecordedEvent, StreamId},
};

/// A new SQLite file that events are copied into.
#[derive(Debug)]
pub struct SqliteImport {
    connection: SqliteConnection,
}

impl SqliteImport {
    /// Makes the log in `path`.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Unavailable`].
    pub async fn create(path: &Path) -> Result<Self, Error> {
        let connect = Connect::new(path, &Options::default());
        let connection = connect.open_writer().await?;
        Ok(Self { connection })
    }

    /// Takes over the next events: they must follow what was taken over before, without a gap.
    ///
    /// # Errors
    /// [`Error::Refused`] for events that don't follow, or that stand in their stream where another does; [`Error::Unavailable`].
    pub async fn events(&mut self, events: &[RecordedEvent]) -> Result<(), Error> {
        let Some(first) = events.first() else {
            return Ok(());
        };
        let refused = |why: &str| {
            let position = first.position;
            Error::Refused(format!("the events from position {position} on {why}"))
        };
        let mut dense = events.iter().zip(first.position.0..);
        if !dense.all(|(event, position)| event.position.0 == position) {
            return Err(refused("don't follow"));
        }
        let rows: Vec<_> = events.iter().map(row).collect();
        let epoch = events.iter().map(|event| event.epoch).max();
        let store = async {
            let mut transaction = self.connection.begin().await?;
            let advanced = sqlx::query(include_str!("../../../sql/sqlite/advance_import.sql"))
                .bind(to_i64(first.position.0))
                .bind(to_i64(rows.len() as u64))
                .bind(to_i64(epoch.unwrap_or_default()))
                .execute(&mut *transaction)
                .await?;
            sqlx::query(include_str!("../../../sql/sqlite/import_events.sql"))
                .bind(to_json(&rows))
                .execute(&mut *transaction)
                .await?;
            if advanced.rows_affected() > 0 {
                transaction.commit().await?;
            }
            Ok(advanced.rows_affected() > 0)
        };
        match store.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(refused("don't follow")),
            Err(sqlx::Error::Database(error)) if super::connect::is_constraint(&*error) => {
                Err(refused("name a place or an id that another event has"))
            }
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Derives where streams end.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn stream_heads(&mut self) -> Result<(), Error> {
        sqlx::query(include_str!("../../../sql/sqlite/derive_stream_heads.sql"))
            .execute(&mut self.connection)
            .await
            .map(drop)
            .map_err(|e| unavailable(&e))
    }

    /// Sets timers.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn timers(&mut self, timers: &[(StreamId, DateTime<Utc>)]) -> Result<(), Error> {
        let rows = timers.iter().map(|(stream, at)| {
            let (kind, id) = (&*stream.aggregate_type, &*stream.aggregate_id);
            (kind, id, time_text(*at))
        });
        let statement = include_str!("../../../sql/sqlite/import_timers.sql");
        self.rows(statement, &rows.collect::<Vec<_>>()).await
    }

    /// Sets claims.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn claims(&mut self, claims: &[Claim]) -> Result<(), Error> {
        let rows = claims.iter().map(|claim| {
            let (kind, id) = (&*claim.stream.aggregate_type, &*claim.stream.aggregate_id);
            (&*claim.namespace, &*claim.key, kind, id)
        });
        let statement = include_str!("../../../sql/sqlite/import_claims.sql");
        self.rows(statement, &rows.collect::<Vec<_>>()).await
    }

    /// Makes steps of sagas known: the command, its first and its last position.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn steps(&mut self, steps: &[(Uuid, Position, Position)]) -> Result<(), Error> {
        let statement = include_str!("../../../sql/sqlite/import_steps.sql");
        self.rows(statement, steps).await
    }

    /// Marks the other commands up to `pruned` as forgotten, and closes the file: it is whole.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn finish(mut self, pruned: Position) -> Result<(), Error> {
        sqlx::query(include_str!("../../../sql/sqlite/advance_pruned.sql"))
            .bind(to_i64(pruned.0))
            .execute(&mut self.connection)
            .await
            .map_err(|e| unavailable(&e))?;
        self.connection.close().await.map_err(|e| unavailable(&e))
    }

    async fn rows<T: serde::Serialize>(
        &mut self,
        statement: &'static str,
        rows: &[T],
    ) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query(statement)
            .bind(to_json(rows))
            .execute(&mut self.connection)
            .await
            .map(drop)
            .map_err(|e| unavailable(&e))
    }
}

type Row<'a> = (
    &'a str,
    &'a str,
    u64,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    u64,
    u16,
    u64,
    Uuid,
    Uuid,
    &'a str,
    String,
);

fn row(event: &RecordedEvent) -> Row<'_> {
    (
        &*event.stream.aggregate_type,
        &*event.stream.aggregate_id,
        event.sequence,
        &event.event_type,
        &event.event_version,
        &event.payload,
        &event.metadata,
        event.position.0,
        event.shard,
        event.epoch,
        event.event_id,
        event.command_id,
        &event.routing_key,
        time_text(event.recorded_at),
    )
}
