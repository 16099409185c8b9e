//! Waiting rooms: numbers without a hole, each entry let in once, nobody while the room is paused, and no hold without a pass.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    facts::{Entrant, Fact, Flow, Held, Read},
    report::{Check, Findings},
};

/// How long after a pass was found good its hold may be recorded: the longest deadline of a command.
const DECIDED_WITHIN: TimeDelta = TimeDelta::seconds(10);

#[derive(Debug, Serialize, Deserialize)]
struct Pass {
    customer: Uuid,
    until: DateTime<Utc>,
}

/// One show's.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Room {
    opens_at: Option<DateTime<Utc>>,
    paused: bool,
    closed: bool,
    reserved: u64,
    /// Entries that were let in.
    served: HashSet<Uuid>,
    passes: HashMap<Uuid, Pass>,
}

/// All waiting rooms.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Rooms(HashMap<Uuid, Room>);

impl Rooms {
    /// Takes account of one event of a waiting room.
    pub(super) fn apply(&mut self, read: &Read<'_>, findings: &mut Findings) {
        findings.checked(Check::Admissions, 1);
        let room = self.0.entry(read.id).or_default();
        let mut find = |detail: String| {
            findings.add(Check::Admissions, read.event.position, detail);
        };
        match &read.fact {
            Fact::NumbersReserved { first, last } => {
                if *first != room.reserved + 1 || last < first {
                    let reserved = room.reserved;
                    find(format!("numbers {first} to {last} follow {reserved}"));
                }
                room.reserved = *last;
            }
            Fact::CustomersAdmitted {
                admitted,
                expires_at,
            } => {
                if room.paused || room.closed {
                    find("customers are let in while nobody is".to_owned());
                }
                for entrant in admitted {
                    room.admit(entrant, *expires_at, &mut find);
                }
            }
            Fact::PassesExpired { passes } => {
                for pass in passes {
                    let known = room.passes.get(&pass.entry_id);
                    if known.is_none_or(|known| known.until > read.event.recorded_at) {
                        find(format!("pass {} has not run out", pass.entry_id));
                    }
                }
            }
            Fact::FlowChanged(flow) => room.change(flow),
            _ => {}
        }
    }

    /// A hold of a show that has a room needs a pass.
    pub(super) fn apply_hold(&self, read: &Read<'_>, held: &Held<'_>, findings: &mut Findings) {
        let Some(room) = self.0.get(&read.id) else {
            return;
        };
        findings.checked(Check::Admissions, 1);
        let pass = held.pass.and_then(|pass| room.passes.get(&pass));
        let latest = read.event.recorded_at - DECIDED_WITHIN;
        if !pass.is_some_and(|pass| pass.customer == held.customer_id && pass.until > latest) {
            let detail = format!(
                "reservation {} is held without a pass that is good for it",
                held.reservation_id
            );
            findings.add(Check::Admissions, read.event.position, detail);
        }
    }

    /// When somebody must see to a room.
    pub(super) fn wake_at(&self, show: Uuid) -> Option<DateTime<Utc>> {
        let room = self.0.get(&show).filter(|room| !room.closed)?;
        room.opens_at
    }
}

impl Room {
    fn admit(&mut self, entrant: &Entrant, until: DateTime<Utc>, find: &mut impl FnMut(String)) {
        let Entrant {
            number,
            entry_id,
            customer_id,
        } = entrant;
        if *number > self.reserved {
            find(format!("number {number} was not set aside"));
        }
        if !self.served.insert(*entry_id) {
            find(format!("entry {entry_id} is let in twice"));
        }
        let pass = Pass {
            customer: *customer_id,
            until,
        };
        self.passes.insert(*entry_id, pass);
    }

    fn change(&mut self, flow: &Flow<'_>) {
        self.opens_at = Some(flow.opens_at);
        self.paused = flow.paused;
        self.closed = &*flow.change.0 == "closed";
    }
}
