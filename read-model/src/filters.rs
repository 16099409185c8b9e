//! Which rows a list shows, and how many there are.

use std::collections::BTreeMap;

use domain::{
    ids::{ConcertId, ShowId},
    time::Timestamp,
};

use crate::tables::SagaState;

/// Most sagas counted in one state, where those of all shows are counted.
pub const MAX_COUNTED: u32 = 100_000;

/// Which shows to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShowFilter {
    /// Shows of this concert alone.
    pub concert_id: Option<ConcertId>,
    /// Shows that start at or after this instant.
    pub from: Option<Timestamp>,
    /// Shows that start before this instant.
    pub to: Option<Timestamp>,
}

/// Which sagas to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SagaFilter {
    /// Sagas of this show alone.
    pub show_id: Option<ShowId>,
    /// Where they stand.
    pub stand: SagaStand,
}

/// Where a saga stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SagaStand {
    /// Anywhere.
    #[default]
    Any,
    /// In this state.
    In(SagaState),
    /// In a state that it should leave by itself, since this instant or longer.
    StuckSince(Timestamp),
}

/// How many sagas there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SagaCounts {
    /// In each state that there are any in. Of all shows together, at most [`MAX_COUNTED`] in each.
    pub by_state: BTreeMap<SagaState, u64>,
    /// In a state that they should leave by themselves, since the instant that was asked about or longer.
    pub stuck: u64,
}

impl SagaCounts {
    /// How many are in `state`.
    pub fn of(&self, state: SagaState) -> u64 {
        self.by_state.get(&state).copied().unwrap_or_default()
    }
}
