//! Who is ahead of whom.

use super::{
    State, WaitingRoom, admit, after, ahead, customer, doors, enter, entry, limits, look,
    open_with, text,
};
use crate::ensure::ensure;

pub(super) async fn places_are_strictly_by_number(room: &dyn WaitingRoom) -> Result<(), String> {
    let show = open_with(room, 30, after(0)).await?;
    for number in 1..=30 {
        let found = ahead(room, show, number, after(1)).await?;
        ensure!(found == number - 1, "{found} are ahead of number {number}");
    }
    let first = admit(room, show, &limits(10), after(1_000)).await?;
    ensure!(first == (1..=10).collect::<Vec<_>>(), "let in {first:?}");
    enter(room, show, 31, after(1_001)).await?;
    let second = admit(room, show, &limits(10), after(2_000)).await?;
    ensure!(second == (11..=20).collect::<Vec<_>>(), "let in {second:?}");
    ensure!(ahead(room, show, 31, after(2_000)).await? == 10, "the last");
    Ok(())
}

pub(super) async fn the_lobby_waits_for_its_draw(room: &dyn WaitingRoom) -> Result<(), String> {
    let show = open_with(room, 3, after(-5_000)).await?;
    let early = look(room, show, 1, after(-4_000)).await?;
    ensure!(
        early.early && early.state == State::Lobby,
        "before the doors: {early:?}"
    );
    // One comes after the doors, before the draw.
    let late = enter(room, show, 4, doors()).await?;
    ensure!(
        !late.early && late.state == State::Waiting { ahead: 3 },
        "all of the lobby are ahead: {late:?}"
    );
    let nobody = admit(room, show, &limits(10), after(1)).await?;
    ensure!(nobody.is_empty(), "{nobody:?} let in before the draw");
    room.close_lobby(show).await.map_err(text)?;
    // Another process's clock is slow: whoever comes now is not early any more.
    let fifth = enter(room, show, 5, after(-1)).await?;
    ensure!(!fifth.early, "the lobby is closed: {fifth:?}");
    let depth = room.depth(show, after(1)).await.map_err(text)?;
    ensure!(
        (depth.lobby, depth.waiting, depth.lobby_open) == (3, 2, false),
        "{depth:?}"
    );
    let page = room.lobby(show, 1, 1).await.map_err(text)?;
    ensure!(
        page.len() == 1 && page[0].number == 2,
        "the lobby behind the first: {page:?}"
    );
    Ok(())
}

pub(super) async fn a_drawn_entry_keeps_what_it_drew(room: &dyn WaitingRoom) -> Result<(), String> {
    let show = open_with(room, 3, after(-5_000)).await?;
    enter(room, show, 4, doors()).await?;
    room.close_lobby(show).await.map_err(text)?;
    let draw = |customer, number| [(customer, number)];
    room.draw(show, &draw(customer(3), 1)).await.map_err(text)?;
    ensure!(
        ahead(room, show, 3, after(1)).await? == 0,
        "half of the lobby is still there, and behind"
    );
    ensure!(ahead(room, show, 4, after(1)).await? == 3, "the last");
    let nobody = admit(room, show, &limits(10), after(1)).await?;
    ensure!(nobody.is_empty(), "{nobody:?} let in in the middle");
    // Somebody leaves, the leader dies, and the next one draws again from where it stood.
    let left = room.release(show, &[(customer(2), entry(2))]).await;
    ensure!(left == Ok(1), "left the lobby: {left:?}");
    for (who, number) in [(3, 1), (1, 2), (2, 3)] {
        room.draw(show, &draw(customer(who), number))
            .await
            .map_err(text)?;
    }
    let third = look(room, show, 1, after(1)).await?;
    ensure!(
        third.entrant.number == 2 && third.early && third.state == State::Waiting { ahead: 1 },
        "{third:?}"
    );
    let admitted = admit(room, show, &limits(10), after(1)).await?;
    ensure!(admitted == [1, 2, 4], "let in {admitted:?}");
    Ok(())
}
