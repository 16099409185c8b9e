//! Writing: one call a write, one query for all rows that a fold goes on from.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::ShowId;
use serde::de::DeserializeOwned;
use sqlx::{
    PgPool, Postgres,
    postgres::{PgArguments, PgDatabaseError},
    query::Query,
};
use uuid::Uuid;

use super::{failed, short, signed, statements};
use crate::{
    Checkpoint, Document, Error, Keys, Parked, ProjectionId, Rows, SeatMap, Table, Versions, Write,
    reading::{micros, parse},
    writing,
};

/// Codes that `write_rows` raises.
const NO_VERSION: &str = "FR001";
const CHECKPOINT_MOVED: &str = "FR002";
const NOT_PARKED: &str = "FR003";

type Call<'q> = Query<'q, Postgres, PgArguments>;

pub(super) async fn write(pool: &PgPool, write: &Write) -> Result<(), Error> {
    let tables = writing::documents(write)?;
    let (names, numbers): (Vec<_>, Vec<_>) = writing::versions(write, &tables)
        .into_iter()
        .map(|(name, number)| (name, short(number)))
        .unzip();
    let call = sqlx::query(statements::WRITE_ROWS)
        .bind(names)
        .bind(numbers);
    let call = bind_checkpoints(call, &write.advance);
    let call = Table::ALL.into_iter().fold(call, |call, table| {
        let rows = tables.iter().find(|(of, _)| *of == table);
        let rows = rows.map_or(&[][..], |(_, rows)| rows);
        let call = bind_rows(call, write.versions.get(table.projection()), rows);
        bind_column(call, table, &write.rows)
    });
    let call = bind_unpark(bind_park(call, &write.park), write);
    call.execute(pool).await.map_err(refused)?;
    Ok(())
}

/// One array of each column.
fn bind_checkpoints<'q>(call: Call<'q>, advance: &'q [(Checkpoint, Checkpoint)]) -> Call<'q> {
    let new = || advance.iter().map(|(_, new)| new);
    let old = || advance.iter().map(|(old, _)| old);
    call.bind(new().map(|c| &*c.projection).collect::<Vec<_>>())
        .bind(new().map(|c| short(c.version)).collect::<Vec<_>>())
        .bind(new().map(|c| short(c.partition)).collect::<Vec<_>>())
        .bind(old().map(|c| signed(c.epoch)).collect::<Vec<_>>())
        .bind(old().map(|c| signed(c.position)).collect::<Vec<_>>())
        .bind(new().map(|c| signed(c.epoch)).collect::<Vec<_>>())
        .bind(new().map(|c| signed(c.position)).collect::<Vec<_>>())
        .bind(new().map(|c| c.offset).collect::<Vec<_>>())
}

fn bind_rows<'q>(call: Call<'q>, version: u32, rows: &'q [Document]) -> Call<'q> {
    call.bind(short(version))
        .bind(rows.iter().map(|row| &*row.key).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| &*row.json).collect::<Vec<_>>())
}

/// What SQL filters a busy table by, row for row.
fn bind_column<'q>(call: Call<'q>, table: Table, rows: &Rows) -> Call<'q> {
    match table {
        Table::Reservations => call.bind(ids(rows.reservations.values().map(|r| r.customer_id.0))),
        Table::Payments => call.bind(ids(rows.payments.values().map(|p| p.customer_id.0))),
        Table::Transactions => call.bind(ids(rows.transactions.values().map(|t| t.customer_id.0))),
        Table::Sagas => {
            let states = rows.sagas.values().map(|saga| saga.state.as_str());
            call.bind(states.collect::<Vec<_>>())
        }
        Table::DropEntries => {
            let entries = || rows.drop_entries.values();
            let numbers = entries().map(|entry| short(entry.number));
            call.bind(ids(entries().map(|entry| entry.drop_id.0)))
                .bind(numbers.collect::<Vec<_>>())
        }
        Table::Concerts
        | Table::Shows
        | Table::SeatPlans
        | Table::SeatMaps
        | Table::Accounts
        | Table::Drops => call,
    }
}

fn bind_park<'q>(call: Call<'q>, park: &'q [Parked]) -> Call<'q> {
    let all = || park.iter();
    call.bind(all().map(|p| p.projection.name()).collect::<Vec<_>>())
        .bind(all().map(|p| short(p.version)).collect::<Vec<_>>())
        .bind(all().map(|p| &*p.key).collect::<Vec<_>>())
        .bind(all().map(|p| signed(p.position)).collect::<Vec<_>>())
        .bind(all().map(|p| short(p.partition)).collect::<Vec<_>>())
        .bind(all().map(|p| &*p.event).collect::<Vec<_>>())
        .bind(all().map(|p| readable(&p.reason)).collect::<Vec<_>>())
        .bind(all().map(|p| micros(p.parked_at)).collect::<Vec<_>>())
}

/// Text without the one character that Postgres can't keep.
fn readable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn bind_unpark<'q>(call: Call<'q>, write: &'q Write) -> Call<'q> {
    let all = || write.unpark.iter();
    let version = |projection| short(write.versions.get(projection));
    call.bind(all().map(|(of, ..)| of.name()).collect::<Vec<_>>())
        .bind(all().map(|(of, ..)| version(*of)).collect::<Vec<_>>())
        .bind(all().map(|(_, key, _)| &**key).collect::<Vec<_>>())
        .bind(all().map(|(.., at)| signed(*at)).collect::<Vec<_>>())
}

/// What `write_rows` raised, or what else went wrong.
fn refused(error: sqlx::Error) -> Error {
    let raised = error
        .as_database_error()
        .and_then(|e| e.try_downcast_ref::<PgDatabaseError>());
    let detail = raised.and_then(PgDatabaseError::detail).unwrap_or_default();
    match raised.map(PgDatabaseError::code) {
        Some(NO_VERSION) => told(detail, |(projection, version)| Error::NoVersion {
            projection,
            version,
        }),
        Some(CHECKPOINT_MOVED) => told(detail, |(projection, partition)| Error::CheckpointMoved {
            projection,
            partition,
        }),
        Some(NOT_PARKED) => told(detail, |(projection, key, position)| Error::NotParked {
            projection,
            key,
            position,
        }),
        Some(_) | None => failed(error),
    }
}

/// The error that the detail of an exception describes.
fn told<T: DeserializeOwned>(detail: &str, error: impl FnOnce(T) -> Error) -> Error {
    parse(detail).map_or_else(|unread| unread, error)
}

pub(super) async fn load(pool: &PgPool, versions: &Versions, keys: &Keys) -> Result<Rows, Error> {
    let mut rows = Rows {
        seat_maps: load_seat_maps(pool, versions, keys).await?,
        ..Rows::default()
    };
    let others = Keys {
        seat_maps: BTreeSet::new(),
        ..keys.clone()
    };
    if others == Keys::default() {
        return Ok(rows);
    }
    let tables = [
        Table::Concerts,
        Table::Shows,
        Table::Reservations,
        Table::Payments,
        Table::Accounts,
        Table::Transactions,
        Table::Sagas,
        Table::Drops,
        Table::DropEntries,
    ];
    let call = tables
        .iter()
        .fold(sqlx::query_as(statements::LOAD_ROWS), |call, table| {
            call.bind(short(versions.get(table.projection())))
        });
    let found: Vec<(String, String)> = call
        .bind(ids(keys.concerts.iter().map(|id| id.0)))
        .bind(ids(keys.shows.iter().map(|id| id.0)))
        .bind(ids(keys.reservations.iter().map(|id| id.0)))
        .bind(ids(keys.payments.iter().map(|id| id.0)))
        .bind(ids(keys.accounts.iter().map(|id| id.0)))
        .bind(
            keys.transactions
                .iter()
                .map(|p| signed(*p))
                .collect::<Vec<_>>(),
        )
        .bind(ids(keys.sagas.iter().map(|id| id.0)))
        .bind(ids(keys.drops.iter().map(|id| id.0)))
        .bind(ids(keys.drop_entries.iter().map(|id| id.0)))
        .fetch_all(pool)
        .await
        .map_err(failed)?;
    for table in tables {
        let documents = found.iter().filter(|(name, _)| name == table.name());
        writing::restore(&mut rows, table, documents.map(|(_, document)| document))?;
    }
    Ok(rows)
}

fn ids(keys: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    keys.collect()
}

async fn load_seat_maps(
    pool: &PgPool,
    versions: &Versions,
    keys: &Keys,
) -> Result<BTreeMap<ShowId, SeatMap>, Error> {
    if keys.seat_maps.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found: Vec<(String, String)> = sqlx::query_as(statements::LOAD_SEAT_MAPS)
        .bind(short(versions.get(ProjectionId::SeatMaps)))
        .bind(ids(keys.seat_maps.iter().map(|id| id.0)))
        .fetch_all(pool)
        .await
        .map_err(failed)?;
    found
        .iter()
        .map(|(plan, statuses)| SeatMap::from_json(plan, statuses).map(|map| (map.show_id(), map)))
        .collect()
}
