//! Writing: checkpoints first, then one statement a table, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::ShowId;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{SqliteConnection, SqlitePool};

use super::{failed, read, statements};
use crate::{
    Checkpoint, Document, Error, Keys, ProjectionId, Rows, SeatMap, Table, Write,
    rows::position_key,
    tables::{Account, Concert, Payment, Reservation, Saga, Show, Transaction},
};

pub(super) async fn write(pool: &SqlitePool, write: &Write) -> Result<(), Error> {
    // Made before the transaction begins, so that the lock is held for SQL alone.
    let tables = tables(write)?;
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    advance(&mut tx, &write.advance).await?;
    for (table, rows) in &tables {
        sqlx::query(statements::upsert(*table))
            .bind(rows)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
    }
    tx.commit().await.map_err(failed)
}

/// The rows of each table as a JSON array of `[key, document]` pairs; tables without any are left out.
fn tables(write: &Write) -> Result<Vec<(Table, String)>, Error> {
    let mut tables = Vec::with_capacity(Table::ALL.len());
    for table in Table::ALL {
        let documents = match table {
            Table::SeatPlans => write.rows.plans_since(known_plans(write))?,
            _ => write.rows.documents(table)?,
        };
        if !documents.is_empty() {
            tables.push((table, pairs(&documents)));
        }
    }
    Ok(tables)
}

/// Plans are large and never change after the first batch that shows them: those up to this position are in the store
/// already.
fn known_plans(write: &Write) -> u64 {
    let seat_maps = ProjectionId::SeatMaps.name();
    let moved = write
        .advance
        .iter()
        .filter(|(old, _)| old.projection == seat_maps);
    moved.map(|(old, _)| old.position).min().unwrap_or_default()
}

fn pairs(documents: &[Document]) -> String {
    let bytes = documents.iter().map(|d| d.json.len() + d.key.len() + 6);
    let mut json = String::with_capacity(bytes.sum::<usize>() + 2);
    json.push('[');
    for (n, document) in documents.iter().enumerate() {
        // Keys are ids and digits: nothing in them needs escaping.
        json.push_str(if n == 0 { "[\"" } else { ",[\"" });
        json.push_str(&document.key);
        json.push_str("\",");
        json.push_str(&document.json);
        json.push(']');
    }
    json.push(']');
    json
}

async fn advance(
    connection: &mut SqliteConnection,
    advance: &[(Checkpoint, Checkpoint)],
) -> Result<(), Error> {
    if advance.is_empty() {
        return Ok(());
    }
    let wanted: Vec<_> = advance
        .iter()
        .map(|(old, new)| {
            (
                &new.projection,
                new.version,
                new.partition,
                old.epoch,
                old.position,
                new.epoch,
                new.position,
                new.offset,
            )
        })
        .collect();
    let changed = sqlx::query(statements::ADVANCE_CHECKPOINTS)
        .bind(json(&wanted)?)
        .execute(&mut *connection)
        .await
        .map_err(failed)?
        .rows_affected();
    if changed == advance.len() as u64 {
        return Ok(());
    }
    Err(moved(connection, advance).await)
}

/// Which checkpoint did not stand where the write said.
async fn moved(connection: &mut SqliteConnection, advance: &[(Checkpoint, Checkpoint)]) -> Error {
    let present = match read::checkpoints(connection).await {
        Ok(present) => present,
        Err(error) => return error,
    };
    let stands = |wanted: &Checkpoint| {
        present.iter().any(|c| {
            (&c.projection, c.version, c.partition)
                == (&wanted.projection, wanted.version, wanted.partition)
                && (c.epoch, c.position) == (wanted.epoch, wanted.position)
        })
    };
    // The statement has already moved those that did stand where they should, to where `new` says.
    let culprit = advance.iter().find(|(_, new)| !stands(new));
    match culprit.or(advance.first()) {
        Some((old, _)) => Error::CheckpointMoved {
            projection: old.projection.clone(),
            partition: old.partition,
        },
        None => Error::Corrupt("no checkpoint was asked to move, yet one did".to_owned()),
    }
}

pub(super) async fn load(pool: &SqlitePool, keys: &Keys) -> Result<Rows, Error> {
    let positions: BTreeSet<String> = keys
        .transactions
        .iter()
        .map(|position| position_key(*position))
        .collect();
    let mut rows = Rows {
        seat_maps: load_seat_maps(pool, keys).await?,
        ..Rows::default()
    };
    let concerts = documents(pool, statements::LOAD_CONCERTS, &keys.concerts).await?;
    rows.concerts = by_key(concerts, |row: &Concert| row.concert_id);
    let shows = documents(pool, statements::LOAD_SHOWS, &keys.shows).await?;
    rows.shows = by_key(shows, |row: &Show| row.show_id);
    let reservations = documents(pool, statements::LOAD_RESERVATIONS, &keys.reservations).await?;
    rows.reservations = by_key(reservations, |row: &Reservation| row.reservation_id);
    let payments = documents(pool, statements::LOAD_PAYMENTS, &keys.payments).await?;
    rows.payments = by_key(payments, |row: &Payment| row.payment_id);
    let accounts = documents(pool, statements::LOAD_ACCOUNTS, &keys.accounts).await?;
    rows.accounts = by_key(accounts, |row: &Account| row.customer_id);
    let transactions = documents(pool, statements::LOAD_TRANSACTIONS, &positions).await?;
    rows.transactions = by_key(transactions, |row: &Transaction| row.position);
    let sagas = documents(pool, statements::LOAD_SAGAS, &keys.sagas).await?;
    rows.sagas = by_key(sagas, |row: &Saga| row.payment_id);
    Ok(rows)
}

fn by_key<K: Ord, R>(rows: Vec<R>, key: impl Fn(&R) -> K) -> BTreeMap<K, R> {
    rows.into_iter().map(|row| (key(&row), row)).collect()
}

async fn documents<K: Serialize + Sync, R: DeserializeOwned>(
    pool: &SqlitePool,
    statement: &'static str,
    keys: &BTreeSet<K>,
) -> Result<Vec<R>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let found: Vec<String> = sqlx::query_scalar(statement)
        .bind(json(keys)?)
        .fetch_all(pool)
        .await
        .map_err(failed)?;
    found.iter().map(|document| read::parse(document)).collect()
}

async fn load_seat_maps(
    pool: &SqlitePool,
    keys: &Keys,
) -> Result<BTreeMap<ShowId, SeatMap>, Error> {
    if keys.seat_maps.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found: Vec<(String, String)> = sqlx::query_as(statements::LOAD_SEAT_MAPS)
        .bind(json(&keys.seat_maps)?)
        .fetch_all(pool)
        .await
        .map_err(failed)?;
    found
        .iter()
        .map(|(plan, statuses)| SeatMap::from_json(plan, statuses).map(|map| (map.show_id(), map)))
        .collect()
}

fn json<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::Corrupt(e.to_string()))
}
