//! Any row, at any position and time, is what a fold of everything up to then makes it.

use std::collections::BTreeSet;

use event_store::{EventLog, Position, RecordedEvent};
use projections::fold_all;
use read_model::{Document, Table};

use super::*;
use crate::verify::tests::world::World;

/// What is asked for a row of a table.
fn model(table: Table, document: &Document) -> Option<Model> {
    let id = Uuid::try_parse(&document.key).ok()?;
    Some(match table {
        Table::Concerts => Model::Concert(id),
        Table::Shows => Model::Show(id),
        Table::SeatPlans | Table::SeatMaps => Model::SeatMap(id),
        Table::Reservations => Model::Reservation(id),
        Table::Payments => Model::Payment(id),
        Table::Accounts => Model::Points(id),
        Table::Transactions | Table::DropEntries => return None,
        Table::Drops => Model::Drop(id),
        Table::Sagas => Model::Saga(id),
    })
}

async fn assert_as_folded(log: &dyn EventLog, events: &[RecordedEvent], moment: Moment) {
    let shown = events.iter().filter(|event| moment.shows(event));
    let fold = fold_all(shown).unwrap();
    for table in Table::ALL {
        for document in fold.documents(table).unwrap() {
            let Some(model) = model(table, &document) else {
                continue;
            };
            let answer = rows(log, model, moment).await.unwrap();
            let mut found = answer.items.into_iter();
            let found = found.find(|row| row.table == table.name() && row.key == document.key);
            let mut found = found.unwrap_or_else(|| panic!("no {model:?} at {moment:?}"));
            // A show's counts are not in its row.
            if let (Table::Shows, Some(row)) = (table, found.row.as_object_mut()) {
                row.remove("counts");
            }
            let expected: Value = serde_json::from_str(&document.json).unwrap();
            assert_eq!(found.row, expected, "{model:?} at {moment:?}");
        }
    }
}

#[tokio::test]
async fn rows_are_as_they_were_at_each_position_and_time() {
    let folder = World::new().await.play().await;
    let log = folder.log().await;
    let events = log.read_all(Position(0), usize::MAX).await.unwrap();
    for event in &events {
        assert_as_folded(&*log, &events, Moment::Position(event.position.0)).await;
    }
    let times: BTreeSet<_> = events.iter().map(|event| event.recorded_at).collect();
    assert!(times.len() > 2, "the world's clock moves");
    for time in times {
        assert_as_folded(&*log, &events, Moment::Time(time)).await;
    }
    log.close().await;
}

#[tokio::test]
async fn what_was_not_there_yet_is_not_there() {
    let folder = World::new().await.play().await;
    let log = folder.log().await;
    let events = log.read_all(Position(0), usize::MAX).await.unwrap();
    let held = |event: &&RecordedEvent| event.event_type == "SeatsHeld";
    let held = events.iter().find(held).unwrap();
    let show = Uuid::try_parse(&held.stream.aggregate_id).unwrap();
    let payload: Value = serde_json::from_str(&held.payload).unwrap();
    let id = payload["SeatsHeld"]["reservation_id"].as_str().unwrap();
    let reservation = Model::Reservation(id.parse().unwrap());

    let at = |position: u64| Moment::Position(position);
    let before = rows(&*log, reservation, at(held.position.0 - 1))
        .await
        .unwrap();
    assert_eq!((before.items.len(), before.position), (0, 0));
    let then = rows(&*log, reservation, at(held.position.0)).await.unwrap();
    assert_eq!((then.items.len(), then.position), (1, held.position.0));
    assert_eq!(then.items[0].row["status"], "held");

    let map = seat_map(&*log, show, at(0)).await.unwrap();
    assert_eq!(map, None);
    let counted = rows(&*log, Model::Show(show), at(held.position.0))
        .await
        .unwrap();
    assert_eq!(counted.items[0].row["counts"]["held"], 2);

    let catalogue = rows(&*log, Model::Catalogue, Moment::NOW).await.unwrap();
    let of = |table| {
        catalogue
            .items
            .iter()
            .filter(|row| row.table == table)
            .count()
    };
    assert_eq!((of("concerts"), of("shows")), (3, 3));
    assert!(!catalogue.truncated);
    log.close().await;
}
