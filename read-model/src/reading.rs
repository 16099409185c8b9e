//! What every adapter does with the rows of an answer.

use domain::time::Timestamp;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{
    At, Checkpoint, Error, Items, Page, ProjectionId, SagaCounts, SeatMap, SeatMapToFollow,
    tables::{Counts, SagaState, Show, ShowWithCounts},
};

pub(crate) fn parse<T: DeserializeOwned>(document: &str) -> Result<T, Error> {
    serde_json::from_str(document).map_err(|e| Error::Corrupt(e.to_string()))
}

/// A position, epoch or the like as it was kept.
pub(crate) fn restored(number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::Corrupt(format!("a position of {number}")))
}

/// An instant as it was kept, in microseconds.
pub(crate) fn instant(micros: i64) -> Result<Timestamp, Error> {
    Timestamp::from_timestamp_micros(micros)
        .ok_or_else(|| Error::Corrupt(format!("a time of {micros}")))
}

/// Where an answer stands: at the projection's position, yet before the first parked event that may concern it.
pub(crate) fn standing(position: i64, parked: Option<i64>) -> Result<u64, Error> {
    let position = restored(position)?;
    let parked = parked.map(restored).transpose()?;
    Ok(parked.map_or(position, |parked| position.min(parked.saturating_sub(1))))
}

/// One row as it was read: position, first parked event, document.
pub(crate) type Row = (i64, Option<i64>, Option<String>);

/// A row, or none; a store without versions stands at 0.
pub(crate) fn one<T: DeserializeOwned>(row: Option<Row>) -> Result<At<Option<T>>, Error> {
    let (position, parked, document) = row.unwrap_or_default();
    Ok(At {
        position: standing(position, parked)?,
        value: document.map(|d| parse(&d)).transpose()?,
    })
}

/// One row of a list as it was read: position, first parked event, key, document.
pub(crate) type ListRow = (i64, Option<i64>, Option<String>, Option<String>);

/// A page of a list from its rows, of which there is one more than wanted where there is a next page.
pub(crate) fn list<T: DeserializeOwned>(
    rows: Vec<ListRow>,
    limit: u32,
) -> Result<At<Items<T>>, Error> {
    let (position, parked) = rows.first().map_or((0, None), |row| (row.0, row.1));
    let mut keyed = Vec::with_capacity(rows.len());
    for (_, _, key, document) in rows {
        if let (Some(key), Some(document)) = (key, document) {
            keyed.push((key, parse(&document)?));
        }
    }
    Ok(At {
        position: standing(position, parked)?,
        value: cut(keyed, limit),
    })
}

/// All rows of a list as they are, whatever comes behind them.
pub(crate) fn all<T: DeserializeOwned>(rows: Vec<Row>) -> Result<At<Vec<T>>, Error> {
    let (position, parked) = rows.first().map_or((0, None), |row| (row.0, row.1));
    let documents = rows.into_iter().filter_map(|(_, _, document)| document);
    Ok(At {
        position: standing(position, parked)?,
        value: documents
            .map(|document| parse(&document))
            .collect::<Result<_, _>>()?,
    })
}

/// The first `limit` rows, and the key of the last of them where there are more.
fn cut<T>(mut keyed: Vec<(String, T)>, limit: u32) -> Items<T> {
    let limit = limit as usize;
    let more = keyed.len() > limit;
    keyed.truncate(limit);
    let last = keyed.last().map(|(key, _)| key.clone());
    Items {
        next_cursor: last.filter(|_| more),
        items: keyed.into_iter().map(|(_, row)| row).collect(),
    }
}

/// Sagas as they were counted: position, first parked event, state, how many are in it, how many of those are stuck.
pub(crate) type CountRow = (i64, Option<i64>, Option<String>, Option<i64>, Option<i64>);

/// How many sagas there are in each state.
pub(crate) fn saga_counts(rows: Vec<CountRow>) -> Result<At<SagaCounts>, Error> {
    let (position, parked) = rows.first().map_or((0, None), |row| (row.0, row.1));
    let mut counts = SagaCounts::default();
    for (_, _, state, sagas, stuck) in rows {
        let sagas = restored(sagas.unwrap_or_default())?;
        if let Some(state) = state.filter(|_| sagas > 0) {
            let known = SagaState::ALL.into_iter().find(|s| s.as_str() == state);
            let known = known.ok_or_else(|| Error::Corrupt(format!("a saga that is {state}")))?;
            counts.by_state.insert(known, sagas);
            counts.stuck += restored(stuck.unwrap_or_default())?;
        }
    }
    Ok(At {
        position: standing(position, parked)?,
        value: counts,
    })
}

/// A show as it was read: position, first parked event, show, counts.
pub(crate) type ShowRow = (i64, Option<i64>, Option<String>, Option<String>);

/// A show whose seat map is not projected yet counts no places; the position says how far the answer goes.
fn with_counts(show: &str, counts: Option<&str>) -> Result<ShowWithCounts, Error> {
    let show: Show = parse(show)?;
    let counts: Counts = counts.map(parse).transpose()?.unwrap_or_default();
    Ok(ShowWithCounts { show, counts })
}

/// A show, or none.
pub(crate) fn show(row: Option<ShowRow>) -> Result<At<Option<ShowWithCounts>>, Error> {
    let (position, parked, show, counts) = row.unwrap_or_default();
    Ok(At {
        position: standing(position, parked)?,
        value: show
            .map(|show| with_counts(&show, counts.as_deref()))
            .transpose()?,
    })
}

/// A page of shows.
pub(crate) fn shows(rows: Vec<ShowRow>, limit: u32) -> Result<At<Items<ShowWithCounts>>, Error> {
    let (position, parked) = rows.first().map_or((0, None), |row| (row.0, row.1));
    let mut keyed = Vec::with_capacity(rows.len());
    for (_, _, show, counts) in rows {
        if let Some(show) = show {
            let row = with_counts(&show, counts.as_deref())?;
            let key = format!("{}.{}", micros(row.show.starts_at), row.show.show_id);
            keyed.push((key, row));
        }
    }
    Ok(At {
        position: standing(position, parked)?,
        value: cut(keyed, limit),
    })
}

/// A time as it is stored.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.timestamp_micros()
}

/// The id behind which a page of a list by id begins; `start` where it is the first page.
pub(crate) fn after_id(page: &Page, start: Uuid) -> Result<Uuid, Error> {
    match page.after() {
        None => Ok(start),
        Some(cursor) => Uuid::parse_str(cursor).map_err(|_| Error::BadCursor(cursor.to_owned())),
    }
}

/// The position behind which a page of a list by position begins, from the newest.
pub(crate) fn after_position(page: &Page) -> Result<u64, Error> {
    match page.after() {
        None => Ok(u64::MAX),
        Some(cursor) => cursor
            .parse()
            .map_err(|_| Error::BadCursor(cursor.to_owned())),
    }
}

/// Start and id of the show behind which the page begins.
pub(crate) fn after_show(page: &Page) -> Result<(i64, Uuid), Error> {
    let Some(cursor) = page.after() else {
        return Ok((i64::MIN, Uuid::nil()));
    };
    let bad = || Error::BadCursor(cursor.to_owned());
    let (starts_at, show) = cursor.split_once('.').ok_or_else(bad)?;
    let show = Uuid::parse_str(show).map_err(|_| bad())?;
    Ok((starts_at.parse().map_err(|_| bad())?, show))
}

/// A seat map to follow as it was read: first parked event, plan, statuses, checkpoints.
pub(crate) type ToFollowRow = (Option<i64>, Option<String>, Option<String>, String);

/// The seat map that a row describes. Checkpoints are a JSON array of `[version, partition, epoch, position, offset]`.
pub(crate) fn seat_map_to_follow(row: Option<ToFollowRow>) -> Result<SeatMapToFollow, Error> {
    let Some((parked, plan, statuses, checkpoints)) = row else {
        return Ok(SeatMapToFollow::default());
    };
    let both = plan.as_deref().zip(statuses.as_deref());
    let checkpoints: Vec<(u32, u32, u64, u64, i64)> = parse(&checkpoints)?;
    let projection = ProjectionId::SeatMaps.name();
    let checkpoint = |(version, partition, epoch, position, offset)| Checkpoint {
        projection: projection.to_owned(),
        version,
        partition,
        epoch,
        position,
        offset,
    };
    Ok(SeatMapToFollow {
        map: both
            .map(|(plan, statuses)| SeatMap::from_json(plan, statuses))
            .transpose()?,
        checkpoints: checkpoints.into_iter().map(checkpoint).collect(),
        parked_from: parked.map(restored).transpose()?,
    })
}
