//! What is free at an instant: free by the events, or in a hold that is void by then though nothing says so yet.

use super::{
    Show, TakenSeat,
    plan::{Plan, RowIndex, SeatIndex},
    seats::SeatState,
};
use crate::time::Timestamp;

/// The seats of a show, seen at an instant.
#[derive(Clone, Copy)]
pub(super) struct Vacancy<'a> {
    show: &'a Show,
    now: Timestamp,
    /// Whether any hold is void and not yet recorded as expired; rarely so.
    void: bool,
}

impl<'a> Vacancy<'a> {
    pub(super) fn at(show: &'a Show, now: Timestamp) -> Self {
        let void = show
            .reservations
            .first_expiry()
            .is_some_and(|first| first <= now);
        Self { show, now, void }
    }

    pub(super) fn plan(&self) -> &'a Plan {
        &self.show.plan
    }

    pub(super) fn is_free(&self, seat: SeatIndex) -> bool {
        match self.show.seats.get(seat) {
            SeatState::Free => true,
            SeatState::Held(slot) => {
                self.void && self.show.reservations.get(slot).is_void(self.now)
            }
            SeatState::Sold(_) | SeatState::Blocked(_) => false,
        }
    }

    /// Those of `seats` that are not free, each with the sequence of the event that took it.
    pub(super) fn taken(&self, seats: &[SeatIndex]) -> Vec<TakenSeat> {
        let taken = seats.iter().filter(|seat| !self.is_free(**seat));
        let since = |seat: SeatIndex| match self.show.seats.get(seat) {
            SeatState::Held(slot) | SeatState::Sold(slot) => {
                Some(self.show.reservations.get(slot).taken_at)
            }
            SeatState::Blocked(sequence) => Some(sequence),
            SeatState::Free => None,
        };
        taken
            .filter_map(|seat| {
                Some(TakenSeat {
                    seat_guid: self.plan().seat_at(*seat).guid.clone(),
                    sequence: since(*seat)?,
                })
            })
            .collect()
    }

    /// Whether `row` could have `count` free seats; a no is final.
    pub(super) fn may_have(&self, row: RowIndex, count: usize) -> bool {
        let (free, held) = self.show.seats.row(row);
        let most = if self.void { free + held } else { free };
        most as usize >= count
    }

    /// Free seats that `taken` (in plan order) would leave single: no free seat on either side, be it for a taken seat or for the end of
    /// the row. Seats that were single before don't count.
    pub(super) fn stranded(&self, taken: &[SeatIndex]) -> Vec<SeatIndex> {
        let is_taken = |seat: SeatIndex| taken.binary_search(&seat).is_ok();
        let mut left: Vec<SeatIndex> = Vec::new();
        for &seat in taken {
            let row = self.plan().row_of(seat);
            for neighbour in [seat.checked_sub(1), seat.checked_add(1)]
                .into_iter()
                .flatten()
            {
                let inside = row.start <= neighbour && neighbour < row.end;
                if !inside || is_taken(neighbour) || !self.is_free(neighbour) {
                    continue;
                }
                let gone = |seat| is_taken(seat) || !self.is_free(seat);
                let left_gone = neighbour == row.start || gone(neighbour - 1);
                let right_gone = neighbour + 1 == row.end || gone(neighbour + 1);
                if left_gone && right_gone {
                    left.push(neighbour);
                }
            }
        }
        left.sort_unstable();
        left.dedup();
        left
    }
}
