//! Reading: each function is one statement.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, Row, postgres::PgRow};
use uuid::Uuid;

use super::{arguments::to_i64, corrupt, sql, unavailable};
use crate::{
    claims::Claim,
    commands::{Fingerprint, KnownCommand},
    log::{Error, Head, Naming, Position, RecordedEvent, StreamHead, StreamId, conflicts::Found},
    snapshot::Snapshot,
    timers::Due,
};

pub(super) async fn all<'e>(
    db: impl PgExecutor<'e>,
    after: Position,
    limit: usize,
) -> Result<Vec<RecordedEvent>, Error> {
    let rows = sqlx::query(sql!("read_all"))
        .bind(to_i64(after.0))
        .bind(to_i64(limit))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    rows.iter().map(recorded_event).collect()
}

pub(super) async fn stream<'e>(
    db: impl PgExecutor<'e>,
    stream: &StreamId,
    after: u64,
    limit: usize,
) -> Result<Vec<RecordedEvent>, Error> {
    let rows = sqlx::query(sql!("read_stream"))
        .bind(&*stream.aggregate_type)
        .bind(&*stream.aggregate_id)
        .bind(to_i64(after))
        .bind(to_i64(limit))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    rows.iter().map(recorded_event).collect()
}

pub(super) async fn stream_naming<'e>(
    db: impl PgExecutor<'e>,
    stream: &StreamId,
    after: u64,
    naming: &Naming<'_>,
    limit: usize,
) -> Result<Vec<RecordedEvent>, Error> {
    let rows = sqlx::query(sql!("read_stream_naming"))
        .bind(&*stream.aggregate_type)
        .bind(&*stream.aggregate_id)
        .bind(to_i64(after))
        .bind(naming.text)
        .bind(naming.or_types)
        .bind(to_i64(limit))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    rows.iter().map(recorded_event).collect()
}

pub(super) async fn correlated<'e>(
    db: impl PgExecutor<'e>,
    correlation_id: &str,
    (after, until): (Position, Position),
    limit: usize,
) -> Result<Vec<RecordedEvent>, Error> {
    let rows = sqlx::query(sql!("read_correlated"))
        .bind(correlation_id)
        .bind(to_i64(after.0))
        .bind(to_i64(until.0))
        .bind(to_i64(limit))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    rows.iter().map(recorded_event).collect()
}

/// The head, and the time by the server's clock.
pub(super) async fn head<'e>(db: impl PgExecutor<'e>) -> Result<(Head, DateTime<Utc>), Error> {
    let row = sqlx::query(sql!("read_head"))
        .fetch_one(db)
        .await
        .map_err(|e| unavailable(&e))?;
    let head = Head {
        position: Position(number(&row, 0)?),
        epoch: number(&row, 1)?,
    };
    Ok((head, row.try_get(2).map_err(|e| corrupt(&e))?))
}

pub(super) async fn stream_heads<'e>(
    db: impl PgExecutor<'e>,
    streams: &[StreamId],
) -> Result<Vec<Option<StreamHead>>, Error> {
    let (kinds, ids): (Vec<&str>, Vec<&str>) = streams
        .iter()
        .map(|s| (&*s.aggregate_type, &*s.aggregate_id))
        .unzip();
    let rows = sqlx::query(sql!("read_stream_heads"))
        .bind(kinds)
        .bind(ids)
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    let mut heads = vec![None; streams.len()];
    for row in &rows {
        let ordinal = usize::try_from(number(row, 0)?).unwrap_or(usize::MAX);
        let slot = heads
            .get_mut(ordinal.wrapping_sub(1))
            .ok_or_else(|| Error::Corrupt("Postgres miscounted a list".to_owned()))?;
        *slot = Some(stream_head(row, 1)?);
    }
    Ok(heads)
}

/// Four columns of `stream_head`, from `first` on.
fn stream_head(row: &PgRow, first: usize) -> Result<StreamHead, Error> {
    Ok(StreamHead {
        version: number(row, first)?,
        position: Position(number(row, first + 1)?),
        recorded_at: row.try_get(first + 2).map_err(|e| corrupt(&e))?,
        wake_at: row.try_get(first + 3).map_err(|e| corrupt(&e))?,
    })
}

pub(super) async fn list_stream_heads<'e>(
    db: impl PgExecutor<'e>,
    after: Option<&StreamId>,
    limit: usize,
) -> Result<Vec<(StreamId, StreamHead)>, Error> {
    let rows = sqlx::query(sql!("list_stream_heads"))
        .bind(after.map_or("", |s| &*s.aggregate_type))
        .bind(after.map_or("", |s| &*s.aggregate_id))
        .bind(to_i64(limit))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    rows.iter()
        .map(|row| Ok((stream_id(row, 0)?, stream_head(row, 2)?)))
        .collect()
}

pub(super) async fn commands<'e>(
    db: impl PgExecutor<'e>,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, KnownCommand>, Error> {
    let rows = sqlx::query(sql!("read_commands"))
        .bind(ids)
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    rows.iter()
        .map(|row| known_command(row, 0).map(|known| (known.command_id, known)))
        .collect()
}

/// A stream's head and the commands that are known, of one instant.
pub(super) async fn stream_with_commands<'e>(
    db: impl PgExecutor<'e>,
    stream: &StreamId,
    ids: &[Uuid],
) -> Result<(Option<StreamHead>, HashMap<Uuid, KnownCommand>), Error> {
    let rows = sqlx::query(sql!("confirm_stream"))
        .bind(&*stream.aggregate_type)
        .bind(&*stream.aggregate_id)
        .bind(ids)
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    let present = |row: &PgRow, column| {
        let value = row.try_get_raw(column).map_err(|e| corrupt(&e))?;
        Ok(!sqlx::ValueRef::is_null(&value))
    };
    let (mut head, mut known) = (None, HashMap::new());
    for row in &rows {
        if head.is_none() && present(row, 0)? {
            head = Some(stream_head(row, 0)?);
        }
        if present(row, 4)? {
            let command = known_command(row, 4)?;
            known.insert(command.command_id, command);
        }
    }
    Ok((head, known))
}

/// Four columns of `commands`, from `first` on.
fn known_command(row: &PgRow, first: usize) -> Result<KnownCommand, Error> {
    Ok(KnownCommand {
        command_id: row.try_get(first).map_err(|e| corrupt(&e))?,
        fingerprint: Fingerprint(row.try_get(first + 1).map_err(|e| corrupt(&e))?),
        first: Position(number(row, first + 2)?),
        last: Position(number(row, first + 3)?),
    })
}

pub(super) async fn list_commands<'e>(
    db: impl PgExecutor<'e>,
    after: Option<Uuid>,
    limit: usize,
) -> Result<Vec<KnownCommand>, Error> {
    let rows = sqlx::query(sql!("list_commands"))
        .bind(after.unwrap_or_default())
        .bind(after)
        .bind(to_i64(limit))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    rows.iter().map(|row| known_command(row, 0)).collect()
}

pub(super) async fn pruned<'e>(db: impl PgExecutor<'e>) -> Result<Position, Error> {
    let row = sqlx::query(sql!("read_pruned"))
        .fetch_one(db)
        .await
        .map_err(|e| unavailable(&e))?;
    Ok(Position(number(&row, 0)?))
}

pub(super) async fn claim<'e>(
    db: impl PgExecutor<'e>,
    namespace: &str,
    key: &str,
) -> Result<Option<StreamId>, Error> {
    let row = sqlx::query(sql!("read_claim"))
        .bind(namespace)
        .bind(key)
        .fetch_optional(db)
        .await
        .map_err(|e| unavailable(&e))?;
    row.map(|row| stream_id(&row, 0)).transpose()
}

pub(super) async fn list_claims<'e>(
    db: impl PgExecutor<'e>,
    after: Option<(&str, &str)>,
    limit: usize,
) -> Result<Vec<Claim>, Error> {
    let (namespace, key) = after.unwrap_or_default();
    let rows = sqlx::query(sql!("list_claims"))
        .bind(namespace)
        .bind(key)
        .bind(to_i64(limit))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    let claim = |row| {
        Ok(Claim {
            namespace: text(row, 0)?.to_owned(),
            key: text(row, 1)?.to_owned(),
            stream: stream_id(row, 2)?,
        })
    };
    rows.iter().map(claim).collect()
}

pub(super) async fn due<'e>(
    db: impl PgExecutor<'e>,
    aggregate_type: &str,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<Due>, Error> {
    let rows = sqlx::query(sql!("read_due"))
        .bind(aggregate_type)
        .bind(now)
        .bind(to_i64(limit))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    let kind: Arc<str> = Arc::from(aggregate_type);
    let due = |row| {
        Ok(Due {
            stream: StreamId::new(Arc::clone(&kind), text(row, 0)?),
            wake_at: row.try_get(1).map_err(|e| corrupt(&e))?,
        })
    };
    rows.iter().map(due).collect()
}

pub(super) async fn next_due<'e>(
    db: impl PgExecutor<'e>,
    aggregate_type: &str,
) -> Result<Option<DateTime<Utc>>, Error> {
    let next = sqlx::query_scalar(sql!("read_next_due"))
        .bind(aggregate_type)
        .fetch_one(db);
    next.await.map_err(|e| unavailable(&e))
}

pub(super) async fn snapshot<'e>(
    db: impl PgExecutor<'e>,
    stream: &StreamId,
    schema: u32,
) -> Result<Option<Snapshot>, Error> {
    let row = sqlx::query(sql!("read_snapshot"))
        .bind(&*stream.aggregate_type)
        .bind(&*stream.aggregate_id)
        .bind(i64::from(schema))
        .fetch_optional(db)
        .await
        .map_err(|e| unavailable(&e))?;
    let snapshot = |row: PgRow| {
        Ok(Snapshot {
            stream: stream.clone(),
            schema,
            version: number(&row, 0)?,
            payload: text(&row, 1)?.to_owned(),
        })
    };
    row.map(snapshot).transpose()
}

/// Rows of `find_conflicts.sql`.
pub(super) fn found(rows: &[PgRow]) -> Result<Found, Error> {
    let mut found = Found::default();
    for row in rows {
        let kind: i32 = row.try_get(0).map_err(|e| corrupt(&e))?;
        let id = |column| row.try_get(column).map_err(|e| corrupt(&e));
        match kind {
            0 => {
                let known = KnownCommand {
                    command_id: id(1)?,
                    fingerprint: Fingerprint(row.try_get(3).map_err(|e| corrupt(&e))?),
                    first: Position(number(row, 4)?),
                    last: Position(number(row, 5)?),
                };
                found.commands.insert(known.command_id, known);
            }
            1 => {
                let position = Position(number(row, 4)?);
                found.events.insert(id(1)?, (id(2)?, position));
            }
            2 => {
                let pair = (text(row, 6)?.to_owned(), text(row, 7)?.to_owned());
                found.holders.insert(pair, stream_id(row, 8)?);
            }
            _ => {
                found.versions.insert(stream_id(row, 8)?, number(row, 4)?);
            }
        }
    }
    Ok(found)
}

/// A row of `events`, its columns in the order of `read_all.sql` and `read_stream.sql`.
fn recorded_event(row: &PgRow) -> Result<RecordedEvent, Error> {
    let shard = u16::try_from(number(row, 1)?)
        .map_err(|_| Error::Corrupt("a shard beyond 65535".to_owned()))?;
    Ok(RecordedEvent {
        position: Position(number(row, 0)?),
        shard,
        epoch: number(row, 2)?,
        stream: stream_id(row, 3)?,
        sequence: number(row, 5)?,
        event_id: row.try_get(6).map_err(|e| corrupt(&e))?,
        command_id: row.try_get(7).map_err(|e| corrupt(&e))?,
        routing_key: text(row, 8)?.to_owned(),
        event_type: text(row, 9)?.to_owned(),
        event_version: text(row, 10)?.to_owned(),
        payload: text(row, 11)?.to_owned(),
        metadata: text(row, 12)?.to_owned(),
        recorded_at: row.try_get(13).map_err(|e| corrupt(&e))?,
    })
}

pub(super) fn number(row: &PgRow, column: usize) -> Result<u64, Error> {
    let number: i64 = row.try_get(column).map_err(|e| corrupt(&e))?;
    u64::try_from(number).map_err(|_| Error::Corrupt(format!("{number} where a count is stored")))
}

/// A text, or JSON as the text that it is stored as.
fn text(row: &PgRow, column: usize) -> Result<&str, Error> {
    row.try_get_unchecked(column).map_err(|e| corrupt(&e))
}

/// Two columns that name a stream.
fn stream_id(row: &PgRow, first: usize) -> Result<StreamId, Error> {
    let id = |column| text(row, column).map(Arc::<str>::from);
    Ok(StreamId::new(id(first)?, id(first + 1)?))
}
