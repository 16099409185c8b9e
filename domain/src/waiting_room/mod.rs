//! A waiting room: what a show's queue must never forget. The queue itself, who waits and who is ahead of whom, is kept elsewhere and may be
//! lost; here stand the numbers set aside for it, who was let in, and every change of the flow.
//!
//! ```text
//!  numbers   1 ─────────── 1,000 │ 1,001 ─────────── 2,000 │ ...      a block is given out once at most
//!  entries   drawn at the doors ─┼── in the order of arrival ──▶      lower numbers first
//!                    ▲ last admitted
//! ```

pub mod command;
pub mod error;
pub mod event;
pub mod upcast;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::{
    command::Command,
    error::Error,
    event::{Change, Draw, Entrant, Event, Reason, Settings},
};
use crate::{
    aggregate::{self, Aggregate, Services},
    ids::{CustomerId, EntryId, OrganizerId},
    time::Timestamp,
};

/// Numbers set aside at once: a busy room asks the log once in a thousand entries, and a lost store leaves out no more than these.
pub const BLOCK: u64 = 1_000;
/// Most customers of one event: 130 bytes each, far below what one event may weigh.
pub const ADMISSION_BATCH: usize = 1_000;
/// Largest rate: ten thousand a second fill the largest hall in five.
pub const MAX_ADMIT_PER_SECOND: u32 = 10_000;
/// Most passes at a time: twice the largest hall.
pub const MAX_ACTIVE: u32 = 100_000;
/// Longest pass: two hours. It can't be taken back, so it is not for the day.
pub const MAX_PASS_SECONDS: u32 = 7_200;
/// How long a pass is remembered after its time: whoever records that it ran out needs no longer.
const REMEMBERED_SECONDS: i64 = 60;

/// A pass that was given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Queue number.
    pub number: u64,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// The first instant at which it is void.
    pub expires_at: Timestamp,
}

/// The flow as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Whose room it is.
    pub organizer_id: OrganizerId,
    /// When the doors open.
    pub opens_at: Timestamp,
    /// How fast, how many, how long.
    pub settings: Settings,
    /// Whether nobody is let in for now.
    pub paused: bool,
    /// Whether nobody is let in any more.
    pub closed: bool,
    /// SHA-256 of the seed, in hexadecimal.
    pub commitment: String,
}

/// A waiting room.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WaitingRoom {
    /// `None` before the room is put up.
    pub flow: Option<Flow>,
    /// The last number set aside; 0: none.
    pub reserved: u64,
    /// Passes whose time is not over, or just is. One that has bought stands here until then.
    pub passes: BTreeMap<EntryId, Pass>,
    /// The last who was let in.
    pub last_admitted: Option<Entrant>,
    /// How the first places were drawn.
    pub draw: Option<Draw>,
}

/// Checks what an organizer sets.
///
/// # Errors
/// The field, and what is wrong with it.
pub fn check_settings(settings: &Settings) -> Result<(), (&'static str, String)> {
    for (at, value, max) in [
        (
            "admit_per_second",
            settings.admit_per_second,
            MAX_ADMIT_PER_SECOND,
        ),
        ("max_active", settings.max_active, MAX_ACTIVE),
        ("pass_seconds", settings.pass_seconds, MAX_PASS_SECONDS),
    ] {
        if !(1..=max).contains(&value) {
            return Err((at, format!("must be 1 to {max}, is {value}")));
        }
    }
    Ok(())
}

fn invalid((at, detail): (&'static str, String)) -> Error {
    Error::Invalid { at, detail }
}

fn check_batch(at: &'static str, length: usize) -> Result<(), Error> {
    if length > ADMISSION_BATCH {
        let detail = format!("must be at most {ADMISSION_BATCH}, are {length}");
        return Err(Error::Invalid { at, detail });
    }
    Ok(())
}

impl Flow {
    fn changed(&self, change: Change, draw: Option<Draw>) -> Event {
        Event::FlowChanged {
            organizer_id: self.organizer_id,
            change,
            opens_at: self.opens_at,
            settings: self.settings,
            paused: self.paused,
            commitment: self.commitment.clone(),
            draw,
        }
    }
}

impl WaitingRoom {
    /// The flow of a room that is not closed.
    fn open(&self) -> Result<&Flow, Error> {
        match &self.flow {
            None => Err(Error::NotFound),
            Some(flow) if flow.closed => Err(Error::Closed),
            Some(flow) => Ok(flow),
        }
    }

    /// The flow, for who may change it.
    fn own(&self, organizer_id: OrganizerId) -> Result<&Flow, Error> {
        match &self.flow {
            Some(flow) if flow.organizer_id == organizer_id => self.open(),
            Some(_) | None => Err(Error::NotFound),
        }
    }

    fn put_up(
        &self,
        organizer_id: OrganizerId,
        opens_at: Timestamp,
        settings: Settings,
        commitment: &str,
    ) -> Result<Vec<Event>, Error> {
        if self.flow.is_some() {
            return Ok(Vec::new());
        }
        check_settings(&settings).map_err(invalid)?;
        Ok(vec![Event::FlowChanged {
            organizer_id,
            change: Change::Opened,
            opens_at,
            settings,
            paused: false,
            commitment: commitment.to_owned(),
            draw: None,
        }])
    }

    fn reserve(&self, after: u64, reason: Reason) -> Result<Vec<Event>, Error> {
        let flow = self.open()?;
        if after < self.reserved {
            return Ok(Vec::new());
        }
        Ok(vec![Event::NumbersReserved {
            organizer_id: flow.organizer_id,
            first: self.reserved + 1,
            last: self.reserved + BLOCK,
            reason,
        }])
    }

    fn admit(&self, entrants: &[Entrant], now: Timestamp) -> Result<Vec<Event>, Error> {
        let flow = self.open()?;
        if flow.paused {
            return Err(Error::Paused);
        }
        check_batch("entrants", entrants.len())?;
        let new = entrants
            .iter()
            .filter(|entrant| !self.passes.contains_key(&entrant.entry_id));
        let admitted: Vec<_> = new.copied().collect();
        if let Some(beyond) = admitted.iter().find(|new| new.number > self.reserved) {
            let detail = format!("{} was not set aside", beyond.number);
            return Err(invalid(("number", detail)));
        }
        if admitted.is_empty() {
            return Ok(Vec::new());
        }
        let valid = TimeDelta::seconds(flow.settings.pass_seconds.into());
        Ok(vec![Event::CustomersAdmitted {
            organizer_id: flow.organizer_id,
            admitted,
            admitted_at: now,
            expires_at: now + valid,
        }])
    }

    fn expire(&self, passes: &[EntryId], now: Timestamp) -> Result<Vec<Event>, Error> {
        let flow = self.flow.as_ref().ok_or(Error::NotFound)?;
        check_batch("passes", passes.len())?;
        let over = passes.iter().filter_map(|entry_id| {
            let pass = self.passes.get(entry_id)?;
            (pass.expires_at <= now).then_some(Entrant {
                number: pass.number,
                entry_id: *entry_id,
                customer_id: pass.customer_id,
            })
        });
        let passes: Vec<_> = over.collect();
        if passes.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![Event::PassesExpired {
            organizer_id: flow.organizer_id,
            passes,
        }])
    }

    fn pause(&self, organizer_id: OrganizerId, paused: bool) -> Result<Vec<Event>, Error> {
        let flow = self.own(organizer_id)?;
        if flow.paused == paused {
            return Ok(Vec::new());
        }
        let change = if paused {
            Change::Paused
        } else {
            Change::Resumed
        };
        let flow = Flow {
            paused,
            ..flow.clone()
        };
        Ok(vec![flow.changed(change, None)])
    }
}

impl Aggregate for WaitingRoom {
    const TYPE: &'static str = "waiting_room";
    const SNAPSHOT_SCHEMA: u32 = 1;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: &Command, now: Timestamp) -> Result<Vec<Event>, Error> {
        match command {
            Command::Open {
                organizer_id,
                opens_at,
                settings,
                commitment,
            } => self.put_up(*organizer_id, *opens_at, *settings, commitment),
            Command::Reserve { after, reason } => self.reserve(*after, *reason),
            Command::Admit { entrants } => self.admit(entrants, now),
            Command::Expire { passes } => self.expire(passes, now),
            Command::Change {
                organizer_id,
                admit_per_second,
                max_active,
                pass_seconds,
            } => {
                let flow = self.own(*organizer_id)?;
                let settings = Settings {
                    admit_per_second: admit_per_second.unwrap_or(flow.settings.admit_per_second),
                    max_active: max_active.unwrap_or(flow.settings.max_active),
                    pass_seconds: pass_seconds.unwrap_or(flow.settings.pass_seconds),
                };
                check_settings(&settings).map_err(invalid)?;
                if settings == flow.settings {
                    return Ok(Vec::new());
                }
                let flow = Flow {
                    settings,
                    ..flow.clone()
                };
                Ok(vec![flow.changed(Change::Changed, None)])
            }
            Command::Pause { organizer_id } => self.pause(*organizer_id, true),
            Command::Resume { organizer_id } => self.pause(*organizer_id, false),
            Command::Draw { draw } => match self.draw {
                Some(_) => Ok(Vec::new()),
                None => Ok(vec![
                    self.open()?.changed(Change::Drawn, Some(draw.clone())),
                ]),
            },
            Command::Close => match self.open() {
                Ok(flow) => Ok(vec![flow.changed(Change::Closed, None)]),
                Err(Error::Closed) => Ok(Vec::new()),
                Err(error) => Err(error),
            },
        }
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::NumbersReserved { last, .. } => self.reserved = *last,
            Event::CustomersAdmitted {
                admitted,
                admitted_at,
                expires_at,
                ..
            } => {
                let forgotten = *admitted_at - TimeDelta::seconds(REMEMBERED_SECONDS);
                self.passes.retain(|_, pass| pass.expires_at > forgotten);
                for entrant in admitted {
                    let pass = Pass {
                        number: entrant.number,
                        customer_id: entrant.customer_id,
                        expires_at: *expires_at,
                    };
                    self.passes.insert(entrant.entry_id, pass);
                }
                self.last_admitted = admitted.last().copied().or(self.last_admitted);
            }
            Event::PassesExpired { passes, .. } => {
                for pass in passes {
                    self.passes.remove(&pass.entry_id);
                }
            }
            Event::FlowChanged {
                organizer_id,
                change,
                opens_at,
                settings,
                paused,
                commitment,
                draw,
            } => {
                self.flow = Some(Flow {
                    organizer_id: *organizer_id,
                    opens_at: *opens_at,
                    settings: *settings,
                    paused: *paused,
                    closed: *change == Change::Closed,
                    commitment: commitment.clone(),
                });
                self.draw = draw.clone().or_else(|| self.draw.take());
            }
        }
    }

    /// From the doors on, somebody must see to it, until it is closed.
    fn wake_at(&self) -> Option<Timestamp> {
        let flow = self.flow.as_ref().filter(|flow| !flow.closed)?;
        Some(flow.opens_at)
    }
}

impl cqrs_es::Aggregate for WaitingRoom {
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
