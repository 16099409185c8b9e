//! Reading: each function is one statement.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::{Row, SqliteExecutor, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{
    claims::Claim,
    commands::{Fingerprint, KnownCommand},
    log::{
        Error, Head, Naming, Position, RecordedEvent, StreamHead, StreamId,
        conflicts::Holders,
        sqlite::{stream_id, time_text, to_json, unavailable},
    },
    snapshot::Snapshot,
    timers::Due,
};

pub(super) async fn all<'e>(
    db: impl SqliteExecutor<'e>,
    after: Position,
    limit: usize,
) -> Result<Vec<RecordedEvent>, Error> {
    let rows = sqlx::query(include_str!("../../../sql/sqlite/read_all.sql"))
        .bind(to_i64(after.0))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    rows.iter().map(recorded_event).collect()
}

pub(super) async fn stream<'e>(
    db: impl SqliteExecutor<'e>,
    stream: &StreamId,
    after: u64,
    limit: usize,
) -> Result<Vec<RecordedEvent>, Error> {
    let rows = sqlx::query(include_str!("../../../sql/sqlite/read_stream.sql"))
        .bind(&*stream.aggregate_type)
        .bind(&*stream.aggregate_id)
        .bind(to_i64(after))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    rows.iter().map(recorded_event).collect()
}

pub(super) async fn stream_naming<'e>(
    db: impl SqliteExecutor<'e>,
    stream: &StreamId,
    after: u64,
    naming: &Naming<'_>,
    limit: usize,
) -> Result<Vec<RecordedEvent>, Error> {
    let rows = sqlx::query(include_str!("../../../sql/sqlite/read_stream_naming.sql"))
        .bind(&*stream.aggregate_type)
        .bind(&*stream.aggregate_id)
        .bind(to_i64(after))
        .bind(naming.text)
        .bind(to_json(naming.or_types))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    rows.iter().map(recorded_event).collect()
}

pub(super) async fn correlated<'e>(
    db: impl SqliteExecutor<'e>,
    correlation_id: &str,
    (after, until): (Position, Position),
    limit: usize,
) -> Result<Vec<RecordedEvent>, Error> {
    let rows = sqlx::query(include_str!("../../../sql/sqlite/read_correlated.sql"))
        .bind(correlation_id)
        .bind(to_i64(after.0))
        .bind(to_i64(until.0))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    rows.iter().map(recorded_event).collect()
}

pub(super) async fn head<'e>(db: impl SqliteExecutor<'e>) -> Result<Head, Error> {
    let row = sqlx::query(include_str!("../../../sql/sqlite/read_head.sql"))
        .fetch_one(db)
        .await
        .map_err(|e| unavailable(&e))?;
    Ok(Head {
        position: Position(number(&row, 0)?),
        epoch: number(&row, 1)?,
    })
}

pub(super) async fn stream_heads<'e>(
    db: impl SqliteExecutor<'e>,
    streams: &[StreamId],
) -> Result<Vec<Option<StreamHead>>, Error> {
    let ids: Vec<_> = streams
        .iter()
        .map(|s| (&*s.aggregate_type, &*s.aggregate_id))
        .collect();
    let rows = sqlx::query(include_str!("../../../sql/sqlite/read_stream_heads.sql"))
        .bind(to_json(&ids))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    let mut heads = vec![None; streams.len()];
    for row in &rows {
        let index = usize::try_from(number(row, 0)?).unwrap_or(usize::MAX);
        let slot = heads
            .get_mut(index)
            .ok_or_else(|| Error::Corrupt("SQLite miscounted a list".to_owned()))?;
        *slot = Some(stream_head(row, 1)?);
    }
    Ok(heads)
}

/// Four columns of `stream_head`, from `first` on.
fn stream_head(row: &SqliteRow, first: usize) -> Result<StreamHead, Error> {
    Ok(StreamHead {
        version: number(row, first)?,
        position: Position(number(row, first + 1)?),
        recorded_at: time(text(row, first + 2)?)?,
        wake_at: optional_text(row, first + 3)?.map(time).transpose()?,
    })
}

pub(super) async fn list_stream_heads<'e>(
    db: impl SqliteExecutor<'e>,
    after: Option<&StreamId>,
    limit: usize,
) -> Result<Vec<(StreamId, StreamHead)>, Error> {
    type Row<'a> = (
        Cow<'a, str>,
        Cow<'a, str>,
        u64,
        u64,
        Cow<'a, str>,
        Option<Cow<'a, str>>,
    );
    let row = sqlx::query(include_str!("../../../sql/sqlite/list_stream_heads.sql"))
        .bind(after.map_or("", |s| &*s.aggregate_type))
        .bind(after.map_or("", |s| &*s.aggregate_id))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_one(db)
        .await
        .map_err(|e| unavailable(&e))?;
    let rows: Vec<Row<'_>> = page(&row)?;
    rows.into_iter()
        .map(|(kind, id, version, position, recorded_at, wake_at)| {
            let head = StreamHead {
                version,
                position: Position(position),
                recorded_at: time(&recorded_at)?,
                wake_at: wake_at.as_deref().map(time).transpose()?,
            };
            Ok((stream_id(&kind, &id), head))
        })
        .collect()
}

/// The rows of a page that SQL has put into one JSON text.
fn page<'r, T: Deserialize<'r>>(row: &'r SqliteRow) -> Result<Vec<T>, Error> {
    serde_json::from_str(text(row, 0)?)
        .map_err(|e| Error::Corrupt(format!("a row of a page can't be read: {e}")))
}

pub(super) async fn commands<'e>(
    db: impl SqliteExecutor<'e>,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, KnownCommand>, Error> {
    let rows = sqlx::query(include_str!("../../../sql/sqlite/read_commands.sql"))
        .bind(to_json(ids))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    rows.iter()
        .map(|row| known_command(row).map(|known| (known.command_id, known)))
        .collect()
}

fn known_command(row: &SqliteRow) -> Result<KnownCommand, Error> {
    Ok(KnownCommand {
        command_id: uuid(text(row, 0)?)?,
        fingerprint: Fingerprint(row.try_get(1).map_err(|e| unavailable(&e))?),
        first: Position(number(row, 2)?),
        last: Position(number(row, 3)?),
    })
}

pub(super) async fn list_commands<'e>(
    db: impl SqliteExecutor<'e>,
    after: Option<Uuid>,
    limit: usize,
) -> Result<Vec<KnownCommand>, Error> {
    let row = sqlx::query(include_str!("../../../sql/sqlite/list_commands.sql"))
        .bind(after.map(|id| id.to_string()).unwrap_or_default())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_one(db)
        .await
        .map_err(|e| unavailable(&e))?;
    let rows: Vec<(Cow<'_, str>, Cow<'_, str>, u64, u64)> = page(&row)?;
    rows.into_iter()
        .map(|(id, fingerprint, first, last)| {
            Ok(KnownCommand {
                command_id: uuid(&id)?,
                fingerprint: Fingerprint(from_hex(&fingerprint)?),
                first: Position(first),
                last: Position(last),
            })
        })
        .collect()
}

fn from_hex(digits: &str) -> Result<Vec<u8>, Error> {
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    };
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            byte(pair).ok_or_else(|| Error::Corrupt(format!("{digits:?} is not hexadecimal")))
        })
        .collect()
}

pub(super) async fn pruned<'e>(db: impl SqliteExecutor<'e>) -> Result<Position, Error> {
    let row = sqlx::query(include_str!("../../../sql/sqlite/read_pruned.sql"))
        .fetch_one(db)
        .await
        .map_err(|e| unavailable(&e))?;
    Ok(Position(number(&row, 0)?))
}

/// Events by id: their command and position.
pub(super) async fn event_ids<'e>(
    db: impl SqliteExecutor<'e>,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, (Uuid, Position)>, Error> {
    let rows = sqlx::query(include_str!("../../../sql/sqlite/read_event_ids.sql"))
        .bind(to_json(ids))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    rows.iter()
        .map(|row| {
            let command = uuid(text(row, 1)?)?;
            Ok((uuid(text(row, 0)?)?, (command, Position(number(row, 2)?))))
        })
        .collect()
}

pub(super) async fn claims<'e>(
    db: impl SqliteExecutor<'e>,
    pairs: &[(&str, &str)],
) -> Result<Holders, Error> {
    let rows = sqlx::query(include_str!("../../../sql/sqlite/read_claims.sql"))
        .bind(to_json(pairs))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    rows.iter()
        .map(|row| {
            let pair = (text(row, 0)?.to_owned(), text(row, 1)?.to_owned());
            Ok((pair, stream_id(text(row, 2)?, text(row, 3)?)))
        })
        .collect()
}

pub(super) async fn list_claims<'e>(
    db: impl SqliteExecutor<'e>,
    after: Option<(&str, &str)>,
    limit: usize,
) -> Result<Vec<Claim>, Error> {
    let (namespace, key) = after.unwrap_or_default();
    let row = sqlx::query(include_str!("../../../sql/sqlite/list_claims.sql"))
        .bind(namespace)
        .bind(key)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_one(db)
        .await
        .map_err(|e| unavailable(&e))?;
    let rows: Vec<(String, String, Cow<'_, str>, Cow<'_, str>)> = page(&row)?;
    let claims = rows.into_iter().map(|(namespace, key, kind, id)| Claim {
        namespace,
        key,
        stream: stream_id(&kind, &id),
    });
    Ok(claims.collect())
}

pub(super) async fn due<'e>(
    db: impl SqliteExecutor<'e>,
    aggregate_type: &str,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<Due>, Error> {
    let rows = sqlx::query(include_str!("../../../sql/sqlite/read_due.sql"))
        .bind(aggregate_type)
        .bind(time_text(now))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    rows.iter()
        .map(|row| {
            Ok(Due {
                stream: stream_id(aggregate_type, text(row, 0)?),
                wake_at: time(text(row, 1)?)?,
            })
        })
        .collect()
}

pub(super) async fn next_due<'e>(
    db: impl SqliteExecutor<'e>,
    aggregate_type: &str,
) -> Result<Option<DateTime<Utc>>, Error> {
    let row = sqlx::query(include_str!("../../../sql/sqlite/read_next_due.sql"))
        .bind(aggregate_type)
        .fetch_one(db)
        .await
        .map_err(|e| unavailable(&e))?;
    optional_text(&row, 0)?.map(time).transpose()
}

pub(super) async fn snapshot<'e>(
    db: impl SqliteExecutor<'e>,
    stream: &StreamId,
    schema: u32,
) -> Result<Option<Snapshot>, Error> {
    let row = sqlx::query(include_str!("../../../sql/sqlite/read_snapshot.sql"))
        .bind(&*stream.aggregate_type)
        .bind(&*stream.aggregate_id)
        .bind(schema)
        .fetch_optional(db)
        .await
        .map_err(|e| unavailable(&e))?;
    row.map(|row| {
        Ok(Snapshot {
            stream: stream.clone(),
            schema,
            version: number(&row, 0)?,
            payload: text(&row, 1)?.to_owned(),
        })
    })
    .transpose()
}

/// A row of `events`, its columns in the order of `read_all.sql` and `read_stream.sql`.
fn recorded_event(row: &SqliteRow) -> Result<RecordedEvent, Error> {
    let shard = u16::try_from(number(row, 1)?)
        .map_err(|_| Error::Corrupt("a shard beyond 65535".to_owned()))?;
    Ok(RecordedEvent {
        position: Position(number(row, 0)?),
        shard,
        epoch: number(row, 2)?,
        stream: StreamId {
            aggregate_type: Arc::from(text(row, 3)?),
            aggregate_id: Arc::from(text(row, 4)?),
        },
        sequence: number(row, 5)?,
        event_id: uuid(text(row, 6)?)?,
        command_id: uuid(text(row, 7)?)?,
        routing_key: text(row, 8)?.to_owned(),
        event_type: text(row, 9)?.to_owned(),
        event_version: text(row, 10)?.to_owned(),
        payload: text(row, 11)?.to_owned(),
        metadata: text(row, 12)?.to_owned(),
        recorded_at: time(text(row, 13)?)?,
    })
}

/// SQLite's integers are signed; positions and sequences never come near the end of either.
pub(super) fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn number(row: &SqliteRow, column: usize) -> Result<u64, Error> {
    let number: i64 = row.try_get(column).map_err(|e| unavailable(&e))?;
    u64::try_from(number).map_err(|_| Error::Corrupt(format!("{number} where a count is stored")))
}

pub(super) fn text(row: &SqliteRow, column: usize) -> Result<&str, Error> {
    row.try_get(column).map_err(|e| unavailable(&e))
}

fn optional_text(row: &SqliteRow, column: usize) -> Result<Option<&str>, Error> {
    row.try_get(column).map_err(|e| unavailable(&e))
}

pub(super) fn uuid(text: &str) -> Result<Uuid, Error> {
    Uuid::try_parse(text).map_err(|_| Error::Corrupt(format!("{text:?} where an id is stored")))
}

pub(super) fn time(text: &str) -> Result<DateTime<Utc>, Error> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| Error::Corrupt(format!("{text:?} where a time is stored")))
}
