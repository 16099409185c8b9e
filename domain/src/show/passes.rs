//! Who was let in by the show's waiting room, what a pass is good for, and what there is to let customers in for.

use std::collections::HashSet;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{Error, Show, Terms};
use crate::{
    ids::{CustomerId, EntryId, ReservationId},
    time::Timestamp,
    waiting_room::Settings,
};

/// A pass that has bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoughtPass {
    /// The pass: the entry that led to it.
    pub entry_id: EntryId,
    /// Whose it is.
    pub customer_id: CustomerId,
}

/// The passes that have bought, in the order of their purchases.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Passes {
    bought: Vec<BoughtPass>,
    known: HashSet<EntryId>,
}

impl Passes {
    fn add(&mut self, pass: BoughtPass) {
        if self.known.insert(pass.entry_id) {
            self.bought.push(pass);
        }
    }

    pub(super) fn bought(&self) -> &[BoughtPass] {
        &self.bought
    }
}

impl From<Vec<BoughtPass>> for Passes {
    fn from(bought: Vec<BoughtPass>) -> Self {
        Self {
            known: bought.iter().map(|pass| pass.entry_id).collect(),
            bought,
        }
    }
}

/// What a show has to sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stock {
    /// Places that are free, or in a hold that is void before long.
    pub places: u32,
    /// Holds that stay: those who have them want no further place.
    pub holding: u32,
    /// Whether nothing is left that could become free by itself: all is sold or blocked, or the sale is over.
    pub sold_out: bool,
    /// Whether holds are accepted now.
    pub on_sale: bool,
    /// Whether none will be accepted any more.
    pub over: bool,
}

impl Show {
    /// How the show's waiting room was set when it was scheduled; `None`: it has none.
    pub fn waiting_room(&self) -> Option<Settings> {
        self.terms.as_ref()?.waiting_room
    }

    /// The first instant at which a hold is accepted.
    pub fn on_sale_at(&self) -> Option<Timestamp> {
        self.terms.as_ref().map(|terms| terms.on_sale_at)
    }

    /// The passes that have bought, in the order of their purchases; the list only grows.
    pub fn bought(&self) -> &[BoughtPass] {
        self.passes.bought()
    }

    /// What there is to sell at `now`; a hold counts as free that is void within `soon`.
    pub fn stock(&self, now: Timestamp, soon: TimeDelta) -> Stock {
        let (holding, returning) = self.reservations.holding(now + soon);
        let counts = self.counts();
        let sale = self.check_on_sale(now);
        let over = matches!(
            sale,
            Err(Error::ShowCancelled | Error::OffSale { .. } | Error::NotFound)
        );
        Stock {
            places: counts.available + returning,
            holding,
            sold_out: over || (counts.available == 0 && counts.held == 0),
            on_sale: sale.is_ok(),
            over,
        }
    }

    /// Refuses whoever was not let in, or has bought already. The pass, where it matters.
    pub(super) fn check_admitted(
        &self,
        terms: &Terms,
        pass: Option<EntryId>,
    ) -> Result<Option<EntryId>, Error> {
        if terms.waiting_room.is_none() {
            return Ok(None);
        }
        match pass {
            None => Err(Error::NotAdmitted),
            Some(pass) if self.passes.known.contains(&pass) => Err(Error::PassUsed),
            Some(pass) => Ok(Some(pass)),
        }
    }

    /// What the reservation was held with has bought.
    pub(super) fn use_pass(&mut self, id: ReservationId) {
        let entry = self.reservations.find(id).map(|(_, entry)| entry);
        let pass = entry.and_then(|entry| {
            Some(BoughtPass {
                entry_id: entry.pass?,
                customer_id: entry.customer_id,
            })
        });
        if let Some(pass) = pass {
            self.passes.add(pass);
        }
    }
}
