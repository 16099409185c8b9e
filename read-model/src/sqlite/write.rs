//! Writing: versions and checkpoints first, then one statement a table, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::ShowId;
use serde::Serialize;
use sqlx::{SqliteConnection, SqlitePool};

use super::{failed, json, read, statements};
use crate::{
    Checkpoint, Document, Error, Keys, Parked, ProjectionId, Rows, SeatMap, Table, Versions, Write,
    reading::micros, rows::position_key, writing,
};

pub(super) async fn write(pool: &SqlitePool, write: &Write) -> Result<(), Error> {
    // Made before the transaction begins, so that the lock is held for SQL alone.
    let tables = writing::documents(write)?;
    let versions = writing::versions(write, &tables);
    let tables: Vec<_> = tables
        .into_iter()
        .map(|(table, documents)| (table, pairs(&documents)))
        .collect();
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    find_versions(&mut tx, &versions).await?;
    advance(&mut tx, &write.advance).await?;
    for (table, rows) in &tables {
        sqlx::query(statements::upsert(*table))
            .bind(write.versions.get(table.projection()))
            .bind(rows)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
    }
    park(&mut tx, &write.park).await?;
    for event in &write.unpark {
        unpark(&mut tx, &write.versions, event).await?;
    }
    tx.commit().await.map_err(failed)
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

async fn find_versions(
    connection: &mut SqliteConnection,
    versions: &BTreeSet<(&str, u32)>,
) -> Result<(), Error> {
    let absent: Option<(String, u32)> = sqlx::query_as(statements::SELECT_ABSENT_VERSIONS)
        .bind(json(versions)?)
        .fetch_optional(connection)
        .await
        .map_err(failed)?;
    match absent {
        None => Ok(()),
        Some((projection, version)) => Err(Error::NoVersion {
            projection,
            version,
        }),
    }
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
    // The statement has already moved those that did stand where they should.
    let present = read::all_checkpoints(connection).await?;
    Err(writing::moved(&present, advance))
}

async fn park(connection: &mut SqliteConnection, park: &[Parked]) -> Result<(), Error> {
    if park.is_empty() {
        return Ok(());
    }
    let events: Vec<_> = park
        .iter()
        .map(|parked| {
            (
                parked.projection.name(),
                parked.version,
                &parked.key,
                parked.partition,
                parked.position,
                &parked.event,
                &parked.reason,
                micros(parked.parked_at),
            )
        })
        .collect();
    sqlx::query(statements::UPSERT_PARKED)
        .bind(json(&events)?)
        .execute(connection)
        .await
        .map_err(failed)?;
    Ok(())
}

async fn unpark(
    connection: &mut SqliteConnection,
    versions: &Versions,
    (projection, key, position): &(ProjectionId, String, u64),
) -> Result<(), Error> {
    let removed = sqlx::query(statements::UNPARK)
        .bind(projection.name())
        .bind(versions.get(*projection))
        .bind(key)
        .bind(i64::try_from(*position).unwrap_or(i64::MAX))
        .execute(connection)
        .await
        .map_err(failed)?
        .rows_affected();
    if removed == 1 {
        return Ok(());
    }
    Err(Error::NotParked {
        projection: projection.name().to_owned(),
        key: key.clone(),
        position: *position,
    })
}

pub(super) async fn load(
    pool: &SqlitePool,
    versions: &Versions,
    keys: &Keys,
) -> Result<Rows, Error> {
    let positions: BTreeSet<String> = keys
        .transactions
        .iter()
        .map(|position| position_key(*position))
        .collect();
    let mut rows = Rows {
        seat_maps: load_seat_maps(pool, versions, keys).await?,
        ..Rows::default()
    };
    for (table, statement, keys) in [
        (
            Table::Concerts,
            statements::LOAD_CONCERTS,
            some(&keys.concerts)?,
        ),
        (Table::Shows, statements::LOAD_SHOWS, some(&keys.shows)?),
        (
            Table::Reservations,
            statements::LOAD_RESERVATIONS,
            some(&keys.reservations)?,
        ),
        (
            Table::Payments,
            statements::LOAD_PAYMENTS,
            some(&keys.payments)?,
        ),
        (
            Table::Accounts,
            statements::LOAD_ACCOUNTS,
            some(&keys.accounts)?,
        ),
        (
            Table::Transactions,
            statements::LOAD_TRANSACTIONS,
            some(&positions)?,
        ),
        (Table::Sagas, statements::LOAD_SAGAS, some(&keys.sagas)?),
        (Table::Drops, statements::LOAD_DROPS, some(&keys.drops)?),
        (
            Table::DropEntries,
            statements::LOAD_DROP_ENTRIES,
            some(&keys.drop_entries)?,
        ),
    ] {
        let Some(keys) = keys else { continue };
        let found: Vec<String> = sqlx::query_scalar(statement)
            .bind(versions.get(table.projection()))
            .bind(keys)
            .fetch_all(pool)
            .await
            .map_err(failed)?;
        writing::restore(&mut rows, table, found)?;
    }
    Ok(rows)
}

/// Keys as a JSON array; `None` where there are none.
fn some<K: Serialize>(keys: &BTreeSet<K>) -> Result<Option<String>, Error> {
    (!keys.is_empty()).then(|| json(keys)).transpose()
}

async fn load_seat_maps(
    pool: &SqlitePool,
    versions: &Versions,
    keys: &Keys,
) -> Result<BTreeMap<ShowId, SeatMap>, Error> {
    let Some(keys) = some(&keys.seat_maps)? else {
        return Ok(BTreeMap::new());
    };
    let found: Vec<(String, String)> = sqlx::query_as(statements::LOAD_SEAT_MAPS)
        .bind(versions.get(ProjectionId::SeatMaps))
        .bind(keys)
        .fetch_all(pool)
        .await
        .map_err(failed)?;
    found
        .iter()
        .map(|(plan, statuses)| SeatMap::from_json(plan, statuses).map(|map| (map.show_id(), map)))
        .collect()
}
