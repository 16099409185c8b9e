//! Parked events.

use domain::ids::ShowId;

use super::{
    holds,
    sample::{self, at, checkpoint, id},
    works,
    writes::advance,
};
use crate::{
    Checkpoint, Error, Page, Parked, ProjectionId, ReadModel, Rows, SagaFilter, SeatMapToFollow,
    ShowFilter, Table, Write,
};

/// An event of `key` that is parked.
fn parked(projection: ProjectionId, key: &str, position: u64) -> Parked {
    Parked {
        projection,
        version: 1,
        key: key.to_owned(),
        partition: 3,
        position,
        event: format!("{{\"position\": {position}, \"text\": \"\\\"\u{e4}\"}}"),
        reason: format!("event {position} can't be applied"),
        parked_at: at(position),
    }
}

fn key(n: u64) -> String {
    id::<ShowId>(n).to_string()
}

/// Parked events come back as they were written, by key and position; parking again changes the reason; taking one up goes with the
/// rows that it made, and only while it is parked: else nothing of the write is stored.
///
/// # Errors
/// What was found wrong.
pub async fn parked_events_come_and_go_with_rows(model: &dyn ReadModel) -> Result<(), String> {
    let payments = ProjectionId::Payments;
    let mut all: Vec<_> = [(1, 10), (1, 9), (2, 8)]
        .map(|(n, position)| parked(payments, &key(n), position))
        .into();
    all.push(parked(ProjectionId::Catalogue, &key(1), 9));
    let write = Write {
        advance: advance(payments, 0, 10),
        park: all.clone(),
        ..Write::default()
    };
    works(model.write(&write).await)?;
    all.sort_by(|a, b| {
        (a.projection.name(), &a.key, a.position).cmp(&(b.projection.name(), &b.key, b.position))
    });
    let found = works(model.parked(None).await)?;
    holds(found == all, || {
        format!("parked are {found:?}, not {all:?}")
    })?;
    let mut again = all[1].clone();
    "it still can't".clone_into(&mut again.reason);
    again.parked_at = at(77);
    let write = Write {
        park: vec![again.clone()],
        ..Write::default()
    };
    works(model.write(&write).await)?;
    all[1] = again;
    let found = works(model.parked(Some(payments)).await)?;
    holds(found == all[1..], || {
        format!("parked payments are {found:?}, not {:?}", &all[1..])
    })?;
    take_up(model, &mut all).await
}

/// Takes up the first event of a key with the row that it makes; then once more with another one.
async fn take_up(model: &dyn ReadModel, all: &mut Vec<Parked>) -> Result<(), String> {
    let payments = ProjectionId::Payments;
    let write = |row, from, to| {
        let mut write = Write {
            advance: advance(payments, from, to),
            unpark: vec![(payments, key(1), 9)],
            ..Write::default()
        };
        let mut payment = sample::payment(4, 1);
        payment.position = row;
        write.rows.payments.insert(payment.payment_id, payment);
        write
    };
    works(model.write(&write(20, 10, 20)).await)?;
    let answer = model.write(&write(30, 20, 30)).await;
    holds(
        matches!(&answer, Err(Error::NotParked { projection, key: of, position: 9 })
            if projection == payments.name() && *of == key(1)),
        || format!("an event was taken up twice: {answer:?}"),
    )?;
    let stored = works(model.payment(id(4)).await)?;
    let found = stored.value.map(|payment| payment.position);
    holds(found == Some(20), || {
        format!("behind an event that was taken up once stands {found:?}")
    })?;
    let stands = works(model.checkpoints(None).await)?;
    holds(stands == [checkpoint(payments, 20)], || {
        format!("a refused write moved {stands:?}")
    })?;
    let taken_up =
        |event: &Parked| (event.projection, &event.key, event.position) == (payments, &key(1), 9);
    all.retain(|event| !taken_up(event));
    let found = works(model.parked(None).await)?;
    holds(found == *all, || format!("left are {found:?}, not {all:?}"))
}

/// A read by key stands before the first parked event of its routing key, a list over many keys before the first of all; reads of other
/// keys and projections are not held back.
///
/// # Errors
/// What was found wrong.
pub async fn a_parked_key_holds_back_its_own_reads(model: &dyn ReadModel) -> Result<(), String> {
    let mut rows = sample::rows();
    for n in [11, 12] {
        let mut reservation = sample::reservation(n, 1);
        reservation.show_id = id(n);
        rows.reservations.insert(id(n), reservation);
    }
    let parked = [
        (ProjectionId::SeatMaps, 41),
        (ProjectionId::SeatMaps, 40),
        (ProjectionId::Reservations, 50),
        (ProjectionId::Points, 60),
    ]
    .map(|(projection, position)| parked(projection, &key(11), position));
    let all = ProjectionId::ALL.into_iter();
    let write = Write {
        rows,
        advance: all.flat_map(|id| advance(id, 0, 100)).collect(),
        park: parked.into(),
        ..Write::default()
    };
    works(model.write(&write).await)?;
    single_rows_are_held_back(model).await?;
    lists_are_held_back(model).await?;
    // Checkpoints tell what has been seen, parked or not.
    let stands = works(model.checkpoints(None).await)?;
    let stands = Checkpoint::position_of(ProjectionId::SeatMaps, &stands);
    holds(stands == 100, || {
        format!("the checkpoint stands at {stands}")
    })
}

async fn single_rows_are_held_back(model: &dyn ReadModel) -> Result<(), String> {
    for (n, map, reservation, account) in
        [(11, 39, 49, 59), (12, 100, 100, 100), (77, 100, 49, 100)]
    {
        let found = [
            works(model.seat_map(id(n)).await)?.position,
            works(model.show(id(n)).await)?.position,
            works(model.reservation(id(n)).await)?.position,
            works(model.account(id(n)).await)?.position,
            works(model.payment(id(n)).await)?.position,
            works(model.concert(id(n)).await)?.position,
        ];
        let expected = [map, map, reservation, account, 100, 100];
        holds(found == expected, || {
            format!(
                "seat map, show, reservation, account, payment and concert {n} stand at {found:?}, not {expected:?}"
            )
        })?;
    }
    Ok(())
}

async fn lists_are_held_back(model: &dyn ReadModel) -> Result<(), String> {
    let page = Page::default();
    let any = ShowFilter::default();
    let of_concert = ShowFilter {
        concert_id: Some(id(11)),
        ..any
    };
    let found = [
        works(model.shows(&any, &page).await)?.position,
        works(model.shows(&of_concert, &page).await)?.position,
        works(model.reservations_of(id(1), &page).await)?.position,
        works(model.transactions_of(id(11), &page).await)?.position,
        works(model.transactions_of(id(1), &page).await)?.position,
        works(model.payments_of(id(1), &page).await)?.position,
        works(model.concerts(&page).await)?.position,
        works(model.sagas(&SagaFilter::default(), &page).await)?.position,
    ];
    let expected = [39, 39, 49, 59, 100, 100, 100, 100];
    holds(found == expected, || {
        format!(
            "shows, those of a concert, reservations, transactions of the key, of another, payments, concerts and sagas \
             stand at {found:?}, not {expected:?}"
        )
    })
}

/// The plan of a map whose first events were parked, and are taken up behind the checkpoint, is stored.
///
/// # Errors
/// What was found wrong.
pub async fn plans_taken_up_late_are_stored(model: &dyn ReadModel) -> Result<(), String> {
    let maps = ProjectionId::SeatMaps;
    let mut write = Write {
        advance: advance(maps, 0, 100),
        park: vec![parked(maps, &key(11), 2)],
        ..Write::default()
    };
    works(model.write(&write).await)?;
    let mut rows = Rows::default();
    rows.seat_maps.insert(id(11), sample::seat_map(11, 2));
    write = Write {
        rows: rows.clone(),
        advance: advance(maps, 100, 101),
        unpark: vec![(maps, key(11), 2)],
        ..Write::default()
    };
    works(model.write(&write).await)?;
    let mut snapshot = works(model.snapshot(None).await)?;
    let plans = works(snapshot.page(Table::SeatPlans, None, 10).await)?;
    let expected = works(rows.documents(Table::SeatPlans))?;
    holds(plans == expected, || {
        format!("plans are {plans:?}, not {expected:?}")
    })
}

/// A map to follow comes with every checkpoint of the live version of its projection, and with the first of its own parked events.
///
/// # Errors
/// What was found wrong.
pub async fn maps_to_follow_name_their_place(model: &dyn ReadModel) -> Result<(), String> {
    let maps = ProjectionId::SeatMaps;
    let empty = works(model.seat_map_to_follow(id(11)).await)?;
    holds(empty == SeatMapToFollow::default(), || {
        format!("an empty store answers {empty:?}")
    })?;
    let second = works(model.begin_version(maps).await)?;
    let elsewhere = |partition, version, position| Checkpoint {
        version,
        partition,
        ..checkpoint(maps, position)
    };
    let mut write = Write {
        advance: advance(maps, 0, 100),
        park: vec![parked(maps, &key(12), 90), parked(maps, &key(12), 95)],
        ..Write::default()
    };
    write
        .advance
        .push((elsewhere(1, 1, 0), elsewhere(1, 1, 70)));
    write
        .advance
        .push((elsewhere(0, second, 0), elsewhere(0, second, 5)));
    for n in [11, 12] {
        write.rows.seat_maps.insert(id(n), sample::seat_map(n, n));
    }
    works(model.write(&write).await)?;
    for (n, parked_from) in [(11, None), (12, Some(90)), (13, None)] {
        let mut found = works(model.seat_map_to_follow(id(n)).await)?;
        found.checkpoints.sort();
        let expected = SeatMapToFollow {
            map: write.rows.seat_maps.get(&id(n)).cloned(),
            checkpoints: vec![checkpoint(maps, 100), elsewhere(1, 1, 70)],
            parked_from,
        };
        holds(found == expected, || {
            format!("map {n} is to be followed from {found:?}, not {expected:?}")
        })?;
    }
    Ok(())
}

/// The parked keys are told with the first event of each, and how many there are.
///
/// # Errors
/// What was found wrong.
pub async fn parked_keys_tell_of_their_first_event(model: &dyn ReadModel) -> Result<(), String> {
    let (payments, sagas) = (ProjectionId::Payments, ProjectionId::Sagas);
    let events = [
        (payments, 2, 8),
        (payments, 1, 10),
        (payments, 1, 9),
        (sagas, 1, 12),
    ];
    let write = Write {
        advance: advance(payments, 0, 20),
        park: events
            .map(|(projection, n, position)| parked(projection, &key(n), position))
            .to_vec(),
        ..Write::default()
    };
    works(model.write(&write).await)?;
    let keys = works(model.parked_keys().await)?;
    let found: Vec<_> = keys
        .iter()
        .map(|key| (key.projection, key.key.clone(), key.position, key.events))
        .collect();
    let expected = [
        (payments, key(1), 9, 2),
        (payments, key(2), 8, 1),
        (sagas, key(1), 12, 1),
    ];
    holds(found == expected, || {
        format!("parked keys are {found:?}, not {expected:?}")
    })?;
    let first = parked(payments, &key(1), 9);
    let whole = (keys[0].version, keys[0].partition, keys[0].parked_at);
    holds(
        whole == (first.version, first.partition, first.parked_at),
        || format!("the first event of a key came as {:?}", keys[0]),
    )?;
    holds(keys[0].reason == first.reason, || {
        format!("the first event of a key has the reason {}", keys[0].reason)
    })
}
