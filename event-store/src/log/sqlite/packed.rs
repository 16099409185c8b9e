//! Pages of events, each row as one text: whoever goes through the log reads millions of them.
//!
//! The columns stand in it in their order, a unit separator between them. JSON has none of those in it, and ids have none unless somebody made
//! them so: where a row does not come apart into its columns, the page is read once more, column by column.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{SqlitePool, sqlite::SqliteRow};

use super::read::{self, text, time, to_i64, uuid};
use crate::log::{Error, Position, RecordedEvent, StreamId, sqlite::unavailable};

/// What stands between two columns.
const SEPARATOR: char = '\u{1f}';
/// Columns of a row.
const COLUMNS: usize = 14;

pub(super) async fn all(
    db: &SqlitePool,
    after: Position,
    limit: usize,
) -> Result<Vec<RecordedEvent>, Error> {
    let rows = sqlx::query(include_str!("../../../sql/sqlite/read_all_packed.sql"))
        .bind(to_i64(after.0))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    match unpacked(&rows)? {
        Some(events) => Ok(events),
        None => read::all(db, after, limit).await,
    }
}

pub(super) async fn stream(
    db: &SqlitePool,
    stream: &StreamId,
    after: u64,
    limit: usize,
) -> Result<Vec<RecordedEvent>, Error> {
    let rows = sqlx::query(include_str!("../../../sql/sqlite/read_stream_packed.sql"))
        .bind(&*stream.aggregate_type)
        .bind(&*stream.aggregate_id)
        .bind(to_i64(after))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await
        .map_err(|e| unavailable(&e))?;
    match unpacked(&rows)? {
        Some(events) => Ok(events),
        None => read::stream(db, stream, after, limit).await,
    }
}

/// The events of some rows; `None` where one of them does not come apart.
fn unpacked(rows: &[SqliteRow]) -> Result<Option<Vec<RecordedEvent>>, Error> {
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(columns) = columns(text(row, 0)?) else {
            return Ok(None);
        };
        events.push(event(&columns)?);
    }
    Ok(Some(events))
}

fn columns(row: &str) -> Option<[&str; COLUMNS]> {
    let mut columns = [""; COLUMNS];
    let mut parts = row.split(SEPARATOR);
    for column in &mut columns {
        *column = parts.next()?;
    }
    parts.next().is_none().then_some(columns)
}

fn event(columns: &[&str; COLUMNS]) -> Result<RecordedEvent, Error> {
    let [
        position,
        shard,
        epoch,
        aggregate_type,
        aggregate_id,
        sequence,
        event_id,
        command_id,
        routing_key,
        event_type,
        event_version,
        payload,
        metadata,
        recorded_at,
    ] = *columns;
    let shard = u16::try_from(number(shard)?)
        .map_err(|_| Error::Corrupt("a shard beyond 65535".to_owned()))?;
    Ok(RecordedEvent {
        position: Position(number(position)?),
        shard,
        epoch: number(epoch)?,
        stream: StreamId {
            aggregate_type: Arc::from(aggregate_type),
            aggregate_id: Arc::from(aggregate_id),
        },
        sequence: number(sequence)?,
        event_id: uuid(event_id)?,
        command_id: uuid(command_id)?,
        routing_key: routing_key.to_owned(),
        event_type: event_type.to_owned(),
        event_version: event_version.to_owned(),
        payload: payload.to_owned(),
        metadata: metadata.to_owned(),
        recorded_at: match usual_time(recorded_at) {
            Some(time) => time,
            None => time(recorded_at)?,
        },
    })
}

fn number(text: &str) -> Result<u64, Error> {
    text.parse()
        .map_err(|_| Error::Corrupt(format!("{text} where a count is stored")))
}

/// A time in the form in which this program stores it, `2024-10-04T09:30:00.000000Z`: read without looking for any other.
fn usual_time(text: &str) -> Option<DateTime<Utc>> {
    let bytes: &[u8; 27] = text.as_bytes().try_into().ok()?;
    let marks = [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'.'),
        (26, b'Z'),
    ];
    if marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
        return None;
    }
    let digits = |from: usize, to: usize| {
        bytes[from..to].iter().try_fold(0_u32, |number, digit| {
            let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
            Some(number * 10 + u32::from(digit))
        })
    };
    let year = i32::try_from(digits(0, 4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, digits(5, 7)?, digits(8, 10)?)?;
    let time = date.and_hms_micro_opt(
        digits(11, 13)?,
        digits(14, 16)?,
        digits(17, 19)?,
        digits(20, 26)?,
    )?;
    Some(time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_apart_into_its_columns_or_not_at_all() {
        let row = ["x"; COLUMNS].join("\u{1f}");
        assert_eq!(columns(&row), Some(["x"; COLUMNS]));
        assert_eq!(columns(&format!("{row}\u{1f}")), None);
        assert_eq!(columns("x\u{1f}y"), None);
    }

    #[test]
    fn times_are_read_as_any_reader_reads_them() {
        for text in [
            "2024-10-04T09:30:00.000001Z",
            "1969-12-31T23:59:59.999999Z",
            "2024-02-29T00:00:00.000000Z",
        ] {
            assert_eq!(usual_time(text), Some(time(text).unwrap()), "{text}");
        }
        for text in [
            "2023-02-29T00:00:00.000000Z",
            "2024-10-04T09:30:60.000000Z",
            "2024-10-04T09:30:00.00000Z",
            "2024-10-04T09:30:00.000000+00:00",
            "2024-10-04 09:30:00.000000Z",
            "2024-10-0xT09:30:00.000000Z",
            "",
        ] {
            assert_eq!(usual_time(text), None, "{text}");
        }
    }
}
