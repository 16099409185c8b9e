//! How many are let in.

use super::{
    Limits, State, WaitingRoom, admit, after, customer, entrant, entry, limits, look, open_with,
    text,
};
use crate::ensure::ensure;

pub(super) async fn is_bounded_by_tokens(room: &dyn WaitingRoom) -> Result<(), String> {
    let show = open_with(room, 40, after(0)).await?;
    let mut counts = Vec::new();
    // A full second's worth at first, then what gathers; never more than a second's worth.
    for at in [0, 0, 50, 250, 10_000] {
        counts.push(admit(room, show, &limits(10), after(at)).await?.len());
    }
    ensure!(counts == [10, 0, 0, 2, 10], "let in {counts:?}");
    let one = open_with(room, 4, after(0)).await?;
    let mut counts = Vec::new();
    for at in [0, 500, 999, 1_000, 1_999, 2_000] {
        counts.push(admit(room, one, &limits(1), after(at)).await?.len());
    }
    ensure!(counts == [1, 0, 0, 1, 0, 1], "one a second: {counts:?}");
    Ok(())
}

pub(super) async fn follows_a_change_of_the_rate(room: &dyn WaitingRoom) -> Result<(), String> {
    let show = open_with(room, 100, after(0)).await?;
    let mut counts = Vec::new();
    for (rate, at) in [(5, 0), (5, 1_000), (20, 2_000), (2, 3_000)] {
        counts.push(admit(room, show, &limits(rate), after(at)).await?.len());
    }
    ensure!(counts == [5, 5, 20, 2], "let in {counts:?}");
    Ok(())
}

pub(super) async fn is_bounded_by_capacity(room: &dyn WaitingRoom) -> Result<(), String> {
    let show = open_with(room, 10, after(0)).await?;
    let three = Limits {
        max_active: 3,
        ..limits(100)
    };
    let first = admit(room, show, &three, after(0)).await?;
    ensure!(first == [1, 2, 3], "let in {first:?}");
    let full = admit(room, show, &three, after(1_000)).await?;
    ensure!(full.is_empty(), "{full:?} let in to a full house");
    let bought = room.release(show, &[(customer(2), entry(2))]).await;
    ensure!(bought == Ok(1), "released {bought:?}");
    let next = admit(room, show, &three, after(2_000)).await?;
    ensure!(next == [4], "one place was free: {next:?}");
    let batch = Limits {
        batch: 2,
        ..limits(100)
    };
    let two = admit(room, show, &batch, after(3_000)).await?;
    ensure!(two == [5, 6], "a batch of two: {two:?}");
    Ok(())
}

pub(super) async fn is_bounded_by_what_there_is_to_sell(
    room: &dyn WaitingRoom,
) -> Result<(), String> {
    let show = open_with(room, 10, after(0)).await?;
    let stock = |places, holding| Limits {
        places,
        holding,
        ..limits(100)
    };
    let nobody = admit(room, show, &stock(0, 0), after(0)).await?;
    ensure!(nobody.is_empty(), "{nobody:?} let in to an empty shop");
    let first = admit(room, show, &stock(2, 0), after(0)).await?;
    ensure!(first == [1, 2], "two places: {first:?}");
    let inside = admit(room, show, &stock(2, 0), after(1_000)).await?;
    ensure!(
        inside.is_empty(),
        "{inside:?}: those inside may take both places"
    );
    // One of them holds: a place less, and one less who wants one.
    let next = admit(room, show, &stock(2, 1), after(2_000)).await?;
    ensure!(next == [3], "one for whom there is a place: {next:?}");
    Ok(())
}

pub(super) async fn passes_run_out(room: &dyn WaitingRoom) -> Result<(), String> {
    let show = open_with(room, 3, after(0)).await?;
    admit(room, show, &limits(2), after(0)).await?;
    let expires_at = after(600_000);
    let inside = look(room, show, 1, after(1)).await?;
    ensure!(inside.state == State::Admitted { expires_at }, "{inside:?}");
    let early = room.sweep(show, None, after(599_999), 10).await;
    let early = early.map_err(text)?;
    ensure!(early.expired.is_empty(), "before their time: {early:?}");
    // Told until they are released: they must be recorded first.
    for _ in 0..2 {
        let swept = room.sweep(show, None, expires_at, 10).await;
        let swept = swept.map_err(text)?;
        ensure!(
            swept.expired == [entrant(1), entrant(2)],
            "ran out: {swept:?}"
        );
    }
    let one = room.sweep(show, None, expires_at, 1).await.map_err(text)?;
    ensure!(one.expired.len() == 1, "more than asked for: {one:?}");
    let gone = room
        .release(show, &[(customer(1), entry(1)), (customer(2), entry(2))])
        .await;
    ensure!(gone == Ok(2), "released {gone:?}");
    let depth = room.depth(show, expires_at).await.map_err(text)?;
    ensure!((depth.active, depth.waiting) == (0, 1), "{depth:?}");
    Ok(())
}

pub(super) async fn admits_each_once(room: &dyn WaitingRoom) -> Result<(), String> {
    let show = open_with(room, 3, after(0)).await?;
    let everyone = [customer(1), customer(2), customer(9)];
    let until = after(600_000);
    let first = room.admit(show, &everyone, 10, until, after(0)).await;
    ensure!(first == Ok(2), "let in {first:?}");
    let again = room.admit(show, &everyone, 10, until, after(0)).await;
    ensure!(again == Ok(0), "let in twice: {again:?}");
    let depth = room.depth(show, after(0)).await.map_err(text)?;
    ensure!((depth.active, depth.waiting) == (2, 1), "{depth:?}");
    Ok(())
}
