//! Reading: one statement a read, so that rows and checkpoint are of one snapshot.

use domain::{
    ids::{ConcertId, CustomerId, PaymentId, ReservationId, ShowId},
    time::Timestamp,
};
use serde::de::DeserializeOwned;
use sqlx::{Sqlite, SqliteExecutor, SqlitePool, query::QueryAs, sqlite::SqliteArguments};
use uuid::Uuid;

use super::{failed, restored, statements};
use crate::{
    At, Checkpoint, Error, Items, Page, ProjectionId, SeatMap, ShowFilter,
    rows::position_key,
    tables::{
        Account, Concert, Counts, Payment, Reservation, Saga, SagaState, Show, ShowWithCounts,
        Transaction,
    },
};

/// Behind every key, which all are hexadecimal digits and hyphens: where a list from the newest begins.
const BEHIND_ALL: &str = "~";

pub(super) fn parse<T: DeserializeOwned>(document: &str) -> Result<T, Error> {
    serde_json::from_str(document).map_err(|e| Error::Corrupt(e.to_string()))
}

pub(super) async fn checkpoints(
    executor: impl SqliteExecutor<'_>,
) -> Result<Vec<Checkpoint>, Error> {
    let rows: Vec<(String, u32, u32, i64, i64, i64)> =
        sqlx::query_as(statements::SELECT_CHECKPOINTS)
            .fetch_all(executor)
            .await
            .map_err(failed)?;
    rows.into_iter()
        .map(
            |(projection, version, partition, epoch, position, offset)| {
                Ok(Checkpoint {
                    projection,
                    version,
                    partition,
                    epoch: restored(epoch)?,
                    position: restored(position)?,
                    offset,
                })
            },
        )
        .collect()
}

/// A row under its key.
async fn one<T: DeserializeOwned>(
    pool: &SqlitePool,
    statement: &'static str,
    projection: ProjectionId,
    key: Uuid,
) -> Result<At<Option<T>>, Error> {
    let (position, document): (i64, Option<String>) = sqlx::query_as(statement)
        .bind(projection.name())
        .bind(projection.version())
        .bind(key.to_string())
        .fetch_one(pool)
        .await
        .map_err(failed)?;
    Ok(At {
        position: restored(position)?,
        value: document.map(|d| parse(&d)).transpose()?,
    })
}

pub(super) async fn concert(
    pool: &SqlitePool,
    id: ConcertId,
) -> Result<At<Option<Concert>>, Error> {
    one(
        pool,
        statements::SELECT_CONCERT,
        ProjectionId::Catalogue,
        id.0,
    )
    .await
}

pub(super) async fn reservation(
    pool: &SqlitePool,
    id: ReservationId,
) -> Result<At<Option<Reservation>>, Error> {
    let projection = ProjectionId::Reservations;
    one(pool, statements::SELECT_RESERVATION, projection, id.0).await
}

pub(super) async fn payment(
    pool: &SqlitePool,
    id: PaymentId,
) -> Result<At<Option<Payment>>, Error> {
    one(
        pool,
        statements::SELECT_PAYMENT,
        ProjectionId::Payments,
        id.0,
    )
    .await
}

pub(super) async fn account(
    pool: &SqlitePool,
    id: CustomerId,
) -> Result<At<Option<Account>>, Error> {
    one(pool, statements::SELECT_ACCOUNT, ProjectionId::Points, id.0).await
}

pub(super) async fn seat_map(
    pool: &SqlitePool,
    show: ShowId,
) -> Result<At<Option<SeatMap>>, Error> {
    let projection = ProjectionId::SeatMaps;
    let row: (i64, Option<String>, Option<String>) = sqlx::query_as(statements::SELECT_SEAT_MAP)
        .bind(projection.name())
        .bind(projection.version())
        .bind(show.to_string())
        .fetch_one(pool)
        .await
        .map_err(failed)?;
    let (position, plan, statuses) = row;
    let both = plan.as_deref().zip(statuses.as_deref());
    Ok(At {
        position: restored(position)?,
        value: both
            .map(|(plan, statuses)| SeatMap::from_json(plan, statuses))
            .transpose()?,
    })
}

type ListRow = (i64, Option<String>, Option<String>);
type ListQuery<'q> = QueryAs<'q, Sqlite, ListRow, SqliteArguments<'q>>;

/// A list's query with the projection bound; the caller binds its filter.
fn list(statement: &'static str, projection: ProjectionId) -> ListQuery<'static> {
    sqlx::query_as(statement)
        .bind(projection.name())
        .bind(projection.version())
}

/// Binds the page, runs the query. One row more than wanted tells whether there is a next page.
async fn fetch<T: DeserializeOwned>(
    pool: &SqlitePool,
    query: ListQuery<'_>,
    after: String,
    limit: u32,
) -> Result<At<Items<T>>, Error> {
    let rows = query
        .bind(after)
        .bind(limit + 1)
        .fetch_all(pool)
        .await
        .map_err(failed)?;
    let position = rows.first().map(|row| row.0).unwrap_or_default();
    let mut keyed = Vec::with_capacity(rows.len());
    for (_, key, document) in rows {
        if let (Some(key), Some(document)) = (key, document) {
            keyed.push((key, parse(&document)?));
        }
    }
    Ok(At {
        position: restored(position)?,
        value: cut(keyed, limit),
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

/// The key behind which a page of a list by id begins.
fn after_id(page: &Page, start: &str) -> Result<String, Error> {
    match page.after() {
        None => Ok(start.to_owned()),
        Some(cursor) => match Uuid::parse_str(cursor) {
            Ok(id) => Ok(id.to_string()),
            Err(_) => Err(Error::BadCursor(cursor.to_owned())),
        },
    }
}

pub(super) async fn concerts(pool: &SqlitePool, page: &Page) -> Result<At<Items<Concert>>, Error> {
    let query = list(statements::SELECT_CONCERTS, ProjectionId::Catalogue);
    fetch(pool, query, after_id(page, BEHIND_ALL)?, page.limit()).await
}

pub(super) async fn reservations_of(
    pool: &SqlitePool,
    customer: CustomerId,
    page: &Page,
) -> Result<At<Items<Reservation>>, Error> {
    let statement = statements::SELECT_RESERVATIONS_OF_CUSTOMER;
    let query = list(statement, ProjectionId::Reservations).bind(customer.to_string());
    fetch(pool, query, after_id(page, BEHIND_ALL)?, page.limit()).await
}

pub(super) async fn payments_of(
    pool: &SqlitePool,
    customer: CustomerId,
    page: &Page,
) -> Result<At<Items<Payment>>, Error> {
    let statement = statements::SELECT_PAYMENTS_OF_CUSTOMER;
    let query = list(statement, ProjectionId::Payments).bind(customer.to_string());
    fetch(pool, query, after_id(page, BEHIND_ALL)?, page.limit()).await
}

pub(super) async fn transactions_of(
    pool: &SqlitePool,
    customer: CustomerId,
    page: &Page,
) -> Result<At<Items<Transaction>>, Error> {
    let after = match page.after() {
        None => BEHIND_ALL.to_owned(),
        Some(cursor) => match cursor.parse() {
            Ok(position) => position_key(position),
            Err(_) => return Err(Error::BadCursor(cursor.to_owned())),
        },
    };
    let statement = statements::SELECT_TRANSACTIONS_OF_CUSTOMER;
    let query = list(statement, ProjectionId::Points).bind(customer.to_string());
    fetch(pool, query, after, page.limit()).await
}

pub(super) async fn sagas(
    pool: &SqlitePool,
    state: Option<SagaState>,
    page: &Page,
) -> Result<At<Items<Saga>>, Error> {
    let after = after_id(page, "")?;
    let query = match state {
        None => list(statements::SELECT_SAGAS, ProjectionId::Sagas),
        Some(state) => {
            list(statements::SELECT_SAGAS_IN_STATE, ProjectionId::Sagas).bind(state.as_str())
        }
    };
    fetch(pool, query, after, page.limit()).await
}

type ShowRow = (i64, Option<String>, Option<String>);
type ShowQuery<'q> = QueryAs<'q, Sqlite, ShowRow, SqliteArguments<'q>>;

/// A query over shows and their counts, with both projections bound.
fn show_query(statement: &'static str) -> ShowQuery<'static> {
    sqlx::query_as(statement)
        .bind(ProjectionId::Catalogue.name())
        .bind(ProjectionId::Catalogue.version())
        .bind(ProjectionId::SeatMaps.name())
        .bind(ProjectionId::SeatMaps.version())
}

/// A show whose seat map is not projected yet counts no places; the position says how far the answer goes.
fn with_counts(show: &str, counts: Option<&str>) -> Result<ShowWithCounts, Error> {
    let show: Show = parse(show)?;
    let counts: Counts = counts.map(parse).transpose()?.unwrap_or_default();
    Ok(ShowWithCounts { show, counts })
}

pub(super) async fn show(
    pool: &SqlitePool,
    id: ShowId,
) -> Result<At<Option<ShowWithCounts>>, Error> {
    let (position, show, counts) = show_query(statements::SELECT_SHOW)
        .bind(id.to_string())
        .fetch_one(pool)
        .await
        .map_err(failed)?;
    Ok(At {
        position: restored(position)?,
        value: show
            .map(|show| with_counts(&show, counts.as_deref()))
            .transpose()?,
    })
}

pub(super) async fn shows(
    pool: &SqlitePool,
    filter: &ShowFilter,
    page: &Page,
) -> Result<At<Items<ShowWithCounts>>, Error> {
    let micros = |at: Timestamp| at.timestamp_micros();
    let (starts_at, show_id) = after_show(page)?;
    let query = match filter.concert_id {
        None => show_query(statements::SELECT_SHOWS),
        Some(_) => show_query(statements::SELECT_SHOWS_OF_CONCERT),
    };
    let query = query
        .bind(filter.from.map_or(i64::MIN, micros))
        .bind(filter.to.map_or(i64::MAX, micros))
        .bind(starts_at)
        .bind(show_id)
        .bind(page.limit() + 1);
    let query = match filter.concert_id {
        None => query,
        Some(concert) => query.bind(concert.to_string()),
    };
    let rows = query.fetch_all(pool).await.map_err(failed)?;
    let position = rows.first().map(|row| row.0).unwrap_or_default();
    let mut keyed = Vec::with_capacity(rows.len());
    for (_, show, counts) in rows {
        if let Some(show) = show {
            let row = with_counts(&show, counts.as_deref())?;
            let key = format!("{}.{}", micros(row.show.starts_at), row.show.show_id);
            keyed.push((key, row));
        }
    }
    Ok(At {
        position: restored(position)?,
        value: cut(keyed, page.limit()),
    })
}

/// Start and id of the show behind which the page begins.
fn after_show(page: &Page) -> Result<(i64, String), Error> {
    let Some(cursor) = page.after() else {
        return Ok((i64::MIN, String::new()));
    };
    let bad = || Error::BadCursor(cursor.to_owned());
    let (starts_at, show) = cursor.split_once('.').ok_or_else(bad)?;
    let show = Uuid::parse_str(show).map_err(|_| bad())?;
    Ok((starts_at.parse().map_err(|_| bad())?, show.to_string()))
}
