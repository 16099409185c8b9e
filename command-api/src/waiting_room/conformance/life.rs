//! Entering, leaving, being forgotten, coming back.

use chrono::TimeDelta;
use domain::ids::ShowId;
use uuid::Uuid;

use super::{
    Entered, Error, Opening, State, WaitingRoom, admit, after, ahead, customer, doors, enter,
    entrant, entry, limits, look, open_with, opening, text,
};
use crate::{
    ensure::ensure,
    waiting_room::{Notice, Order, Place},
};

pub(super) async fn a_customer_is_in_once(room: &dyn WaitingRoom) -> Result<(), String> {
    let show = open_with(room, 3, after(0)).await?;
    let again = room.enter(show, customer(2), entry(99), after(5)).await;
    let again = again.map_err(text)?;
    ensure!(
        matches!(again, Entered::Already(standing) if standing.entrant == entrant(2)
            && standing.state == State::Waiting { ahead: 1 }),
        "a second entry: {again:?}"
    );
    let other = open_with(room, 1, after(0)).await?;
    ensure!(
        look(room, other, 1, after(5)).await?.state == State::Waiting { ahead: 0 },
        "two shows share a queue"
    );
    let none = room
        .look(other, customer(2), after(5))
        .await
        .map_err(text)?;
    ensure!(none.is_none(), "an entry of another show: {none:?}");
    Ok(())
}

pub(super) async fn an_unknown_room_is_not_open(room: &dyn WaitingRoom) -> Result<(), String> {
    let show = ShowId(Uuid::now_v7());
    let now = after(0);
    let answers = [
        room.enter(show, customer(1), entry(1), now).await.err(),
        room.look(show, customer(1), now).await.err(),
        room.depth(show, now).await.err(),
        room.next(show, &limits(1), now).await.err(),
        room.grant(show, 1, 1_000).await.err(),
        room.sweep(show, None, now, 10).await.err(),
        room.release(show, &[(customer(1), entry(1))]).await.err(),
    ];
    for (call, answer) in answers.into_iter().enumerate() {
        ensure!(answer == Some(Error::NotOpen), "call {call}: {answer:?}");
    }
    let show = open_with(room, 1, now).await?;
    // Opened again, by another process: everything stays.
    room.open(show, &opening()).await.map_err(text)?;
    look(room, show, 1, now).await?;
    room.close(show).await.map_err(text)?;
    let closed = room.look(show, customer(1), now).await;
    ensure!(
        closed == Err(Error::NotOpen),
        "a closed room answers {closed:?}"
    );
    Ok(())
}

pub(super) async fn numbers_come_from_blocks(room: &dyn WaitingRoom) -> Result<(), String> {
    let show = ShowId(Uuid::now_v7());
    let small = Opening {
        last: 2,
        ..opening()
    };
    room.open(show, &small).await.map_err(text)?;
    enter(room, show, 1, after(0)).await?;
    enter(room, show, 2, after(0)).await?;
    let full = room.enter(show, customer(3), entry(3), after(0)).await;
    ensure!(
        full == Err(Error::NoNumbers { last: 2 }),
        "beyond the block: {full:?}"
    );
    // Two processes fetch the same block.
    for _ in 0..2 {
        room.grant(show, 1_001, 2_000).await.map_err(text)?;
        let number = if look(room, show, 3, after(0)).await.is_ok() {
            4
        } else {
            3
        };
        let standing = enter(room, show, number, after(0)).await?;
        ensure!(
            standing.entrant.number == 998 + number,
            "{:?}",
            standing.entrant
        );
    }
    Ok(())
}

pub(super) async fn entries_leave_and_are_forgotten(room: &dyn WaitingRoom) -> Result<(), String> {
    let show = open_with(room, 4, after(0)).await?;
    let wrong = room.release(show, &[(customer(2), entry(3))]).await;
    ensure!(
        wrong == Ok(0),
        "released an entry that is another's: {wrong:?}"
    );
    let left = room
        .release(show, &[(customer(2), entry(2)), (customer(9), entry(9))])
        .await;
    ensure!(left == Ok(1), "left: {left:?}");
    ensure!(
        ahead(room, show, 4, after(1)).await? == 2,
        "who left is still ahead"
    );
    let again = room.enter(show, customer(2), entry(22), after(2)).await;
    ensure!(
        matches!(again, Ok(Entered::New(standing)) if standing.entrant.number == 5
            && standing.state == State::Waiting { ahead: 3 }),
        "who left and comes again is not the last: {again:?}"
    );
    Ok(())
}

pub(super) async fn the_silent_are_swept(room: &dyn WaitingRoom) -> Result<(), String> {
    let show = open_with(room, 4, after(0)).await?;
    admit(room, show, &limits(1), after(0)).await?;
    look(room, show, 3, after(1_000)).await?;
    let swept = room
        .sweep(show, Some(after(999)), after(2_000), 100)
        .await
        .map_err(text)?;
    ensure!(
        swept.abandoned == 2 && swept.expired.is_empty(),
        "swept {swept:?}: the second and the fourth are silent"
    );
    ensure!(ahead(room, show, 3, after(2_000)).await? == 0, "not ahead");
    look(room, show, 1, after(2_000)).await?;
    let none = room.sweep(show, None, after(9_000), 100).await;
    let none = none.map_err(text)?;
    ensure!(none.abandoned == 0, "swept without being asked: {none:?}");
    Ok(())
}

pub(super) async fn what_is_published_is_told(room: &dyn WaitingRoom) -> Result<(), String> {
    let show = open_with(room, 1, after(0)).await?;
    let before = look(room, show, 1, after(0)).await?;
    ensure!(before.notice == Notice::default(), "{:?}", before.notice);
    let notice = Notice {
        rate_milli: 12_345,
        paused: true,
        sold_out: true,
    };
    room.publish(show, notice).await.map_err(text)?;
    let told = look(room, show, 1, after(1)).await?.notice;
    ensure!(told == notice, "told {told:?}");
    Ok(())
}

/// The store lost everything; receipts come in any order, and one comes too late.
pub(super) async fn what_was_lost_is_restored_in_its_order(
    room: &dyn WaitingRoom,
) -> Result<(), String> {
    let show = ShowId(Uuid::now_v7());
    let until = after(60_000);
    let again = Opening {
        first: 1_001,
        last: 2_000,
        lobby_open: false,
        recovers_until: Some(until),
        active: vec![(entrant(1), after(300_000))],
        ..opening()
    };
    room.open(show, &again).await.map_err(text)?;
    let inside = look(room, show, 1, doors()).await?;
    let expires_at = after(300_000);
    ensure!(
        inside.state == State::Admitted { expires_at },
        "a pass from the log: {inside:?}"
    );
    enter(room, show, 1_001, after(10)).await?;
    let place = |number, early| Place {
        entrant: entrant(number),
        order: Order::of(number),
        early,
    };
    for number in [30, 10, 20] {
        let lost = place(number, number == 20);
        let back = room.restore(show, &lost, after(20)).await.map_err(text)?;
        ensure!(back.recovers, "it does not say that it recovers");
    }
    let twice = room.restore(show, &place(10, false), after(30)).await;
    ensure!(twice.is_ok(), "a receipt shown twice: {twice:?}");
    let nobody = admit(room, show, &limits(10), after(59_999)).await?;
    ensure!(nobody.is_empty(), "{nobody:?} let in while it recovers");
    let silent = room
        .sweep(show, Some(after(50_000)), after(59_999), 100)
        .await
        .map_err(text)?;
    ensure!(silent.abandoned == 0, "swept while it recovers: {silent:?}");
    let late = room.restore(show, &place(5, false), until).await;
    ensure!(late == Err(Error::TooLate), "too late: {late:?}");
    let admitted = admit(room, show, &limits(10), until + TimeDelta::seconds(1)).await?;
    ensure!(admitted == [10, 20, 30, 1_001], "let in {admitted:?}");
    Ok(())
}
