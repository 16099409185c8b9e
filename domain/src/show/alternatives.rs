//! What a refusal offers instead: free seats of the same categories and number, near those asked for, side by side
//! where those were.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use super::{
    best_available::{Order, Wanted, find_nearest, find_nearest_whole, find_run},
    plan::{RankedRow, SeatIndex, box_distance2},
    vacancy::Vacancy,
};
use crate::seating::Point;

/// Seats to offer in place of `asked` (in plan order, at least one); empty where there are none.
pub(super) fn alternatives(
    view: &Vacancy<'_>,
    asked: &[SeatIndex],
    none_stranded: bool,
) -> Vec<SeatIndex> {
    let mut by_category: BTreeMap<u16, Vec<SeatIndex>> = BTreeMap::new();
    for &seat in asked {
        by_category
            .entry(view.plan().seat_at(seat).category)
            .or_default()
            .push(seat);
    }
    let mut offer = Vec::with_capacity(asked.len());
    for (category, seats) in by_category {
        match replace(view, category, &seats, none_stranded) {
            Some(found) => offer.extend(found),
            None => return Vec::new(),
        }
    }
    offer.sort_unstable();
    // Seats of several categories can strand one between them though each group by itself does not.
    if none_stranded && !view.stranded(&offer).is_empty() {
        return Vec::new();
    }
    offer
}

/// Replaces seats of one category.
fn replace(
    view: &Vacancy<'_>,
    category: u16,
    asked: &[SeatIndex],
    none_stranded: bool,
) -> Option<Vec<SeatIndex>> {
    let wanted = Wanted {
        category,
        count: asked.len(),
        near: middle(view, asked),
        none_stranded,
    };
    let whole = |seats: &[SeatIndex]| !none_stranded || view.stranded(seats).is_empty();
    // Seats of one category are no worse for what is gone of another.
    if asked.iter().all(|seat| view.is_free(*seat)) && whole(asked) {
        return Some(asked.to_vec());
    }
    let rows = |near: Point| move || nearest_rows(view, category, near);
    let together = asked.len() > 1 && are_adjacent(view, asked);
    if together && let Some(run) = find_run(view, &wanted, rows(wanted.near)(), Order::Nearest) {
        return Some(run);
    }
    let free: Vec<_> = asked
        .iter()
        .copied()
        .filter(|seat| view.is_free(*seat))
        .collect();
    let gone: Vec<_> = asked
        .iter()
        .copied()
        .filter(|seat| !view.is_free(*seat))
        .collect();
    if !together && !gone.is_empty() && !free.is_empty() {
        // What is free of a scattered choice stays; only the rest is replaced.
        let near = middle(view, &gone);
        let rest = Wanted {
            count: gone.len(),
            near,
            ..wanted
        };
        let mut seats = find_nearest(view, &rest, rows(near)(), &free);
        seats.extend(&free);
        seats.sort_unstable();
        if whole(&seats) && seats.len() == asked.len() {
            return Some(seats);
        }
    }
    find_nearest_whole(view, &wanted, rows(wanted.near))
}

/// Whether seats, in plan order, stand side by side in one row.
fn are_adjacent(view: &Vacancy<'_>, seats: &[SeatIndex]) -> bool {
    let row = |seat: &SeatIndex| view.plan().seat_at(*seat).row;
    seats
        .windows(2)
        .all(|pair| pair[0] + 1 == pair[1] && row(&pair[0]) == row(&pair[1]))
}

fn middle(view: &Vacancy<'_>, seats: &[SeatIndex]) -> Point {
    let places = || seats.iter().map(|seat| view.plan().seat_at(*seat).at);
    let count = i64::try_from(seats.len())
        .expect("a hold has at most 100 seats")
        .max(1);
    Point {
        x: places().map(|at| at.x).sum::<i64>() / count,
        y: places().map(|at| at.y).sum::<i64>() / count,
    }
}

/// The rows of a category by their distance to `near`, as far as they are asked for: a heap, because the first few
/// nearly always do.
fn nearest_rows(view: &Vacancy<'_>, category: u16, near: Point) -> impl Iterator<Item = RankedRow> {
    let plan = view.plan();
    let ranked = plan.ranked(category).iter();
    let mut heap: BinaryHeap<Reverse<RankedRow>> = ranked
        .map(|&(_, row)| Reverse((box_distance2(&plan.rows[row as usize], near), row)))
        .collect();
    std::iter::from_fn(move || heap.pop().map(|Reverse(row)| row))
}
