//! The draw: lots to results, results to the stock, the stock to who pays. Its order is that of the lots, or, where each entry is drawn as
//! it comes, that of the list.
//!
//! ```text
//!  lot < p x 2^64, stock left     ──▶ won ──▶ paid
//!                                      └────▶ forfeited ──▶ released     one back to the stock, and to the next
//!  lot < p x 2^64, none left      ──▶ standby ──▶ won ...                                ◀──────────────┘
//!                                         └─────▶ lost, once nobody can forfeit any more
//!  otherwise                      ──▶ lost
//! ```

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::{
    Error, FairDrop, SETTLE_BATCH, Terms,
    command::Outcome,
    entries::Status,
    event::{DrawResult, Drawn, Event, Settled, Settlement, Standby},
    lot::Lot,
    view::Step,
};
use crate::{ids::DropEntryId, time::Timestamp};

/// What the next lot is drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Winning lots so far.
    pub(super) places: u32,
    /// What is left of the stock.
    pub(super) stock_left: u32,
}

/// How far the draw is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Drawing {
    /// Entries drawn.
    pub(super) drawn: u32,
    pub(super) tally: Tally,
    /// The last that was drawn; lots ascend where all are drawn at the close.
    pub(super) last: Option<(Lot, DropEntryId)>,
    /// Winners who were not asked for the price yet, in order.
    pub(super) unsettled: VecDeque<u32>,
    /// Who is next where one forfeits, in order.
    pub(super) standby: VecDeque<u32>,
    /// Who forfeited, and may still have been debited.
    pub(super) unreleased: BTreeSet<u32>,
    /// Who paid.
    pub(super) paid: u32,
}

impl Tally {
    /// What a lot comes to now; takes one of the stock where it wins.
    pub(super) fn draw(&mut self, terms: &Terms, lot: Lot) -> (DrawResult, Option<u32>) {
        if !terms.win_probability.wins(lot.0) {
            return (DrawResult::Lost, None);
        }
        self.places += 1;
        match self.stock_left.checked_sub(1) {
            Some(left) => {
                self.stock_left = left;
                (DrawResult::Won, Some(self.places))
            }
            None => (DrawResult::Standby, Some(self.places)),
        }
    }
}

impl Drawing {
    /// Takes `asked` out of those who were not asked yet: they stand at the front, but for the few whose answer took longer.
    fn forget_asked(&mut self, mut asked: BTreeSet<u32>) {
        let mut passed = Vec::new();
        while !asked.is_empty()
            && let Some(next) = self.unsettled.pop_front()
        {
            if !asked.remove(&next) {
                passed.push(next);
            }
        }
        for index in passed.into_iter().rev() {
            self.unsettled.push_front(index);
        }
    }
}

impl FairDrop {
    /// Draws entries in the order of their lots.
    pub(super) fn draw(&self, from: u32, lots: &[(u32, Lot)]) -> Result<Vec<Event>, Error> {
        let terms = self.terms()?;
        let out_of_step = |detail: String| Error::OutOfStep { detail };
        if from < self.drawing.drawn {
            return Ok(Vec::new());
        }
        if !self.is_ready_to_draw() || from != self.drawing.drawn || lots.is_empty() {
            return Err(out_of_step(format!("{} are drawn", self.drawing.drawn)));
        }
        super::check_batch("lots", lots.len(), super::DRAW_BATCH)?;
        let (mut tally, mut last) = (self.drawing.tally, self.drawing.last);
        let (mut drawn, mut seen) = (Vec::with_capacity(lots.len()), BTreeSet::new());
        for (index, lot) in lots {
            let entry = self.entries.get(*index);
            let entry = entry.filter(|entry| entry.status == Status::Entered);
            let entry = entry.filter(|_| seen.insert(*index));
            let entrant = entry
                .ok_or_else(|| out_of_step(format!("entry {index} can't be drawn")))?
                .entrant;
            // Strictly ascending, so that none is drawn before its turn.
            let key = (*lot, entrant.entry_id);
            if last.is_some_and(|last| last >= key) {
                return Err(out_of_step(format!("the lot {lot} is not the next")));
            }
            last = Some(key);
            let (result, place) = tally.draw(terms, *lot);
            drawn.push(Drawn {
                index: *index,
                entry_id: entrant.entry_id,
                customer_id: entrant.customer_id,
                lot: *lot,
                result,
                place,
            });
        }
        Ok(vec![Event::EntriesDrawn {
            organizer_id: terms.organizer_id,
            drawn,
            stock_left: tally.stock_left,
        }])
    }

    /// Records what came of asking winners; what they forfeit goes to the next in order.
    pub(super) fn settle(&self, outcomes: &[(u32, Outcome)]) -> Result<Vec<Event>, Error> {
        let terms = self.terms()?;
        super::check_batch("outcomes", outcomes.len(), SETTLE_BATCH)?;
        let mut settled = Vec::with_capacity(outcomes.len());
        let mut seen = BTreeSet::new();
        let mut stock_left = self.drawing.tally.stock_left;
        for (index, outcome) in outcomes {
            let Some(entry) = self.entries.get(*index) else {
                let detail = format!("there is no entry {index}");
                return Err(Error::OutOfStep { detail });
            };
            let (is_next, outcome, code) = match outcome {
                Outcome::Paid => (entry.status == Status::Won, Settlement::Paid, None),
                Outcome::Forfeited { code } => (
                    entry.status == Status::Won,
                    Settlement::Forfeited,
                    Some(code.clone()),
                ),
                Outcome::Released => (
                    self.drawing.unreleased.contains(index),
                    Settlement::Released,
                    None,
                ),
            };
            // Another leader may have recorded it, this way or the other: what is recorded counts.
            if !is_next || !seen.insert(*index) {
                continue;
            }
            stock_left += u32::from(outcome == Settlement::Forfeited);
            settled.push(Settled {
                index: *index,
                entry_id: entry.entrant.entry_id,
                customer_id: entry.entrant.customer_id,
                outcome,
                code,
            });
        }
        if settled.is_empty() {
            return Ok(Vec::new());
        }
        let promoted: Vec<_> = self.next_in_order(stock_left as usize).collect();
        let taken = u32::try_from(promoted.len()).expect("no more than the stock");
        Ok(vec![Event::WinnersSettled {
            organizer_id: terms.organizer_id,
            settled,
            promoted,
            stock_left: stock_left - taken,
        }])
    }

    /// Those who are next have lost.
    pub(super) fn dismiss(&self, now: Timestamp) -> Result<Vec<Event>, Error> {
        let event = |organizer_id| Event::StandbysDismissed {
            organizer_id,
            dismissed: self.next_in_order(super::DISMISS_BATCH).collect(),
        };
        self.in_turn((Step::Dismiss, &[Step::Reveal, Step::Over]), now, event)
    }

    fn next_in_order(&self, most: usize) -> impl Iterator<Item = Standby> {
        let next = self.drawing.standby.iter().take(most);
        next.filter_map(|index| {
            let entrant = self.entries.get(*index)?.entrant;
            Some(Standby {
                index: *index,
                entry_id: entrant.entry_id,
                customer_id: entrant.customer_id,
            })
        })
    }

    pub(super) fn apply_drawn(&mut self, drawn: &[Drawn], stock_left: u32) {
        for entry in drawn {
            let status = match entry.result {
                DrawResult::Won => {
                    self.drawing.unsettled.push_back(entry.index);
                    Status::Won
                }
                DrawResult::Standby => {
                    self.drawing.standby.push_back(entry.index);
                    Status::Standby
                }
                DrawResult::Lost => Status::Lost,
            };
            self.entries.set(entry.index, status);
            self.drawing.drawn += 1;
            let tally = &mut self.drawing.tally;
            tally.places = entry.place.unwrap_or(tally.places);
            self.drawing.last = Some((entry.lot, entry.entry_id));
        }
        self.drawing.tally.stock_left = stock_left;
    }

    pub(super) fn apply_settled(
        &mut self,
        settled: &[Settled],
        promoted: &[Standby],
        stock_left: u32,
    ) {
        let drawing = &mut self.drawing;
        let asked = settled
            .iter()
            .filter(|winner| winner.outcome != Settlement::Released)
            .map(|winner| winner.index);
        drawing.forget_asked(asked.collect());
        for winner in settled {
            match winner.outcome {
                Settlement::Paid => {
                    self.entries.set(winner.index, Status::Paid);
                    drawing.paid += 1;
                }
                Settlement::Forfeited => {
                    self.entries.set(winner.index, Status::Forfeited);
                    drawing.unreleased.insert(winner.index);
                }
                Settlement::Released => {
                    drawing.unreleased.remove(&winner.index);
                }
            }
        }
        for next in promoted {
            drawing.standby.pop_front();
            self.entries.set(next.index, Status::Won);
            drawing.unsettled.push_back(next.index);
        }
        drawing.tally.stock_left = stock_left;
    }

    pub(super) fn apply_dismissed(&mut self, dismissed: &[Standby]) {
        for last in dismissed {
            self.drawing.standby.pop_front();
            self.entries.set(last.index, Status::Lost);
        }
    }
}
