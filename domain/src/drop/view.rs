//! What a drop shows of itself: its next step, and how it stands.

use super::{Closed, DrawMode, Entry, FairDrop, Terms};
use crate::{
    ids::{CustomerId, DropEntryId},
    time::Timestamp,
};

/// What is to be done next, by whoever looks after drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing for now: entries are accepted.
    Wait {
        /// Until when.
        until: Timestamp,
    },
    /// Accept no more entries.
    Close,
    /// Publish the list's root.
    Seal,
    /// Ask for the beacon's value, or wait until the organizer tells it.
    Beacon,
    /// Draw.
    Draw,
    /// Ask winners for the price.
    Settle,
    /// See to it that those who forfeited are not debited.
    Release,
    /// Tell those who were next that nobody makes room any more.
    Dismiss,
    /// Make the secret known.
    Reveal,
    /// Nothing, ever.
    Over,
}

/// A drop as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// What was announced.
    pub terms: Terms,
    /// Whether, why and when it was closed.
    pub closed: Option<Closed>,
    /// Length of the list.
    pub entries: u32,
    /// Merkle root of the list.
    pub root: Option<String>,
    /// The beacon's value.
    pub beacon: Option<String>,
    /// Entries drawn.
    pub drawn: u32,
}

impl FairDrop {
    /// What is to be done next at `now`.
    pub fn step(&self, now: Timestamp) -> Step {
        let Some(terms) = &self.terms else {
            return Step::Over;
        };
        if self.secret.is_some() {
            return Step::Over;
        }
        let drawing = &self.drawing;
        if !drawing.unreleased.is_empty() {
            return Step::Release;
        }
        if !drawing.unsettled.is_empty() {
            return Step::Settle;
        }
        if self.closed.is_none() {
            let sold_out = terms.draw == DrawMode::OnEntry && drawing.paid == terms.stock;
            if sold_out || now >= terms.closes_at {
                return Step::Close;
            }
            let until = terms.closes_at;
            return Step::Wait { until };
        }
        if self.root.is_none() {
            return Step::Seal;
        }
        if terms.beacon.is_some() && self.beacon.is_none() {
            return Step::Beacon;
        }
        if drawing.drawn < self.entries.len() {
            return Step::Draw;
        }
        if !drawing.standby.is_empty() {
            return Step::Dismiss;
        }
        Step::Reveal
    }

    pub(super) fn is_ready_to_draw(&self) -> bool {
        let is_known = |terms: &Terms| terms.beacon.is_none() || self.beacon.is_some();
        let waits = |terms: &Terms| terms.draw == DrawMode::AtClose && is_known(terms);
        self.root.is_some() && self.terms.as_ref().is_some_and(waits)
    }

    /// The drop as it stands; `None` before it is opened.
    pub fn view(&self) -> Option<View> {
        Some(View {
            terms: self.terms.clone()?,
            closed: self.closed,
            entries: self.entries.len(),
            root: self.root.clone(),
            beacon: self.beacon.clone(),
            drawn: self.drawing.drawn,
        })
    }

    /// The customer's entry, and the sequence of the event that recorded it.
    pub fn entry_of(&self, customer: CustomerId) -> Option<(Entry, u64)> {
        let (index, entry) = self.entries.of(customer)?;
        Some((*entry, self.entries.sequence(index)))
    }

    /// The entries' ids, in the order of the list.
    pub fn entry_ids(&self) -> Vec<DropEntryId> {
        let all = self.entries.all().iter();
        all.map(|entry| entry.entrant.entry_id).collect()
    }

    /// What is left of the stock.
    pub fn stock_left(&self) -> u32 {
        self.drawing.tally.stock_left
    }

    /// Who wins next, if somebody forfeits.
    pub fn next_standby(&self) -> Option<DropEntryId> {
        let next = self.entries.get(*self.drawing.standby.front()?)?;
        Some(next.entrant.entry_id)
    }

    /// The first `limit` winners who were not asked for the price yet, with their places in the list.
    pub fn unsettled(&self, limit: usize) -> Vec<(u32, Entry)> {
        let winners = self.drawing.unsettled.iter();
        self.entries_at(winners.take(limit))
    }

    /// The first `limit` of those who forfeited and may still have been debited, with their places in the list.
    pub fn unreleased(&self, limit: usize) -> Vec<(u32, Entry)> {
        let forfeited = self.drawing.unreleased.iter();
        self.entries_at(forfeited.take(limit))
    }

    fn entries_at<'a>(&self, indices: impl Iterator<Item = &'a u32>) -> Vec<(u32, Entry)> {
        indices
            .filter_map(|index| Some((*index, *self.entries.get(*index)?)))
            .collect()
    }
}
