//! Reading: one statement a read, so that rows, checkpoint and live version are of one snapshot.

use domain::{
    ids::{ConcertId, CustomerId, DropEntryId, DropId, PaymentId, ReservationId, ShowId},
    time::Timestamp,
};
use serde::de::DeserializeOwned;
use sqlx::{PgExecutor, PgPool, Postgres, postgres::PgArguments, query::QueryAs};
use uuid::Uuid;

use super::{counted, failed, short, signed, statements};
use crate::{
    At, Checkpoint, Error, Items, MAX_COUNTED, Page, SagaCounts, SagaFilter, SagaStand, SeatMap,
    SeatMapToFollow, ShowFilter, Versions,
    reading::{self, ListRow, ShowRow, micros, restored, standing},
    tables::{
        Account, Concert, Drop, DropEntry, Payment, Reservation, Saga, SagaState, ShowWithCounts,
        Transaction,
    },
};

type CheckpointRow = (String, i32, i32, i64, i64, i64);

/// Those of `versions`, or of the live ones.
pub(super) async fn checkpoints(
    executor: impl PgExecutor<'_>,
    versions: Option<&Versions>,
) -> Result<Vec<Checkpoint>, Error> {
    let query = match versions {
        None => sqlx::query_as(statements::SELECT_LIVE_CHECKPOINTS),
        Some(versions) => {
            let (names, numbers): (Vec<_>, Vec<_>) = versions.named().into_iter().unzip();
            let numbers: Vec<_> = numbers.into_iter().map(short).collect();
            sqlx::query_as(statements::SELECT_CHECKPOINTS)
                .bind(names)
                .bind(numbers)
        }
    };
    let rows: Vec<CheckpointRow> = query.fetch_all(executor).await.map_err(failed)?;
    rows.into_iter()
        .map(
            |(projection, version, partition, epoch, position, offset)| {
                Ok(Checkpoint {
                    projection,
                    version: counted(version)?,
                    partition: counted(partition)?,
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
    pool: &PgPool,
    statement: &'static str,
    key: Uuid,
) -> Result<At<Option<T>>, Error> {
    let row = sqlx::query_as(statement).bind(key).fetch_optional(pool);
    reading::one(row.await.map_err(failed)?)
}

pub(super) async fn concert(pool: &PgPool, id: ConcertId) -> Result<At<Option<Concert>>, Error> {
    one(pool, statements::SELECT_CONCERT, id.0).await
}

pub(super) async fn reservation(
    pool: &PgPool,
    id: ReservationId,
) -> Result<At<Option<Reservation>>, Error> {
    one(pool, statements::SELECT_RESERVATION, id.0).await
}

pub(super) async fn payment(pool: &PgPool, id: PaymentId) -> Result<At<Option<Payment>>, Error> {
    one(pool, statements::SELECT_PAYMENT, id.0).await
}

pub(super) async fn account(pool: &PgPool, id: CustomerId) -> Result<At<Option<Account>>, Error> {
    one(pool, statements::SELECT_ACCOUNT, id.0).await
}

pub(super) async fn drop(pool: &PgPool, id: DropId) -> Result<At<Option<Drop>>, Error> {
    one(pool, statements::SELECT_DROP, id.0).await
}

pub(super) async fn drop_entry(
    pool: &PgPool,
    id: DropEntryId,
) -> Result<At<Option<DropEntry>>, Error> {
    one(pool, statements::SELECT_DROP_ENTRY, id.0).await
}

pub(super) async fn drop_entries(
    pool: &PgPool,
    drop: DropId,
    from: u32,
    limit: u32,
) -> Result<At<Vec<DropEntry>>, Error> {
    let rows = sqlx::query_as(statements::SELECT_DROP_ENTRIES)
        .bind(drop.0)
        .bind(i64::from(from))
        .bind(i64::from(limit))
        .fetch_all(pool);
    reading::all(rows.await.map_err(failed)?)
}

type SeatMapRow = (i64, Option<i64>, Option<String>, Option<String>);

pub(super) async fn seat_map(pool: &PgPool, show: ShowId) -> Result<At<Option<SeatMap>>, Error> {
    let row: Option<SeatMapRow> = sqlx::query_as(statements::SELECT_SEAT_MAP)
        .bind(show.0)
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
    pool: &PgPool,
    show: ShowId,
) -> Result<SeatMapToFollow, Error> {
    let row = sqlx::query_as(statements::SELECT_SEAT_MAP_TO_FOLLOW)
        .bind(show.0)
        .fetch_optional(pool)
        .await
        .map_err(failed)?;
    reading::seat_map_to_follow(row)
}

type ListQuery<'q> = QueryAs<'q, Postgres, ListRow, PgArguments>;

/// Binds the page's length behind the list's filter and beginning, and runs the query. One row more than wanted tells whether there is
/// a next page.
async fn list<T: DeserializeOwned>(
    pool: &PgPool,
    query: ListQuery<'_>,
    limit: u32,
) -> Result<At<Items<T>>, Error> {
    let rows = query.bind(i64::from(limit) + 1).fetch_all(pool);
    reading::list(rows.await.map_err(failed)?, limit)
}

pub(super) async fn concerts(pool: &PgPool, page: &Page) -> Result<At<Items<Concert>>, Error> {
    let after = reading::after_id(page, Uuid::max())?;
    let query = sqlx::query_as(statements::SELECT_CONCERTS).bind(after);
    list(pool, query, page.limit()).await
}

pub(super) async fn reservations_of(
    pool: &PgPool,
    customer: CustomerId,
    page: &Page,
) -> Result<At<Items<Reservation>>, Error> {
    let after = reading::after_id(page, Uuid::max())?;
    let query = sqlx::query_as(statements::SELECT_RESERVATIONS_OF_CUSTOMER);
    list(pool, query.bind(customer.0).bind(after), page.limit()).await
}

pub(super) async fn payments_of(
    pool: &PgPool,
    customer: CustomerId,
    page: &Page,
) -> Result<At<Items<Payment>>, Error> {
    let after = reading::after_id(page, Uuid::max())?;
    let query = sqlx::query_as(statements::SELECT_PAYMENTS_OF_CUSTOMER);
    list(pool, query.bind(customer.0).bind(after), page.limit()).await
}

pub(super) async fn transactions_of(
    pool: &PgPool,
    customer: CustomerId,
    page: &Page,
) -> Result<At<Items<Transaction>>, Error> {
    let after = signed(reading::after_position(page)?);
    let query = sqlx::query_as(statements::SELECT_TRANSACTIONS_OF_CUSTOMER);
    list(pool, query.bind(customer.0).bind(after), page.limit()).await
}

pub(super) async fn sagas(
    pool: &PgPool,
    filter: &SagaFilter,
    page: &Page,
) -> Result<At<Items<Saga>>, Error> {
    let after = reading::after_id(page, Uuid::nil())?;
    let (state, stuck) = match filter.stand {
        SagaStand::Any => (None, None),
        SagaStand::In(state) => (Some(state.as_str()), None),
        SagaStand::StuckSince(since) => (None, Some(micros(since))),
    };
    let query = match (filter.show_id, state, stuck) {
        (Some(show), ..) => sqlx::query_as(statements::SELECT_SAGAS_OF_SHOW)
            .bind(show.0)
            .bind(state)
            .bind(stuck),
        (None, Some(_), _) => sqlx::query_as(statements::SELECT_SAGAS_IN_STATE).bind(state),
        (None, None, Some(_)) => sqlx::query_as(statements::SELECT_STUCK_SAGAS).bind(stuck),
        (None, None, None) => sqlx::query_as(statements::SELECT_SAGAS),
    };
    list(pool, query.bind(after), page.limit()).await
}

pub(super) async fn saga_counts(
    pool: &PgPool,
    show: Option<ShowId>,
    stuck_since: Timestamp,
) -> Result<At<SagaCounts>, Error> {
    let query = match show {
        Some(show) => sqlx::query_as(statements::COUNT_SAGAS_OF_SHOW)
            .bind(show.0)
            .bind(micros(stuck_since)),
        None => sqlx::query_as(statements::COUNT_SAGAS)
            .bind(micros(stuck_since))
            .bind(i64::from(MAX_COUNTED))
            .bind(SagaState::ALL.map(SagaState::as_str).to_vec()),
    };
    reading::saga_counts(query.fetch_all(pool).await.map_err(failed)?)
}

pub(super) async fn show(pool: &PgPool, id: ShowId) -> Result<At<Option<ShowWithCounts>>, Error> {
    let row = sqlx::query_as(statements::SELECT_SHOW)
        .bind(id.0)
        .fetch_optional(pool)
        .await
        .map_err(failed)?;
    reading::show(row)
}

pub(super) async fn shows(
    pool: &PgPool,
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
        .bind(show_id)
        .bind(i64::from(page.limit()) + 1);
    let query = match filter.concert_id {
        None => query,
        Some(concert) => query.bind(concert.0),
    };
    reading::shows(query.fetch_all(pool).await.map_err(failed)?, page.limit())
}
