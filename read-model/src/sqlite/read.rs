//! Reading: one statement a read, so that rows, checkpoint and live version are of one snapshot.

use domain::{
    ids::{ConcertId, CustomerId, DropEntryId, DropId, PaymentId, ReservationId, ShowId},
    time::Timestamp,
};
use serde::de::DeserializeOwned;
use sqlx::{Sqlite, SqliteExecutor, SqlitePool, query::QueryAs, sqlite::SqliteArguments};
use uuid::Uuid;

use super::{failed, json, statements};
use crate::{
    At, Checkpoint, Error, Items, MAX_COUNTED, Page, SagaCounts, SagaFilter, SagaStand, SeatMap,
    SeatMapToFollow, ShowFilter, Versions,
    reading::{self, ListRow, ShowRow, micros, restored, standing},
    rows::position_key,
    tables::{
        Account, Concert, Drop, DropEntry, Payment, Reservation, Saga, SagaState, ShowWithCounts,
        Transaction,
    },
};

type CheckpointRow = (String, u32, u32, i64, i64, i64);

/// Those of `versions`, or of the live ones.
pub(super) async fn checkpoints(
    executor: impl SqliteExecutor<'_>,
    versions: Option<&Versions>,
) -> Result<Vec<Checkpoint>, Error> {
    let versions = versions.map(|v| json(&v.named())).transpose()?;
    let rows = sqlx::query_as(statements::SELECT_CHECKPOINTS).bind(versions);
    rows.fetch_all(executor)
        .await
        .map_err(failed)?
        .into_iter()
        .map(checkpoint)
        .collect()
}

/// Those of all versions.
pub(super) async fn all_checkpoints(
    executor: impl SqliteExecutor<'_>,
) -> Result<Vec<Checkpoint>, Error> {
    sqlx::query_as(statements::SELECT_ALL_CHECKPOINTS)
        .fetch_all(executor)
        .await
        .map_err(failed)?
        .into_iter()
        .map(checkpoint)
        .collect()
}

fn checkpoint(
    (projection, version, partition, epoch, position, offset): CheckpointRow,
) -> Result<Checkpoint, Error> {
    Ok(Checkpoint {
        projection,
        version,
        partition,
        epoch: restored(epoch)?,
        position: restored(position)?,
        offset,
    })
}

/// A row under its key.
async fn one<T: DeserializeOwned>(
    pool: &SqlitePool,
    statement: &'static str,
    key: Uuid,
) -> Result<At<Option<T>>, Error> {
    let row = sqlx::query_as(statement)
        .bind(key.to_string())
        .fetch_optional(pool)
        .await
        .map_err(failed)?;
    reading::one(row)
}

pub(super) async fn concert(
    pool: &SqlitePool,
    id: ConcertId,
) -> Result<At<Option<Concert>>, Error> {
    one(pool, statements::SELECT_CONCERT, id.0).await
}

pub(super) async fn reservation(
    pool: &SqlitePool,
    id: ReservationId,
) -> Result<At<Option<Reservation>>, Error> {
    one(pool, statements::SELECT_RESERVATION, id.0).await
}

pub(super) async fn payment(
    pool: &SqlitePool,
    id: PaymentId,
) -> Result<At<Option<Payment>>, Error> {
    one(pool, statements::SELECT_PAYMENT, id.0).await
}

pub(super) async fn drop(pool: &SqlitePool, id: DropId) -> Result<At<Option<Drop>>, Error> {
    one(pool, statements::SELECT_DROP, id.0).await
}

pub(super) async fn drop_entry(
    pool: &SqlitePool,
    id: DropEntryId,
) -> Result<At<Option<DropEntry>>, Error> {
    one(pool, statements::SELECT_DROP_ENTRY, id.0).await
}

pub(super) async fn drop_entries(
    pool: &SqlitePool,
    drop: DropId,
    from: u32,
    limit: u32,
) -> Result<At<Vec<DropEntry>>, Error> {
    let rows = sqlx::query_as(statements::SELECT_DROP_ENTRIES)
        .bind(drop.to_string())
        .bind(from)
        .bind(limit)
        .fetch_all(pool);
    reading::all(rows.await.map_err(failed)?)
}

pub(super) async fn account(
    pool: &SqlitePool,
    id: CustomerId,
) -> Result<At<Option<Account>>, Error> {
    one(pool, statements::SELECT_ACCOUNT, id.0).await
}

type SeatMapRow = (i64, Option<i64>, Option<String>, Option<String>);

pub(super) async fn seat_map(
    pool: &SqlitePool,
    show: ShowId,
) -> Result<At<Option<SeatMap>>, Error> {
    let row: Option<SeatMapRow> = sqlx::query_as(statements::SELECT_SEAT_MAP)
        .bind(show.to_string())
        .fetch_optional(pool)
        .await
        .map_err(failed)?;
    let (position, parked, plan, statuses) = row.unwrap_or_default();
    let both = plan.as_deref().zip(statuses.as_deref());
    Ok(At {
        position: standing(position, parked)?,
        value: both
            .map(|(plan, statuses)| SeatMap::from_json(plan, statuses))
            .transpose()?,
    })
}

pub(super) async fn seat_map_to_follow(
    pool: &SqlitePool,
    show: ShowId,
) -> Result<SeatMapToFollow, Error> {
    let row = sqlx::query_as(statements::SELECT_SEAT_MAP_TO_FOLLOW)
        .bind(show.to_string())
        .fetch_optional(pool)
        .await
        .map_err(failed)?;
    reading::seat_map_to_follow(row)
}

type ListQuery<'q> = QueryAs<'q, Sqlite, ListRow, SqliteArguments<'q>>;

/// Binds the page behind the list's filter, and runs the query. One row more than wanted tells whether there is a next page.
async fn list<T: DeserializeOwned>(
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
    reading::list(rows, limit)
}

/// The key behind which a page of a list by id begins.
fn after_id(page: &Page, start: Uuid) -> Result<String, Error> {
    reading::after_id(page, start).map(|id| id.to_string())
}

pub(super) async fn concerts(pool: &SqlitePool, page: &Page) -> Result<At<Items<Concert>>, Error> {
    let query = sqlx::query_as(statements::SELECT_CONCERTS);
    list(pool, query, after_id(page, Uuid::max())?, page.limit()).await
}

pub(super) async fn reservations_of(
    pool: &SqlitePool,
    customer: CustomerId,
    page: &Page,
) -> Result<At<Items<Reservation>>, Error> {
    let query = sqlx::query_as(statements::SELECT_RESERVATIONS_OF_CUSTOMER);
    let query = query.bind(customer.to_string());
    list(pool, query, after_id(page, Uuid::max())?, page.limit()).await
}

pub(super) async fn payments_of(
    pool: &SqlitePool,
    customer: CustomerId,
    page: &Page,
) -> Result<At<Items<Payment>>, Error> {
    let query = sqlx::query_as(statements::SELECT_PAYMENTS_OF_CUSTOMER);
    let query = query.bind(customer.to_string());
    list(pool, query, after_id(page, Uuid::max())?, page.limit()).await
}

pub(super) async fn transactions_of(
    pool: &SqlitePool,
    customer: CustomerId,
    page: &Page,
) -> Result<At<Items<Transaction>>, Error> {
    let query = sqlx::query_as(statements::SELECT_TRANSACTIONS_OF_CUSTOMER);
    let query = query.bind(customer.to_string());
    let after = position_key(reading::after_position(page)?);
    list(pool, query, after, page.limit()).await
}

pub(super) async fn sagas(
    pool: &SqlitePool,
    filter: &SagaFilter,
    page: &Page,
) -> Result<At<Items<Saga>>, Error> {
    let (state, stuck) = match filter.stand {
        SagaStand::Any => (None, None),
        SagaStand::In(state) => (Some(state.as_str()), None),
        SagaStand::StuckSince(since) => (None, Some(micros(since))),
    };
    let query = match (filter.show_id, state, stuck) {
        (Some(show), ..) => sqlx::query_as(statements::SELECT_SAGAS_OF_SHOW)
            .bind(show.to_string())
            .bind(state)
            .bind(stuck),
        (None, Some(_), _) => sqlx::query_as(statements::SELECT_SAGAS_IN_STATE).bind(state),
        (None, None, Some(_)) => sqlx::query_as(statements::SELECT_STUCK_SAGAS).bind(stuck),
        (None, None, None) => sqlx::query_as(statements::SELECT_SAGAS),
    };
    list(pool, query, after_id(page, Uuid::nil())?, page.limit()).await
}

pub(super) async fn saga_counts(
    pool: &SqlitePool,
    show: Option<ShowId>,
    stuck_since: Timestamp,
) -> Result<At<SagaCounts>, Error> {
    let query = match show {
        Some(show) => sqlx::query_as(statements::COUNT_SAGAS_OF_SHOW)
            .bind(show.to_string())
            .bind(micros(stuck_since)),
        None => sqlx::query_as(statements::COUNT_SAGAS)
            .bind(micros(stuck_since))
            .bind(MAX_COUNTED)
            .bind(json(&SagaState::ALL)?),
    };
    reading::saga_counts(query.fetch_all(pool).await.map_err(failed)?)
}

pub(super) async fn show(
    pool: &SqlitePool,
    id: ShowId,
) -> Result<At<Option<ShowWithCounts>>, Error> {
    let row = sqlx::query_as(statements::SELECT_SHOW)
        .bind(id.to_string())
        .fetch_optional(pool)
        .await
        .map_err(failed)?;
    reading::show(row)
}

pub(super) async fn shows(
    pool: &SqlitePool,
    filter: &ShowFilter,
    page: &Page,
) -> Result<At<Items<ShowWithCounts>>, Error> {
    let (starts_at, show_id) = reading::after_show(page)?;
    let query = match filter.concert_id {
        None => sqlx::query_as::<_, ShowRow>(statements::SELECT_SHOWS),
        Some(_) => sqlx::query_as(statements::SELECT_SHOWS_OF_CONCERT),
    };
    let query = query
        .bind(filter.from.map_or(i64::MIN, micros))
        .bind(filter.to.map_or(i64::MAX, micros))
        .bind(starts_at)
        .bind(show_id.to_string())
        .bind(page.limit() + 1);
    let query = match filter.concert_id {
        None => query,
        Some(concert) => query.bind(concert.to_string()),
    };
    reading::shows(query.fetch_all(pool).await.map_err(failed)?, page.limit())
}
