//! THE fold of a seat map: by the projection that stores maps, and by every server that keeps them in memory.
//!
//! A map is folded from its show's stream alone. Seats stand in plan order: the order in which they were listed.
//! Statuses are one letter a seat: `a` available, `h` held, `s` sold, `b` blocked.

mod plan;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    ids::ShowId,
    points::Points,
    show::{Event, event::Places},
};
use serde::{Deserialize, Serialize};

pub use self::plan::{Area, Category, Plan, PlanSeat};
use crate::tables::{CategoryCount, Counts};

/// How a seat stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum SeatStatus {
    /// Free.
    Available = b'a',
    /// Held.
    Held = b'h',
    /// Sold.
    Sold = b's',
    /// Out of sale.
    Blocked = b'b',
}

impl SeatStatus {
    /// The letter in `statuses`.
    pub const fn letter(self) -> u8 {
        self as u8
    }

    /// The word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Held => "held",
            Self::Sold => "sold",
            Self::Blocked => "blocked",
        }
    }

    /// The status that a letter stands for.
    pub const fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'a' => Some(Self::Available),
            b'h' => Some(Self::Held),
            b's' => Some(Self::Sold),
            b'b' => Some(Self::Blocked),
            _ => None,
        }
    }
}

/// A seat and how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatView<'a> {
    /// What never changes.
    pub seat: PlanSeat<'a>,
    /// How it stands.
    pub status: SeatStatus,
}

/// A standing area and how much of it is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandingView<'a> {
    /// What never changes.
    pub area: &'a Area,
    /// Free places.
    pub available: u32,
}

/// What one event changed: absolute states, so that applying a delta twice, or after a later state, does no harm that the
/// next delta does not mend.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delta {
    /// The event's place in the log.
    pub position: u64,
    /// Places in plan order, and how each seat stands now.
    pub seats: Vec<(u32, SeatStatus)>,
    /// Indices of standing areas, and free places now.
    pub standing: Vec<(u32, u32)>,
    /// Whether the plan itself grew: whoever follows the map needs it whole.
    pub plan_changed: bool,
}

/// Places of one standing area that are not free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Taken {
    held: u32,
    sold: u32,
}

/// The seats and standing places of one show, and how they stand. Copies share the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatMap {
    show_id: ShowId,
    plan: Arc<Plan>,
    prices: Arc<BTreeMap<String, Points>>,
    statuses: Vec<u8>,
    standing: Vec<Taken>,
    position: u64,
    plan_position: u64,
}

impl SeatMap {
    /// The map of a show of which nothing is known yet.
    pub fn new(show_id: ShowId) -> Self {
        Self {
            show_id,
            plan: Arc::default(),
            prices: Arc::default(),
            statuses: Vec::new(),
            standing: Vec::new(),
            position: 0,
            plan_position: 0,
        }
    }

    /// Whose map it is.
    pub fn show_id(&self) -> ShowId {
        self.show_id
    }

    /// What never changes once the show is listed.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Place in the log of the last event that changed the map.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Place in the log of the last event that changed the plan.
    pub fn plan_position(&self) -> u64 {
        self.plan_position
    }

    /// One letter a seat, in plan order.
    pub fn statuses(&self) -> &str {
        std::str::from_utf8(&self.statuses).expect("statuses are ASCII letters")
    }

    /// The seat at `index` in plan order.
    pub fn seat(&self, index: usize) -> Option<SeatView<'_>> {
        let status = SeatStatus::from_letter(*self.statuses.get(index)?)?;
        let seat = self.plan.seat(index)?;
        Some(SeatView { seat, status })
    }

    /// All seats, in plan order.
    pub fn seats(&self) -> impl Iterator<Item = SeatView<'_>> {
        (0..self.statuses.len()).filter_map(|index| self.seat(index))
    }

    /// All standing areas, in plan order.
    pub fn standing(&self) -> impl Iterator<Item = StandingView<'_>> {
        (0..self.standing.len()).map(|index| StandingView {
            area: &self.plan.standing()[index],
            available: self.free_standing(index),
        })
    }

    /// How the places stand, counted.
    pub fn counts(&self) -> Counts {
        todo!()
    }

    /// Applies one event of the show's stream; an event that the map has seen is passed over. Answers with what changed;
    /// `None` where nothing did.
    pub fn apply(&mut self, _event: &Event, _position: u64) -> Option<Delta> {
        todo!()
    }

    fn free_standing(&self, index: usize) -> u32 {
        let taken = self.standing[index];
        self.plan.standing()[index]
            .capacity
            .saturating_sub(taken.held)
            .saturating_sub(taken.sold)
    }
}
