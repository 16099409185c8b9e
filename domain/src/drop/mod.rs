//! A drop: a lottery for goods, whose draw anyone can check.
//!
//! ```text
//!  opened ──▶ entries ... ──▶ closed ──▶ sealed ──▶ (beacon) ──▶ drawn ... ──▶ settled ... ──▶ (dismissed ...) ──▶ revealed
//!  commitment                            root                    lots          debits          who was next        secret
//! ```
//!
//! The secret is committed to before anybody enters, and the list is sealed before the beacon appears; lots follow from the secret, the
//! list, the beacon and the entry. They are made outside, where the secret is; here it is seen to that each entry is drawn once, in order,
//! and that the stock is never below zero. Where each entry is drawn as it comes, it is drawn in the step that records it.

pub mod chains;
pub mod command;
mod drawing;
mod entries;
pub mod error;
pub mod event;
pub mod lot;
mod opening;
pub mod probability;
pub mod upcast;
mod view;

use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::{
    command::{Command, Entering, Open, Outcome},
    entries::{Entry, Status},
    error::Error,
    event::{Beacon, CloseReason, DrawMode, DrawResult, Drawn, Entrant, Event, Settlement},
    lot::Lot,
    opening::Terms,
    probability::Probability,
    view::{Step, View},
};
use self::{drawing::Drawing, entries::Entries};
use crate::{
    aggregate::{self, Aggregate, Services},
    ids::OrganizerId,
    time::Timestamp,
};

/// Most entries of one drop: their list is kept in memory, 60 bytes each.
pub const MAX_ENTRIES: u32 = 1_000_000;
/// Largest stock: nobody can win more often than somebody enters.
pub const MAX_STOCK: u32 = MAX_ENTRIES;
/// Most entries of one event: 170 bytes each, a third of what one event may weigh.
pub const ENTRY_BATCH: usize = 1_000;
/// Most lots of one event: 200 bytes each.
pub const DRAW_BATCH: usize = 1_000;
/// Most winners of one event, 170 bytes each; as many are promoted at most.
pub const SETTLE_BATCH: usize = 500;
/// Most of those who were next in one event, 140 bytes each.
pub const DISMISS_BATCH: usize = 1_000;
/// Longest value of a beacon.
pub const MAX_BEACON_BYTES: usize = 256;
/// Longest name of a beacon's source.
pub const MAX_SOURCE_BYTES: usize = 200;

/// That no entry is accepted any more, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Why.
    pub reason: CloseReason,
    /// When.
    pub at: Timestamp,
    /// Whether whoever closed it knew the beacon's value already.
    pub beacon_in_hand: bool,
}

/// A drop.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FairDrop {
    /// Events so far.
    version: u64,
    /// `None` before it is opened.
    terms: Option<Terms>,
    entries: Entries,
    closed: Option<Closed>,
    /// Merkle root of the list, once it is sealed.
    root: Option<String>,
    /// The beacon's value, once it is known.
    beacon: Option<String>,
    drawing: Drawing,
    /// Once it is made known.
    secret: Option<String>,
}

fn check_batch(at: &'static str, length: usize, max: usize) -> Result<(), Error> {
    if length > max {
        let detail = format!("must be at most {max}, are {length}");
        return Err(Error::Invalid { at, detail });
    }
    Ok(())
}

fn out_of_step(detail: &str) -> Error {
    Error::OutOfStep {
        detail: detail.to_owned(),
    }
}

impl FairDrop {
    fn terms(&self) -> Result<&Terms, Error> {
        self.terms.as_ref().ok_or(Error::NotFound)
    }

    fn own(&self, organizer_id: OrganizerId) -> Result<&Terms, Error> {
        let terms = self.terms()?;
        if terms.organizer_id == organizer_id {
            Ok(terms)
        } else {
            Err(Error::NotFound)
        }
    }

    fn enter(&self, entering: &[Entering], now: Timestamp) -> Result<Vec<Event>, Error> {
        let terms = self.terms()?;
        check_batch("entering", entering.len(), ENTRY_BATCH)?;
        let mut seen = std::collections::HashSet::new();
        let fresh: Vec<_> = entering
            .iter()
            .filter(|new| self.entries.of(new.entrant.customer_id).is_none())
            .filter(|new| seen.insert(new.entrant.customer_id))
            .collect();
        if fresh.is_empty() {
            return Ok(Vec::new());
        }
        if self.closed.is_some() || now >= terms.closes_at {
            return Err(Error::Closed);
        }
        if now < terms.opens_at {
            let opens_at = terms.opens_at;
            return Err(Error::NotOpenYet { opens_at });
        }
        if self.entries.all().len() + fresh.len() > MAX_ENTRIES as usize {
            return Err(Error::Full);
        }
        let mut events = vec![Event::EntriesRecorded {
            organizer_id: terms.organizer_id,
            first: self.entries.len(),
            entries: fresh.iter().map(|new| new.entrant).collect(),
        }];
        if terms.draw == DrawMode::OnEntry {
            events.push(self.draw_on_entry(terms, &fresh)?);
        }
        Ok(events)
    }

    fn draw_on_entry(&self, terms: &Terms, fresh: &[&Entering]) -> Result<Event, Error> {
        let mut tally = self.drawing.tally;
        let mut drawn = Vec::with_capacity(fresh.len());
        for (index, new) in (self.entries.len()..).zip(fresh) {
            let lot = new.lot.ok_or_else(|| out_of_step("a lot is missing"))?;
            let (result, place) = tally.draw(terms, lot);
            drawn.push(Drawn {
                index,
                entry_id: new.entrant.entry_id,
                customer_id: new.entrant.customer_id,
                lot,
                result,
                place,
            });
        }
        Ok(Event::EntriesDrawn {
            organizer_id: terms.organizer_id,
            drawn,
            stock_left: tally.stock_left,
        })
    }

    fn close(
        &self,
        terms: &Terms,
        reason: CloseReason,
        closed_at: Timestamp,
        beacon_in_hand: bool,
    ) -> Vec<Event> {
        if self.closed.is_some() {
            return Vec::new();
        }
        vec![Event::DropClosed {
            organizer_id: terms.organizer_id,
            reason,
            entries: self.entries.len(),
            closed_at,
            beacon_in_hand,
        }]
    }

    fn seal(&self, root: &str, entries: u32) -> Result<Vec<Event>, Error> {
        let terms = self.terms()?;
        if self.closed.is_none() {
            return Err(out_of_step("entries are still accepted"));
        }
        if self.root.is_some() {
            return Ok(Vec::new());
        }
        if entries != self.entries.len() {
            return Err(out_of_step("the root is of another list"));
        }
        Ok(vec![Event::EntriesSealed {
            organizer_id: terms.organizer_id,
            entries,
            root: root.to_owned(),
        }])
    }

    fn record_beacon(
        &self,
        organizer_id: OrganizerId,
        value: &str,
        signature: Option<&str>,
    ) -> Result<Vec<Event>, Error> {
        let terms = self.own(organizer_id)?;
        let beacon = terms.beacon.as_ref().ok_or(Error::NoBeacon)?;
        opening::check_beacon_value(value, signature)?;
        if self.root.is_none() {
            return Err(out_of_step("the list is not sealed"));
        }
        match &self.beacon {
            Some(known) if known == value => Ok(Vec::new()),
            Some(_) => Err(Error::BeaconRecorded),
            None => Ok(vec![Event::BeaconRecorded {
                organizer_id,
                source: beacon.source.clone(),
                round: beacon.round,
                value: value.to_owned(),
                signature: signature.map(str::to_owned),
            }]),
        }
    }

    fn reveal(&self, secret: &str, now: Timestamp) -> Result<Vec<Event>, Error> {
        let event = |organizer_id| Event::SecretRevealed {
            organizer_id,
            secret: secret.to_owned(),
        };
        self.in_turn((Step::Reveal, &[Step::Over]), now, event)
    }

    /// The event of a step, where that is the next; nothing where one of the steps `behind` it is.
    fn in_turn(
        &self,
        (step, behind): (Step, &[Step]),
        now: Timestamp,
        event: impl FnOnce(OrganizerId) -> Event,
    ) -> Result<Vec<Event>, Error> {
        let organizer_id = self.terms()?.organizer_id;
        match self.step(now) {
            next if next == step => Ok(vec![event(organizer_id)]),
            next if behind.contains(&next) => Ok(Vec::new()),
            next => Err(out_of_step(&format!("the next is {next:?}"))),
        }
    }
}

impl Aggregate for FairDrop {
    const TYPE: &'static str = "drop";
    const SNAPSHOT_SCHEMA: u32 = 1;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: &Command, now: Timestamp) -> Result<Vec<Event>, Error> {
        match command {
            Command::Open(open) => self.open(open, now),
            Command::Enter { entering } => self.enter(entering, now),
            Command::Close {
                organizer_id,
                beacon_in_hand,
            } => {
                let terms = self.own(*organizer_id)?;
                Ok(self.close(terms, CloseReason::Organizer, now, *beacon_in_hand))
            }
            Command::Tick => self.terms().map(|_| Vec::new()),
            Command::Seal { root, entries } => self.seal(root, *entries),
            Command::RecordBeacon {
                organizer_id,
                value,
                signature,
            } => self.record_beacon(*organizer_id, value, signature.as_deref()),
            Command::Draw { from, lots } => self.draw(*from, lots),
            Command::Settle { outcomes } => self.settle(outcomes),
            Command::Dismiss => self.dismiss(now),
            Command::Reveal { secret } => self.reveal(secret, now),
        }
    }

    fn evolve(&mut self, event: &Event) {
        self.version += 1;
        match event {
            Event::DropOpened { stock, .. } => {
                self.drawing.tally.stock_left = *stock;
                self.terms = Terms::of(event);
            }
            Event::EntriesRecorded { entries, .. } => self.entries.extend(entries, self.version),
            Event::DropClosed {
                reason,
                closed_at,
                beacon_in_hand,
                ..
            } => {
                self.closed = Some(Closed {
                    reason: *reason,
                    at: *closed_at,
                    beacon_in_hand: *beacon_in_hand,
                });
            }
            Event::EntriesSealed { root, .. } => self.root = Some(root.clone()),
            Event::BeaconRecorded { value, .. } => self.beacon = Some(value.clone()),
            Event::EntriesDrawn {
                drawn, stock_left, ..
            } => self.apply_drawn(drawn, *stock_left),
            Event::WinnersSettled {
                settled,
                promoted,
                stock_left,
                ..
            } => self.apply_settled(settled, promoted, *stock_left),
            Event::StandbysDismissed { dismissed, .. } => self.apply_dismissed(dismissed),
            Event::SecretRevealed { secret, .. } => self.secret = Some(secret.clone()),
        }
    }

    /// Once its time has come, or everything is sold, it closes whatever is asked of it.
    fn due(&self, now: Timestamp) -> Vec<Event> {
        let Some(terms) = &self.terms else {
            return Vec::new();
        };
        match self.step(now) {
            Step::Close if now >= terms.closes_at => {
                self.close(terms, CloseReason::Time, terms.closes_at, false)
            }
            Step::Close => self.close(terms, CloseReason::Stock, now, false),
            Step::Wait { .. }
            | Step::Seal
            | Step::Beacon
            | Step::Draw
            | Step::Settle
            | Step::Release
            | Step::Dismiss
            | Step::Reveal
            | Step::Over => Vec::new(),
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        let terms = self.terms.as_ref()?;
        // What there is to do, whatever the time: an instant that has passed.
        match self.step(Timestamp::MIN_UTC) {
            Step::Wait { until } => Some(until),
            Step::Over => None,
            // Another instant than that of the steps around it: whoever waits for the beacon sees that there is something else to do.
            Step::Beacon => self.closed.map(|closed| closed.at),
            Step::Close
            | Step::Seal
            | Step::Draw
            | Step::Settle
            | Step::Release
            | Step::Dismiss
            | Step::Reveal => Some(terms.opens_at),
        }
    }
}

impl cqrs_es::Aggregate for FairDrop {
    const TYPE: &'static str = <Self as Aggregate>::TYPE;
    type Command = Command;
    type Event = Event;
    type Error = Error;
    type Services = Services;

    async fn handle(
        &mut self,
        command: Command,
        services: &Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Error> {
        aggregate::handle(self, command, services, sink).await
    }

    fn apply(&mut self, event: Event) {
        self.evolve(&event);
    }
}

#[cfg(test)]
mod tests;
