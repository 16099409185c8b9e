//! Which seats are free, held, sold or blocked, with counters so that no decision has to count.

use super::plan::{Plan, RowIndex, SeatIndex};

/// Index of a reservation in the order in which they were made.
pub(super) type Slot = u32;

/// What a seat is, by events alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeatState {
    Free,
    Held(Slot),
    Sold(Slot),
    /// By the event of this sequence.
    Blocked(u64),
}

/// Seats of one row that could be free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct RowCount {
    free: u32,
    held: u32,
}

/// The states of all seats. Derived from the reservations and the blocked seats; never stored by itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Seats {
    states: Vec<SeatState>,
    rows: Vec<RowCount>,
    held: u32,
    sold: u32,
    blocked: u32,
}

impl Seats {
    /// Makes room, free, for what the plan has gained.
    pub(super) fn grow(&mut self, plan: &Plan) {
        self.rows.resize(plan.rows.len(), RowCount::default());
        for seat in &plan.seats[self.states.len()..] {
            self.rows[seat.row as usize].free += 1;
        }
        self.states.resize(plan.seats.len(), SeatState::Free);
    }

    pub(super) fn get(&self, seat: SeatIndex) -> SeatState {
        self.states[seat as usize]
    }

    pub(super) fn set(&mut self, plan: &Plan, seat: SeatIndex, state: SeatState) {
        let before = std::mem::replace(&mut self.states[seat as usize], state);
        let row = plan.seat_at(seat).row as usize;
        *self.counter(before, row) -= 1;
        *self.counter(state, row) += 1;
        match before {
            SeatState::Held(_) => self.held -= 1,
            SeatState::Free | SeatState::Sold(_) | SeatState::Blocked(_) => {}
        }
        match state {
            SeatState::Held(_) => self.held += 1,
            SeatState::Free | SeatState::Sold(_) | SeatState::Blocked(_) => {}
        }
    }

    /// The counter that a state is counted in: by row where searches ask for it, in all otherwise.
    fn counter(&mut self, state: SeatState, row: usize) -> &mut u32 {
        match state {
            SeatState::Free => &mut self.rows[row].free,
            SeatState::Held(_) => &mut self.rows[row].held,
            SeatState::Sold(_) => &mut self.sold,
            SeatState::Blocked(_) => &mut self.blocked,
        }
    }

    /// Seats of a row that are free, and seats that are held.
    pub(super) fn row(&self, row: RowIndex) -> (u32, u32) {
        let count = self.rows[row as usize];
        (count.free, count.held)
    }

    pub(super) fn held(&self) -> u32 {
        self.held
    }

    pub(super) fn sold(&self) -> u32 {
        self.sold
    }

    pub(super) fn blocked(&self) -> u32 {
        self.blocked
    }

    /// The blocked seats, in plan order, each with the sequence of the event that blocked it.
    pub(super) fn all_blocked(&self) -> Vec<(SeatIndex, u64)> {
        let states = self.states.iter().zip(0..);
        states
            .filter_map(|(state, seat)| match state {
                SeatState::Blocked(sequence) => Some((seat, *sequence)),
                SeatState::Free | SeatState::Held(_) | SeatState::Sold(_) => None,
            })
            .collect()
    }
}
