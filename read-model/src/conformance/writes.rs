//! Rows, checkpoints and snapshots.

use super::{
    holds,
    sample::{self, checkpoint, id},
    works,
};
use crate::{Checkpoint, Error, Keys, ProjectionId, ReadModel, Rows, Table, Versions, Write};

pub(super) fn advance(
    projection: ProjectionId,
    from: u64,
    to: u64,
) -> Vec<(Checkpoint, Checkpoint)> {
    vec![(checkpoint(projection, from), checkpoint(projection, to))]
}

pub(crate) fn keys(rows: &Rows) -> Keys {
    Keys {
        concerts: rows.concerts.keys().copied().collect(),
        shows: rows.shows.keys().copied().collect(),
        seat_maps: rows.seat_maps.keys().copied().collect(),
        reservations: rows.reservations.keys().copied().collect(),
        payments: rows.payments.keys().copied().collect(),
        accounts: rows.accounts.keys().copied().collect(),
        transactions: rows.transactions.keys().copied().collect(),
        sagas: rows.sagas.keys().copied().collect(),
        drops: rows.drops.keys().copied().collect(),
        drop_entries: rows.drop_entries.keys().copied().collect(),
    }
}

/// Every row of every table comes back as it was written, by `load` and in a dump; a later write replaces it; unknown
/// keys bring nothing.
///
/// # Errors
/// What was found wrong.
pub async fn rows_come_back_as_written(model: &dyn ReadModel) -> Result<(), String> {
    let mut rows = sample::rows();
    let wanted = keys(&rows);
    let found = works(model.load(&Versions::default(), &wanted).await)?;
    holds(found.is_empty(), || format!("an empty store has {found:?}"))?;
    let write = |rows: &Rows| Write {
        rows: rows.clone(),
        ..Write::default()
    };
    works(model.write(&write(&rows)).await)?;
    compare(model, &rows).await?;
    // The same keys again, changed; and one row alone, which leaves the others as they are.
    rows.concerts.insert(id(11), sample::concert(14));
    if let Some(concert) = rows.concerts.get_mut(&id(11)) {
        concert.concert_id = id(11);
    }
    rows.seat_maps.insert(id(12), sample::seat_map(12, 40));
    let mut change = Rows::default();
    change
        .concerts
        .insert(id(11), rows.concerts[&id(11)].clone());
    change
        .seat_maps
        .insert(id(12), rows.seat_maps[&id(12)].clone());
    works(model.write(&write(&change)).await)?;
    compare(model, &rows).await
}

async fn compare(model: &dyn ReadModel, rows: &Rows) -> Result<(), String> {
    let found = works(model.load(&Versions::default(), &keys(rows)).await)?;
    holds(found == *rows, || {
        format!("loaded {found:?} where {rows:?} was written")
    })?;
    let mut snapshot = works(model.snapshot(None).await)?;
    for table in Table::ALL {
        let written = works(rows.documents(table))?;
        let dumped = works(snapshot.page(table, None, 1_000).await)?;
        holds(dumped == written, || {
            format!(
                "{} holds {dumped:?} where {written:?} was written",
                table.name()
            )
        })?;
    }
    Ok(())
}

/// A checkpoint moves only from where the write says it stands: of two writers with the same place, one wins.
///
/// # Errors
/// What was found wrong.
pub async fn checkpoints_compare_and_set(model: &dyn ReadModel) -> Result<(), String> {
    let projection = ProjectionId::Payments;
    let step = |from, to| Write {
        advance: advance(projection, from, to),
        ..Write::default()
    };
    works(model.write(&step(0, 5)).await)?;
    for stale in [step(0, 9), step(4, 9), step(6, 9)] {
        let answer = model.write(&stale).await;
        holds(
            matches!(&answer, Err(Error::CheckpointMoved { projection: name, partition: 0 })
                if name == projection.name()),
            || {
                format!(
                    "a write from {:?} at 5 was answered with {answer:?}",
                    stale.advance
                )
            },
        )?;
    }
    works(model.write(&step(5, 9)).await)?;
    let unborn = Write {
        advance: advance(ProjectionId::Points, 3, 4),
        ..Write::default()
    };
    let answer = model.write(&unborn).await;
    holds(matches!(answer, Err(Error::CheckpointMoved { .. })), || {
        format!("a checkpoint that does not exist moved from 3: {answer:?}")
    })?;
    let (a, b) = works_both(model, &step(9, 10), &step(9, 11)).await;
    holds(a.is_ok() != b.is_ok(), || {
        format!("of two writers from one place, not exactly one won: {a:?}, {b:?}")
    })?;
    let stands = works(model.checkpoints(None).await)?;
    let expected = checkpoint(projection, if a.is_ok() { 10 } else { 11 });
    holds(stands == [expected.clone()], || {
        format!("checkpoints are {stands:?}, not {expected:?} alone")
    })
}

async fn works_both(
    model: &dyn ReadModel,
    a: &Write,
    b: &Write,
) -> (Result<(), Error>, Result<(), Error>) {
    tokio::join!(model.write(a), model.write(b))
}

/// A refused write leaves neither rows nor the checkpoints that it could have moved.
///
/// # Errors
/// What was found wrong.
pub async fn refused_writes_leave_nothing(model: &dyn ReadModel) -> Result<(), String> {
    let rows = sample::rows();
    let mut moves = advance(ProjectionId::Catalogue, 0, 12);
    moves.extend(advance(ProjectionId::Payments, 3, 12));
    let write = Write {
        rows: rows.clone(),
        advance: moves,
        ..Write::default()
    };
    let answer = model.write(&write).await;
    holds(matches!(answer, Err(Error::CheckpointMoved { .. })), || {
        format!("a stale write was answered with {answer:?}")
    })?;
    let left = works(model.load(&Versions::default(), &keys(&rows)).await)?;
    holds(left.is_empty(), || format!("a refused write left {left:?}"))?;
    let stands = works(model.checkpoints(None).await)?;
    holds(stands.is_empty(), || {
        format!("a refused write moved {stands:?}")
    })
}

/// A position that no other projection stands at.
fn position_of(projection: ProjectionId) -> u64 {
    let place = ProjectionId::ALL.iter().position(|p| *p == projection);
    101 + place.unwrap_or_default() as u64
}

/// Each projection at its own position in partition 0, and further on in partition 1.
async fn write_at_many_positions(model: &dyn ReadModel, rows: &Rows) -> Result<(), String> {
    let empty = works(model.concert(id(11)).await)?;
    holds(empty.position == 0 && empty.value.is_none(), || {
        format!("an empty store answers {empty:?}")
    })?;
    let mut moves = Vec::new();
    for (projection, position) in ProjectionId::ALL.map(|id| (id, position_of(id))) {
        moves.extend(advance(projection, 0, position));
        let elsewhere = |position| Checkpoint {
            partition: 1,
            ..checkpoint(projection, position)
        };
        moves.push((elsewhere(0), elsewhere(1_000)));
    }
    let write = Write {
        rows: rows.clone(),
        advance: moves,
        ..Write::default()
    };
    works(model.write(&write).await)
}

/// A read answers with the position of the projection that writes what it reads: the least over its partitions, and for
/// a show the lesser of the two projections behind it.
///
/// # Errors
/// What was found wrong.
pub async fn reads_carry_their_projections_position(model: &dyn ReadModel) -> Result<(), String> {
    let rows = sample::rows();
    write_at_many_positions(model, &rows).await?;
    let at = position_of;
    let both = at(ProjectionId::Catalogue).min(at(ProjectionId::SeatMaps));
    let page = crate::Page::default();
    let concert = works(model.concert(id(11)).await)?;
    let shown = works(model.show(id(11)).await)?;
    let filter = crate::ShowFilter::default();
    let listed = works(model.shows(&filter, &page).await)?;
    let map = works(model.seat_map(id(11)).await)?;
    let reservation = works(model.reservation(id(11)).await)?;
    let payment = works(model.payment(id(11)).await)?;
    let account = works(model.account(id(11)).await)?;
    let transactions = works(model.transactions_of(id(1), &page).await)?;
    let nobody = works(model.payments_of(id(99), &page).await)?;
    let any = crate::SagaFilter::default();
    let sagas = works(model.sagas(&any, &page).await)?;
    let counted = works(model.saga_counts(None, sample::at(0)).await)?;
    let drop = works(model.fair_drop(id(11)).await)?;
    let entry = works(model.drop_entry(id(11)).await)?;
    let entries = works(model.drop_entries(id(1), 0, 9).await)?;
    for (what, found, expected) in [
        ("concert", concert.position, at(ProjectionId::Catalogue)),
        ("show", shown.position, both),
        ("shows", listed.position, both),
        ("seat_map", map.position, at(ProjectionId::SeatMaps)),
        (
            "reservation",
            reservation.position,
            at(ProjectionId::Reservations),
        ),
        ("payment", payment.position, at(ProjectionId::Payments)),
        ("an empty list", nobody.position, at(ProjectionId::Payments)),
        ("account", account.position, at(ProjectionId::Points)),
        (
            "transactions",
            transactions.position,
            at(ProjectionId::Points),
        ),
        ("sagas", sagas.position, at(ProjectionId::Sagas)),
        ("counted sagas", counted.position, at(ProjectionId::Sagas)),
        ("drop", drop.position, at(ProjectionId::Drops)),
        ("drop entry", entry.position, at(ProjectionId::Drops)),
        ("drop entries", entries.position, at(ProjectionId::Drops)),
    ] {
        holds(found == expected, || {
            format!("{what} answers position {found}, not {expected}")
        })?;
    }
    let counts = rows.seat_maps[&id(11)].counts();
    holds(
        concert.value.as_ref() == rows.concerts.get(&id(11))
            && map.value.as_ref() == rows.seat_maps.get(&id(11))
            && reservation.value.as_ref() == rows.reservations.get(&id(11))
            && payment.value.as_ref() == rows.payments.get(&id(11))
            && account.value.as_ref() == rows.accounts.get(&id(11))
            && drop.value.as_ref() == rows.drops.get(&id(11))
            && entry.value.as_ref() == rows.drop_entries.get(&id(11))
            && entries.value.iter().eq(rows.drop_entries.values())
            && shown
                .value
                .is_some_and(|s| s.show == rows.shows[&id(11)] && s.counts == counts),
        || "a row under its key is not what was written".to_owned(),
    )
}

/// A snapshot goes on to show the rows and checkpoints of its instant after they were written over.
///
/// # Errors
/// What was found wrong.
pub async fn snapshots_stand_still(model: &dyn ReadModel) -> Result<(), String> {
    let first = Write {
        rows: sample::rows(),
        advance: advance(ProjectionId::Points, 0, 12),
        ..Write::default()
    };
    works(model.write(&first).await)?;
    let mut snapshot = works(model.snapshot(None).await)?;
    let mut later = Write {
        advance: advance(ProjectionId::Points, 12, 90),
        ..Write::default()
    };
    later.rows.accounts.insert(id(11), sample::account(11, 90));
    later.rows.accounts.insert(id(13), sample::account(13, 90));
    works(model.write(&later).await)?;
    let mut seen = Vec::new();
    loop {
        let after = seen.last().map(|d: &crate::Document| d.key.clone());
        let page = works(snapshot.page(Table::Accounts, after.as_deref(), 1).await)?;
        if page.is_empty() || seen.len() > 10 {
            break;
        }
        seen.extend(page);
    }
    let expected = works(first.rows.documents(Table::Accounts))?;
    holds(seen == expected, || {
        format!("a snapshot showed {seen:?}, not {expected:?}")
    })?;
    let position = Checkpoint::position_of(ProjectionId::Points, snapshot.checkpoints());
    holds(position == 12, || {
        format!("a snapshot taken at 12 says {position}")
    })
}
