//! The search for free seats: a run side by side, or the nearest ones.
//!
//! Rows come ranked by a distance below which none of their seats lies, so that a search can stop as soon as no later
//! row can do better. Rows without enough free seats are passed over by their counters alone: in a house that is
//! nearly sold out hardly a seat is looked at.

use std::collections::BinaryHeap;

use super::{
    plan::{RankedRow, SeatIndex, distance2},
    vacancy::Vacancy,
};
use crate::seating::Point;

/// What is looked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Index of the category.
    pub(super) category: u16,
    /// How many seats, at least one.
    pub(super) count: usize,
    /// Near to what.
    pub(super) near: Point,
    /// Whether no single free seat may be left over.
    pub(super) none_stranded: bool,
}

/// Which run is the best.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The best row that has a run, and the nearest run in it.
    RowsFirst,
    /// The nearest run, whatever its row.
    Nearest,
}

/// A run of free seats side by side in one row; its seats' squared distances have the least sum.
pub(super) fn find_run(
    view: &Vacancy<'_>,
    wanted: &Wanted,
    rows: impl Iterator<Item = RankedRow>,
    order: Order,
) -> Option<Vec<SeatIndex>> {
    let mut best: Option<(u128, SeatIndex)> = None;
    for (distance, row) in rows {
        if let Some((sum, _)) = best {
            // usize to u128 can't lose anything.
            let least = u128::from(distance) * wanted.count as u128;
            if order == Order::RowsFirst || least >= sum {
                break;
            }
        }
        if !view.may_have(row, wanted.count) {
            continue;
        }
        let place = &view.plan().rows[row as usize];
        if let Some(found) = best_run_in(view, wanted, place.start, place.end)
            && best.is_none_or(|(sum, _)| found.0 < sum)
        {
            best = Some(found);
        }
    }
    let count = u32::try_from(wanted.count).ok()?;
    best.map(|(_, first)| (first..first + count).collect())
}

/// The best run among the seats `start..end` of one row: the sum of its squared distances, and its first seat.
fn best_run_in(
    view: &Vacancy<'_>,
    wanted: &Wanted,
    start: SeatIndex,
    end: SeatIndex,
) -> Option<(u128, SeatIndex)> {
    let count = u32::try_from(wanted.count).ok()?;
    let distance =
        |seat: SeatIndex| u128::from(distance2(view.plan().seat_at(seat).at, wanted.near));
    let mut best: Option<(u128, SeatIndex)> = None;
    let mut length = 0;
    let mut sum = 0;
    for seat in start..end {
        if view.plan().seat_at(seat).category != wanted.category || !view.is_free(seat) {
            (length, sum) = (0, 0);
            continue;
        }
        length += 1;
        sum += distance(seat);
        if length > count {
            sum -= distance(seat - count);
        }
        if length >= count && best.is_none_or(|(least, _)| sum < least) {
            let first = seat + 1 - count;
            if !wanted.none_stranded || !strands(view, first, seat + 1, start, end) {
                best = Some((sum, first));
            }
        }
    }
    best
}

/// Whether taking the free seats `first..after` of the row `start..end` leaves a single one beside them.
fn strands(
    view: &Vacancy<'_>,
    first: SeatIndex,
    after: SeatIndex,
    start: SeatIndex,
    end: SeatIndex,
) -> bool {
    let is_end = |seat: SeatIndex| seat == start || seat + 1 == end;
    let left =
        first > start && view.is_free(first - 1) && (is_end(first - 1) || !view.is_free(first - 2));
    let right = after < end && view.is_free(after) && (is_end(after) || !view.is_free(after + 1));
    left || right
}

/// The nearest free seats, wherever they are, except those in `without` (in plan order). Fewer where there are fewer;
/// in plan order.
pub(super) fn find_nearest(
    view: &Vacancy<'_>,
    wanted: &Wanted,
    rows: impl Iterator<Item = RankedRow>,
    without: &[SeatIndex],
) -> Vec<SeatIndex> {
    // The farthest of the best so far is on top.
    let mut best: BinaryHeap<(u64, SeatIndex)> = BinaryHeap::with_capacity(wanted.count + 1);
    for (distance, row) in rows {
        let full = best.len() == wanted.count;
        if full && best.peek().is_none_or(|(farthest, _)| distance > *farthest) {
            break;
        }
        if !view.may_have(row, 1) {
            continue;
        }
        let place = &view.plan().rows[row as usize];
        for seat in place.start..place.end {
            let at = view.plan().seat_at(seat);
            if at.category != wanted.category
                || !view.is_free(seat)
                || without.binary_search(&seat).is_ok()
            {
                continue;
            }
            best.push((distance2(at.at, wanted.near), seat));
            if best.len() > wanted.count {
                best.pop();
            }
        }
    }
    let mut seats: Vec<SeatIndex> = best.into_iter().map(|(_, seat)| seat).collect();
    seats.sort_unstable();
    seats
}

/// The nearest free seats that leave none single. Where the nearest would, the seat left over takes the place of the
/// farthest one, as often as there are seats; after that a run is tried. `rows` begins the ranking anew each time.
pub(super) fn find_nearest_whole<R: Iterator<Item = RankedRow>>(
    view: &Vacancy<'_>,
    wanted: &Wanted,
    rows: impl Fn() -> R,
) -> Option<Vec<SeatIndex>> {
    let mut seats = find_nearest(view, wanted, rows(), &[]);
    if seats.len() < wanted.count {
        return None;
    }
    if !wanted.none_stranded {
        return Some(seats);
    }
    for _ in 0..wanted.count {
        let Some(&left) = view.stranded(&seats).first() else {
            return Some(seats);
        };
        let apart = |seat: SeatIndex| seat.abs_diff(left) > 1;
        let distance = |seat: SeatIndex| distance2(view.plan().seat_at(seat).at, wanted.near);
        let farthest = (0..seats.len())
            .filter(|i| apart(seats[*i]))
            .max_by_key(|i| distance(seats[*i]));
        match farthest {
            Some(i) if view.plan().seat_at(left).category == wanted.category => {
                seats[i] = left;
                seats.sort_unstable();
            }
            Some(_) | None => break,
        }
    }
    find_run(view, wanted, rows(), Order::RowsFirst)
}
