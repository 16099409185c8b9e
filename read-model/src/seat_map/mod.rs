//! THE fold of a seat map: by the projection that stores maps, and by every server that keeps them in memory.
//!
//! A map is folded from its show's stream alone. Seats stand in plan order: the order in which they were listed.
//! Statuses are one letter a seat: `a` available, `h` held, `s` sold, `b` blocked.

#[cfg(test)]
mod against_the_domain;
mod plan;
mod stored;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use domain::{
    ids::ShowId,
    show::{
        Event,
        event::{HeldStanding, Places},
    },
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
        // Only `SeatStatus` letters are ever stored, so the other case does not occur.
        std::str::from_utf8(&self.statuses).unwrap_or_default()
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
        let mut counts = Counts::default();
        let seats = self.plan.categories().iter().map(|c| (&c.name, c.price, 0));
        let standing = self
            .standing()
            .map(|s| (&s.area.category, s.area.price, s.available));
        counts.categories = seats
            .chain(standing)
            .map(|(name, price, available)| CategoryCount {
                name: name.to_string(),
                price,
                available,
            })
            .collect();
        for (index, letter) in self.statuses.iter().enumerate() {
            match SeatStatus::from_letter(*letter) {
                Some(SeatStatus::Available) => {
                    counts.available += 1;
                    if let Some(category) = counts.categories.get_mut(self.plan.category_of(index))
                    {
                        category.available += 1;
                    }
                }
                Some(SeatStatus::Held) => counts.held += 1,
                Some(SeatStatus::Sold) => counts.sold += 1,
                Some(SeatStatus::Blocked) | None => counts.blocked += 1,
            }
        }
        for (index, taken) in self.standing.iter().enumerate() {
            counts.available += self.free_standing(index);
            counts.held += taken.held;
            counts.sold += taken.sold;
        }
        counts.capacity = counts.available + counts.held + counts.sold + counts.blocked;
        counts
    }

    /// Applies one event of the show's stream; an event that the map has seen is passed over. Answers with what changed;
    /// `None` where nothing did.
    pub fn apply(&mut self, event: &Event, position: u64) -> Option<Delta> {
        if position <= self.position {
            return None;
        }
        let mut delta = Delta {
            position,
            ..Delta::default()
        };
        match event {
            Event::ShowScheduled { .. }
            | Event::SeatsListed { .. }
            | Event::StandingListed { .. } => {
                self.list(event);
                self.plan_position = position;
                delta.plan_changed = true;
            }
            Event::SeatsHeld {
                seats, standing, ..
            } => {
                let seats = seats.iter().map(|seat| seat.seat_guid.as_str());
                self.set_seats(seats, SeatStatus::Held, &mut delta);
                self.hold_standing(standing.as_ref(), &mut delta);
            }
            Event::HoldReleased { places, .. } | Event::HoldExpired { places, .. } => {
                self.set_places(places, SeatStatus::Available, &mut delta);
                self.take(places, &mut delta, |taken, n| {
                    taken.held = taken.held.saturating_sub(n);
                });
            }
            Event::ReservationConfirmed {
                places, retaken, ..
            } => {
                let from_hold = !retaken;
                self.set_places(places, SeatStatus::Sold, &mut delta);
                self.take(places, &mut delta, |taken, n| {
                    taken.sold += n;
                    if from_hold {
                        taken.held = taken.held.saturating_sub(n);
                    }
                });
            }
            Event::ReservationCancelled { places, .. } => {
                self.set_places(places, SeatStatus::Available, &mut delta);
                self.take(places, &mut delta, |taken, n| {
                    taken.sold = taken.sold.saturating_sub(n);
                });
            }
            Event::SeatsBlocked { seats, .. } => {
                self.set_seats(
                    seats.iter().map(String::as_str),
                    SeatStatus::Blocked,
                    &mut delta,
                );
            }
            Event::SeatsUnblocked { seats, .. } => {
                self.set_seats(
                    seats.iter().map(String::as_str),
                    SeatStatus::Available,
                    &mut delta,
                );
            }
            Event::HoldExtended { .. }
            | Event::PaymentAbandoned { .. }
            | Event::ShowCancelled { .. } => {}
        }
        let changed = delta.plan_changed || !delta.seats.is_empty() || !delta.standing.is_empty();
        if changed {
            self.position = position;
        }
        changed.then_some(delta)
    }

    /// The events that build the plan: all come before the first hold.
    fn list(&mut self, event: &Event) {
        let plan = Arc::make_mut(&mut self.plan);
        if let Event::ShowScheduled {
            categories, prices, ..
        } = event
        {
            plan.set_categories(categories, prices);
        } else if let Event::SeatsListed { zone, .. } = event {
            let added = plan.add_zone(zone);
            let free = SeatStatus::Available.letter();
            self.statuses.resize(self.statuses.len() + added, free);
        } else if let Event::StandingListed { area, .. } = event {
            plan.add_area(area);
            self.standing.push(Taken::default());
        }
    }

    fn set_places(&mut self, places: &Places, status: SeatStatus, delta: &mut Delta) {
        self.set_seats(places.seats.iter().map(String::as_str), status, delta);
    }

    /// A seat that is not in the plan is passed over, as `evolve` does: the log is not refused here.
    fn set_seats<'a>(
        &mut self,
        guids: impl Iterator<Item = &'a str>,
        status: SeatStatus,
        delta: &mut Delta,
    ) {
        for index in guids.filter_map(|guid| self.plan.find(guid)) {
            self.statuses[index] = status.letter();
            let place = u32::try_from(index).expect("a plan has at most 50,000 seats");
            delta.seats.push((place, status));
        }
    }

    fn hold_standing(&mut self, held: Option<&HeldStanding>, delta: &mut Delta) {
        if let Some(held) = held {
            self.take_area(&held.category, delta, |taken| taken.held += held.quantity);
        }
    }

    fn take(&mut self, places: &Places, delta: &mut Delta, change: impl FnOnce(&mut Taken, u32)) {
        if let Some(standing) = &places.standing {
            self.take_area(&standing.category, delta, |taken| {
                change(taken, standing.quantity);
            });
        }
    }

    fn take_area(&mut self, category: &str, delta: &mut Delta, change: impl FnOnce(&mut Taken)) {
        let areas = self.plan.standing();
        if let Some(index) = areas.iter().position(|area| *area.category == *category) {
            change(&mut self.standing[index]);
            let place = u32::try_from(index).expect("a venue has few standing areas");
            delta.standing.push((place, self.free_standing(index)));
        }
    }

    fn free_standing(&self, index: usize) -> u32 {
        let taken = self.standing[index];
        let area = &self.plan.standing()[index];
        area.capacity
            .saturating_sub(taken.held)
            .saturating_sub(taken.sold)
    }
}
