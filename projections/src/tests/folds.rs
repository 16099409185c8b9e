//! Given events, these rows.

use std::sync::Arc;

use domain::ids::{CustomerId, PaymentId};
use event_store::RecordedEvent;
use read_model::{
    Checkpoint, ProjectionId, Rows, Table,
    tables::{
        PaymentStatus, Reservation, ReservationStatus, SagaState, ShowStatus, TransactionKind,
    },
};

use super::world::{World, id, recorded_at};
use crate::{Error, Fold, Slice, fold_all};

/// The rows after what `given` makes happen in a world with one show.
fn rows_after(given: impl FnOnce(&mut World)) -> Rows {
    let mut world = World::of(&[]);
    given(&mut world);
    fold_all(&world.events).unwrap()
}

fn only_reservation(rows: &Rows) -> &Reservation {
    assert_eq!(rows.reservations.len(), 1);
    rows.reservations.values().next().unwrap()
}

/// Available, held, sold and blocked places of the only show.
fn counted(rows: &Rows) -> [u32; 4] {
    assert_eq!(rows.seat_maps.len(), 1);
    let counts = rows.seat_maps.values().next().unwrap().counts();
    let four = [counts.available, counts.held, counts.sold, counts.blocked];
    assert_eq!(counts.capacity, 32);
    assert_eq!(four.iter().sum::<u32>(), 32);
    four
}

#[test]
fn a_concert_shows_its_last_text() {
    let rows = rows_after(World::announce);
    let concert = rows.concerts.values().next().unwrap();
    assert_eq!(concert.title, "Other title");
    assert_eq!(concert.description.as_deref(), Some("Text"));
    assert_eq!(
        (concert.announced_at, concert.position),
        (recorded_at(5), 6)
    );
}

#[test]
fn a_shows_status_follows_from_the_time() {
    let rows = rows_after(|_| {});
    let show = rows.shows.values().next().unwrap();
    let at = |position| show.status(recorded_at(position));
    assert_eq!(at(9), ShowStatus::Scheduled);
    assert_eq!(at(10), ShowStatus::OnSale);
    assert_eq!(at(899_999), ShowStatus::OnSale);
    assert_eq!(at(900_000), ShowStatus::OffSale);
}

#[test]
fn a_cancelled_show_says_so_at_any_time() {
    let rows = rows_after(|world| {
        let show = world.schedule();
        world.cancel(show);
    });
    let cancelled: Vec<_> = rows
        .shows
        .values()
        .filter(|s| s.cancelled_at.is_some())
        .collect();
    assert_eq!(cancelled.len(), 1);
    assert_eq!(cancelled[0].status(recorded_at(0)), ShowStatus::Cancelled);
    assert_eq!(cancelled[0].cancel_reason.as_deref(), Some("rain"));
}

#[test]
fn a_hold_takes_its_places() {
    let rows = rows_after(|world| world.hold(1));
    let held = only_reservation(&rows);
    assert_eq!(held.status, ReservationStatus::Held);
    assert_eq!(held.customer_id, id(101));
    assert_eq!(held.seats[0].seat_guid, "0-0");
    assert_eq!((held.held_at, held.position), (recorded_at(5), 5));
    assert_eq!(counted(&rows), [31, 1, 0, 0]);
}

#[test]
fn standing_places_are_counted_like_seats() {
    let rows = rows_after(|world| world.hold(0));
    assert_eq!(counted(&rows), [30, 2, 0, 0]);
    let rows = rows_after(|world| {
        world.hold(0);
        world.pay(1);
    });
    assert_eq!(counted(&rows), [30, 0, 2, 0]);
}

#[test]
fn an_extension_moves_the_end_of_a_hold() {
    let rows = rows_after(|world| {
        world.hold(1);
        world.extend(0);
    });
    let held = only_reservation(&rows);
    assert_eq!((held.expires_at, held.position), (recorded_at(600_000), 6));
    assert_eq!(counted(&rows), [31, 1, 0, 0]);
}

#[test]
fn released_and_expired_places_are_free_again() {
    let given_back = rows_after(|world| {
        world.hold(1);
        world.release(0);
    });
    assert_eq!(
        only_reservation(&given_back).status,
        ReservationStatus::Cancelled
    );
    assert_eq!(counted(&given_back), [32, 0, 0, 0]);
    let ran_out = rows_after(|world| {
        world.hold(0);
        world.expire(0);
    });
    assert_eq!(
        only_reservation(&ran_out).status,
        ReservationStatus::Expired
    );
    assert_eq!(counted(&ran_out), [32, 0, 0, 0]);
}

#[test]
fn a_payment_sells_and_is_shown_everywhere() {
    // 1: straight on; 5: the hold runs out on the way and is taken again.
    for which in [1, 5] {
        let rows = rows_after(|world| {
            world.hold(1);
            world.charge(1);
            world.pay(which);
        });
        let payment = rows.payments.values().next().unwrap();
        assert_eq!(payment.status, PaymentStatus::Completed);
        assert_eq!(payment.balance, Some(900));
        let sold = only_reservation(&rows);
        assert_eq!(sold.status, ReservationStatus::Confirmed);
        assert_eq!(sold.payment_id, Some(payment.payment_id));
        assert_eq!(rows.accounts[&id::<CustomerId>(101)].balance, 900);
        assert_eq!(rows.sagas[&payment.payment_id].state, SagaState::Completed);
        assert_eq!(counted(&rows), [31, 0, 1, 0]);
    }
}

#[test]
fn transactions_tell_what_moved_the_points() {
    let rows = rows_after(|world| {
        world.hold(1);
        world.charge(1);
        world.pay(1);
        world.refund(0);
    });
    let told: Vec<_> = rows
        .transactions
        .values()
        .map(|t| (t.kind, t.balance_after))
        .collect();
    let expected = [
        (TransactionKind::Charge, 1_000),
        (TransactionKind::Debit, 900),
        (TransactionKind::Credit, 1_000),
    ];
    assert_eq!(told, expected);
    for (position, row) in &rows.transactions {
        assert_eq!(*position, row.position);
        assert_eq!(row.charge_id.is_some(), row.kind == TransactionKind::Charge);
        assert_eq!(
            row.payment_id.is_some(),
            row.kind != TransactionKind::Charge
        );
    }
}

#[test]
fn a_failed_payment_says_why_and_leaves_the_hold() {
    for (which, refunded, transactions) in [(0, true, 3), (1, false, 1)] {
        let rows = rows_after(|world| {
            world.hold(1);
            world.charge(1);
            world.fail_to_pay(which);
        });
        let payment = rows.payments.values().next().unwrap();
        assert_eq!(payment.status, PaymentStatus::Failed);
        assert_eq!(payment.code.as_deref(), Some("seats_unavailable"));
        assert_eq!(payment.refunded, refunded);
        assert_eq!(only_reservation(&rows).status, ReservationStatus::Held);
        assert_eq!(rows.transactions.len(), transactions);
        assert_eq!(rows.sagas[&payment.payment_id].state, SagaState::Failed);
    }
}

#[test]
fn each_step_of_a_refund_shows() {
    use ReservationStatus::{Cancelled, Confirmed, Refunded};
    let mut world = World::of(&[]);
    world.hold(1);
    world.pay(1);
    world.refund(0);
    let state_after = |left_out: usize| {
        let events = &world.events[..world.events.len() - left_out];
        let rows = fold_all(events).unwrap();
        let payment: PaymentId = *rows.payments.keys().next().unwrap();
        (
            rows.payments[&payment].status,
            only_reservation(&rows).status,
            rows.sagas[&payment].state,
        )
    };
    let refunding = |reservation| (PaymentStatus::Refunding, reservation, SagaState::Refunding);
    assert_eq!(
        state_after(4),
        (PaymentStatus::Completed, Confirmed, SagaState::Completed)
    );
    assert_eq!(state_after(3), refunding(Confirmed));
    assert_eq!(state_after(2), refunding(Cancelled));
    assert_eq!(
        state_after(0),
        (PaymentStatus::Refunded, Refunded, SagaState::Refunded)
    );
}

#[test]
fn a_refund_asked_for_on_the_way_begins_at_the_end_of_the_payment() {
    use PaymentStatus::{Processing, Refunded, Refunding};
    let mut world = World::of(&[]);
    world.hold(1);
    world.pay(1);
    world.refund(0);
    // The request for the refund, recorded before the payment's completion.
    let events = &mut world.events;
    let requested = events.len() - 4;
    let completed = requested - 1;
    events.swap(requested, completed);
    let (first, second) = (events[requested].position, events[completed].position);
    (events[requested].position, events[completed].position) = (second, first);
    let states: Vec<_> = [completed, requested, events.len() - 1]
        .map(|last| fold_all(&world.events[..=last]).unwrap())
        .iter()
        .map(|rows| rows.payments.values().next().unwrap().status)
        .collect();
    assert_eq!(states, [Processing, Refunding, Refunded]);
}

#[test]
fn an_abandoned_payment_compensates() {
    let mut world = World::of(&[]);
    world.hold(1);
    world.fail_to_pay(0);
    let before_credit = &world.events[..world.events.len() - 2];
    let rows = fold_all(before_credit).unwrap();
    let saga = rows.sagas.values().next().unwrap();
    assert_eq!(saga.state, SagaState::Compensating);
    assert_eq!(saga.since, recorded_at(before_credit.len() as u64));
}

#[test]
fn house_seats_leave_and_come_back() {
    assert_eq!(counted(&rows_after(|world| world.block(1))), [31, 0, 0, 1]);
    assert_eq!(counted(&rows_after(|world| world.block(2))), [32, 0, 0, 0]);
}

#[test]
fn an_event_that_changes_a_row_which_is_not_there_is_refused() {
    let mut world = World::of(&[]);
    world.hold(1);
    let reservation = world.last_reservation();
    world.release(0);
    world.events.remove(4);
    let refused = fold_all(&world.events);
    assert!(
        matches!(&refused, Err(Error::MissingRow { position: 6, table: "reservations", key })
            if *key == reservation.to_string()),
        "{refused:?}"
    );
}

#[test]
fn an_event_of_tomorrow_is_refused() {
    let changes: [fn(&mut RecordedEvent); 3] = [
        |event| event.event_type = "SeatsTeleported".to_owned(),
        |event| event.event_version = "2".to_owned(),
        |event| event.payload = "{}".to_owned(),
    ];
    for change in changes {
        let mut world = World::of(&[]);
        change(&mut world.events[0]);
        let refused = fold_all(&world.events);
        assert!(
            matches!(refused, Err(Error::Undecodable { position: 1, .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn a_fold_stops_where_its_checkpoints_say() {
    let mut world = World::of(&[]);
    world.hold(1);
    world.charge(1);
    let at = |projection, position| Checkpoint {
        position,
        ..Checkpoint::start(projection, 1, 0)
    };
    let stands = [
        at(ProjectionId::SeatMaps, 4),
        at(ProjectionId::Reservations, 5),
    ];
    let mut fold = Fold::until(&stands, &[], Arc::new(|_| 0));
    for event in &world.events {
        fold.apply(event).unwrap();
    }
    assert_eq!(counted(fold.rows()), [32, 0, 0, 0]);
    assert_eq!(fold.rows().reservations.len(), 1);
    assert_eq!(
        (fold.rows().accounts.len(), fold.rows().shows.len()),
        (0, 0)
    );
}

#[test]
fn the_parts_of_a_log_fold_to_the_rows_of_the_whole() {
    let happen = |n: u8| (n.wrapping_mul(37), n.wrapping_mul(101));
    let world = World::of(&(0..150).map(happen).collect::<Vec<_>>());
    let whole = fold_all(&world.events).unwrap();
    let mut parts_with_rows = 0;
    for slice in Slice::all(5) {
        let mut fold = Fold::default().of(slice);
        for event in &world.events {
            fold.apply(event).unwrap();
        }
        parts_with_rows += usize::from(!fold.rows().is_empty());
        for table in Table::ALL {
            let mut expected = whole.documents(table).unwrap();
            expected.retain(|row| slice.holds_row(table, row).unwrap());
            assert_eq!(
                fold.rows().documents(table).unwrap(),
                expected,
                "{}",
                table.name()
            );
        }
    }
    assert!(parts_with_rows > 1);
}
