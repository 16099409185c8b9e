//! What every adapter does with a write before it stores it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Checkpoint, Document, Error, ProjectionId, Rows, Table, Write, reading::parse};

/// The rows of each table as they are stored; tables without any are left out.
pub(crate) fn documents(write: &Write) -> Result<Vec<(Table, Vec<Document>)>, Error> {
    let mut tables = Vec::with_capacity(Table::ALL.len());
    for table in Table::ALL {
        let documents = match table {
            Table::SeatPlans => write.rows.plans_since(known_plans(write))?,
            _ => write.rows.documents(table)?,
        };
        if !documents.is_empty() {
            tables.push((table, documents));
        }
    }
    Ok(tables)
}

/// Plans are large and never change after the first batch that shows them: those up to this position are in the store
/// already, unless what made them was parked until now.
fn known_plans(write: &Write) -> u64 {
    let maps = ProjectionId::SeatMaps;
    if write
        .unpark
        .iter()
        .any(|(projection, ..)| *projection == maps)
    {
        return 0;
    }
    let moved = write
        .advance
        .iter()
        .filter(|(old, _)| old.projection == maps.name());
    moved.map(|(old, _)| old.position).min().unwrap_or_default()
}

/// Name and number of each version that a write goes to.
pub(crate) fn versions<'w>(
    write: &'w Write,
    tables: &[(Table, Vec<Document>)],
) -> BTreeSet<(&'w str, u32)> {
    let own = |projection: ProjectionId| (projection.name(), write.versions.get(projection));
    let rows = tables.iter().map(|(table, _)| own(table.projection()));
    let advance = write.advance.iter();
    let park = write.park.iter();
    let unpark = write.unpark.iter();
    rows.chain(advance.map(|(_, new)| (new.projection.as_str(), new.version)))
        .chain(park.map(|parked| (parked.projection.name(), parked.version)))
        .chain(unpark.map(|(projection, ..)| own(*projection)))
        .collect()
}

/// Which checkpoint did not stand where the write said, given where they stand after those that did have moved.
pub(crate) fn moved(present: &[Checkpoint], advance: &[(Checkpoint, Checkpoint)]) -> Error {
    let stands = |wanted: &Checkpoint| {
        present.iter().any(|c| {
            (&c.projection, c.version, c.partition)
                == (&wanted.projection, wanted.version, wanted.partition)
                && (c.epoch, c.position) == (wanted.epoch, wanted.position)
        })
    };
    let culprit = advance.iter().find(|(_, new)| !stands(new));
    match culprit.or(advance.first()) {
        Some((old, _)) => Error::CheckpointMoved {
            projection: old.projection.clone(),
            partition: old.partition,
        },
        None => Error::Corrupt("no checkpoint was asked to move, yet one did".to_owned()),
    }
}

/// Puts the rows of `table`, seat maps aside, where they belong.
pub(crate) fn restore<D: AsRef<str>>(
    rows: &mut Rows,
    table: Table,
    documents: impl IntoIterator<Item = D>,
) -> Result<(), Error> {
    fn keyed<D: AsRef<str>, K: Ord, R: serde::de::DeserializeOwned>(
        rows: &mut BTreeMap<K, R>,
        documents: impl IntoIterator<Item = D>,
        key: impl Fn(&R) -> K,
    ) -> Result<(), Error> {
        for document in documents {
            let row = parse(document.as_ref())?;
            rows.insert(key(&row), row);
        }
        Ok(())
    }
    match table {
        Table::Concerts => keyed(&mut rows.concerts, documents, |row| row.concert_id),
        Table::Shows => keyed(&mut rows.shows, documents, |row| row.show_id),
        Table::Reservations => keyed(&mut rows.reservations, documents, |row| row.reservation_id),
        Table::Payments => keyed(&mut rows.payments, documents, |row| row.payment_id),
        Table::Accounts => keyed(&mut rows.accounts, documents, |row| row.customer_id),
        Table::Transactions => keyed(&mut rows.transactions, documents, |row| row.position),
        Table::Sagas => keyed(&mut rows.sagas, documents, |row| row.payment_id),
        Table::Drops => keyed(&mut rows.drops, documents, |row| row.drop_id),
        Table::DropEntries => keyed(&mut rows.drop_entries, documents, |row| row.entry_id),
        Table::SeatPlans | Table::SeatMaps => {
            let table = table.name();
            Err(Error::Corrupt(format!("{table} are read together")))
        }
    }
}
