//! Whatever is gone and whatever is asked: what a refusal offers is free, and nothing nearer is.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    seating::Point,
    show::{plan::distance2, vacancy::Vacancy},
};

/// How a seat comes to be gone, or not quite.
#[derive(Debug, Clone, Copy)]
enum Gone {
    Held,
    Sold,
    Blocked,
    /// By a hold that is void by now, though nothing says so.
    Void,
}

fn any_gone() -> impl Strategy<Value = Gone> {
    prop_oneof![
        Just(Gone::Held),
        Just(Gone::Sold),
        Just(Gone::Blocked),
        Just(Gone::Void),
    ]
}

/// A show of which these seats are gone at the instant [`HOLD`].
fn house(gone: &BTreeMap<u32, Gone>, no_stranded_seats: bool) -> Stage {
    let mut free = Stage::open();
    let mut stage = Stage::set(Schedule {
        no_stranded_seats,
        ..schedule()
    });
    for (&seat, how) in gone {
        let (r, who) = (u128::from(seat), 1_000 + u128::from(seat));
        let guids = free.show.plan.guids(&[seat]);
        let price = if seat < 10 { 50 } else { 30 };
        let holding = hold(r, who, Selection::Seats(guids.clone()));
        let block = Command::Block {
            organizer_id: organizer(),
            seats: guids,
            reason: "Camera".to_owned(),
        };
        let (commands, when) = match how {
            Gone::Held => (vec![holding], 1),
            Gone::Sold => (vec![holding, confirm(r, r, price)], 1),
            Gone::Blocked => (vec![block], 1),
            Gone::Void => (vec![holding], 0),
        };
        // The rule about single seats is no concern of those who came before.
        for command in commands {
            let events = free.show.decide(&command, at(when)).expect("a free seat");
            free.fold(&events);
            stage.fold(&events);
        }
    }
    stage
}

fn distances(stage: &Stage, seats: impl IntoIterator<Item = u32>, near: Point) -> Vec<u64> {
    let place = |seat: u32| stage.show.plan.seat_at(seat).at;
    let mut distances: Vec<_> = seats
        .into_iter()
        .map(|seat| distance2(place(seat), near))
        .collect();
    distances.sort_unstable();
    distances
}

fn middle(stage: &Stage, seats: &[u32]) -> Point {
    let places = || seats.iter().map(|seat| stage.show.plan.seat_at(*seat).at);
    let count = i64::try_from(seats.len()).unwrap();
    Point {
        x: places().map(|at| at.x).sum::<i64>() / count,
        y: places().map(|at| at.y).sum::<i64>() / count,
    }
}

fn is_run(seats: &[u32]) -> bool {
    let row = |seat: u32| seat / 5;
    seats
        .windows(2)
        .all(|pair| pair[0] + 1 == pair[1] && row(pair[0]) == row(pair[1]))
}

/// Checks what is offered in one category against every seat that is free in it, without any cleverness.
fn check_nearest(stage: &Stage, asked: &[u32], offered: &[u32], free: &[u32]) {
    let near = middle(stage, asked);
    let least = |count: usize, near: Point, of: &[u32]| {
        let mut all = distances(stage, of.iter().copied(), near);
        all.truncate(count);
        all
    };
    if asked.len() > 1 && is_run(asked) {
        let runs = free.windows(asked.len()).filter(|run| is_run(run));
        let sum = |run: &[u32]| {
            distances(stage, run.iter().copied(), near)
                .iter()
                .sum::<u64>()
        };
        if let Some(best) = runs.map(sum).min() {
            assert!(is_run(offered), "{offered:?} are not side by side");
            assert_eq!(sum(offered), best, "{offered:?} instead of {asked:?}");
            return;
        }
    }
    let kept: Vec<u32> = asked.iter().copied().filter(|s| free.contains(s)).collect();
    let gone: Vec<u32> = asked
        .iter()
        .copied()
        .filter(|s| !free.contains(s))
        .collect();
    if gone.is_empty() {
        assert_eq!(offered, asked, "nothing of it is gone");
        return;
    }
    if kept.is_empty() || is_run(asked) {
        let found = distances(stage, offered.iter().copied(), near);
        assert_eq!(found, least(asked.len(), near, free), "{offered:?}");
        return;
    }
    assert!(
        kept.iter().all(|seat| offered.contains(seat)),
        "{offered:?}"
    );
    let near = middle(stage, &gone);
    let others =
        |of: &[u32]| -> Vec<u32> { of.iter().copied().filter(|s| !kept.contains(s)).collect() };
    let found = distances(stage, others(offered), near);
    assert_eq!(found, least(gone.len(), near, &others(free)), "{offered:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_offered_is_free_and_nothing_nearer_is(
        gone in prop::collection::btree_map(0..15_u32, any_gone(), 1..15),
        asked in prop::collection::btree_set(0..15_u32, 1..=4),
        no_stranded_seats: bool,
    ) {
        let stage = house(&gone, no_stranded_seats);
        let asked: Vec<u32> = asked.into_iter().collect();
        let named = Selection::Seats(stage.show.plan.guids(&asked));
        let refusal = stage.show.decide(&hold(99, BEN, named), at(HOLD));
        let Err(Error::SeatsUnavailable { seats, alternatives }) = refusal else {
            return Ok(());
        };
        let view = Vacancy::at(&stage.show, at(HOLD));
        let free: BTreeSet<u32> = (0..15).filter(|seat| {
            gone.get(seat).is_none_or(|how| matches!(how, Gone::Void))
        }).collect();
        let lost: Vec<_> = asked.iter().copied().filter(|seat| !free.contains(seat)).collect();
        let named: Vec<_> = seats.iter().map(|seat| seat.seat_guid.clone()).collect();
        prop_assert_eq!(named, stage.show.plan.guids(&lost));
        let offered: Vec<u32> = alternatives.iter().filter_map(|guid| stage.show.plan.find(guid)).collect();
        prop_assert!(offered.iter().all(|seat| free.contains(seat) && view.is_free(*seat)), "{:?}", alternatives);
        if !offered.is_empty() {
            let instead = hold(98, BEN, Selection::Seats(alternatives));
            prop_assert!(stage.show.decide(&instead, at(HOLD)).is_ok());
        }
        if no_stranded_seats {
            return Ok(());
        }
        let in_category = |seats: &[u32], back: bool| -> Vec<u32> {
            seats.iter().copied().filter(|seat| (*seat >= 10) == back).collect()
        };
        let free: Vec<u32> = free.into_iter().collect();
        let enough = |back| in_category(&free, back).len() >= in_category(&asked, back).len();
        prop_assert_eq!(offered.is_empty(), !(enough(false) && enough(true)));
        if offered.is_empty() {
            return Ok(());
        }
        for back in [false, true] {
            let (asked, offered) = (in_category(&asked, back), in_category(&offered, back));
            prop_assert_eq!(asked.len(), offered.len());
            if !asked.is_empty() {
                check_nearest(&stage, &asked, &offered, &in_category(&free, back));
            }
        }
    }
}
