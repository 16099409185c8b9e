//! Drops: each entry drawn once, in order, by the lot that the secret gives it; the stock never below zero; winners debited, others not.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    facts::{Drawn, DropEntrant, DropOpened, Fact, Read, Settled},
    points::{Accounts, Spent},
    report::{At, Check, Findings},
};
use crate::verify_draw::{Draw, commitment_of, root_of, threshold};

/// What an entry has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    Entered,
    Won,
    Standby,
    Lost,
    Paid,
    Forfeited,
    Released,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    id: Uuid,
    customer: Uuid,
    state: State,
    lot: Option<u64>,
}

/// One drop.
#[derive(Debug, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what is known of a drop is independent"
)]
struct Drop {
    opens_at: DateTime<Utc>,
    closes_at: DateTime<Utc>,
    stock: i64,
    left: i64,
    price: i64,
    threshold: Option<u128>,
    on_entry: bool,
    commitment: String,
    names_beacon: bool,
    beacon: Option<String>,
    entries: Vec<Entry>,
    customers: HashSet<Uuid>,
    closed: bool,
    closed_at: Option<DateTime<Utc>>,
    root: Option<String>,
    drawn: usize,
    last: Option<(u64, Uuid)>,
    over: bool,
}

impl Drop {
    fn open(opened: &DropOpened<'_>) -> Self {
        Self {
            opens_at: opened.opens_at,
            closes_at: opened.closes_at,
            stock: opened.stock,
            left: opened.stock,
            price: opened.price,
            threshold: threshold(&opened.win_probability.0),
            on_entry: &*opened.draw.0 == "on_entry",
            commitment: opened.commitment.0.to_string(),
            names_beacon: opened.beacon.is_some(),
            beacon: None,
            entries: Vec::new(),
            customers: HashSet::new(),
            closed: false,
            closed_at: None,
            root: None,
            drawn: 0,
            last: None,
            over: false,
        }
    }

    fn enter(&mut self, first: usize, entries: &[DropEntrant], find: &mut impl FnMut(String)) {
        if first != self.entries.len() || self.closed {
            find(format!(
                "entries from {first} on follow {}",
                self.entries.len()
            ));
        }
        for entrant in entries {
            if !self.customers.insert(entrant.customer_id) {
                find(format!("customer {} enters twice", entrant.customer_id));
            }
            self.entries.push(Entry {
                id: entrant.entry_id,
                customer: entrant.customer_id,
                state: State::Entered,
                lot: None,
            });
        }
    }

    fn count(&self, state: State) -> usize {
        let all = self.entries.iter();
        all.filter(|entry| entry.state == state).count()
    }

    fn is_being_settled(&self) -> bool {
        let waits = |entry: &Entry| matches!(entry.state, State::Won | State::Forfeited);
        self.entries.iter().any(waits)
    }

    fn wake_at(&self) -> Option<DateTime<Utc>> {
        let busy = self.is_being_settled();
        let sold_out =
            || self.on_entry && i64::try_from(self.count(State::Paid)).ok() == Some(self.stock);
        let waits = self.root.is_some() && self.names_beacon && self.beacon.is_none();
        match () {
            () if self.over => None,
            () if busy => Some(self.opens_at),
            () if !self.closed && !sold_out() => Some(self.closes_at),
            () if waits => self.closed_at,
            () => Some(self.opens_at),
        }
    }

    fn draw(&mut self, drawn: &Drawn<'_>, find: &mut impl FnMut(String)) {
        let Some(entry) = self
            .entries
            .get_mut(drawn.index)
            .filter(|entry| entry.id == drawn.entry_id)
        else {
            find(format!(
                "entry {} is drawn, and not in the list",
                drawn.entry_id
            ));
            return;
        };
        let id = entry.id;
        if entry.state != State::Entered {
            find(format!("entry {id} is drawn twice"));
        }
        let Ok(lot) = u64::from_str_radix(&drawn.lot.0, 16) else {
            find(format!("entry {id} has no lot, but {:?}", drawn.lot.0));
            return;
        };
        if !self.on_entry && self.last.is_some_and(|last| last >= (lot, id)) {
            find(format!("entry {id} is drawn out of order"));
        }
        self.last = Some((lot, id));
        let wins = self
            .threshold
            .is_some_and(|threshold| u128::from(lot) < threshold);
        let expected = match (wins, self.left > 0) {
            (true, true) => State::Won,
            (true, false) => State::Standby,
            (false, _) => State::Lost,
        };
        let told = match &*drawn.result.0 {
            "won" => State::Won,
            "standby" => State::Standby,
            _ => State::Lost,
        };
        if told != expected {
            find(format!(
                "entry {id} is drawn as {told:?}, and its lot makes it {expected:?}"
            ));
        }
        self.left -= i64::from(told == State::Won);
        (entry.state, entry.lot) = (told, Some(lot));
        self.drawn += 1;
    }

    fn settle(
        &mut self,
        settled: &Settled<'_>,
        accounts: &Accounts,
        find: &mut impl FnMut(String),
    ) {
        let Some(entry) = self
            .entries
            .get_mut(settled.index)
            .filter(|entry| entry.id == settled.entry_id)
        else {
            find(format!(
                "entry {} is settled, and not in the list",
                settled.entry_id
            ));
            return;
        };
        let spent = accounts.spent(entry.id);
        let (from, to, is_right) = match &*settled.outcome.0 {
            "paid" => {
                let debited = Some((entry.customer, Spent::Debited(self.price)));
                (State::Won, State::Paid, spent == debited)
            }
            "forfeited" => {
                self.left += 1;
                (State::Won, State::Forfeited, true)
            }
            _ => {
                let has_ended = matches!(spent, Some((_, Spent::Credited | Spent::Barred)));
                (State::Forfeited, State::Released, has_ended)
            }
        };
        let Entry { id, state, .. } = *entry;
        if state != from || !is_right {
            find(format!(
                "entry {id}, {state:?}, is settled as {to:?}, and its points are {spent:?}"
            ));
        }
        entry.state = to;
    }

    fn promote(&mut self, index: usize, find: &mut impl FnMut(String)) {
        if self.leave_standby(index, State::Won, "wins after all", find) {
            self.left -= 1;
        }
    }

    fn dismiss(&mut self, index: usize, find: &mut impl FnMut(String)) {
        self.leave_standby(index, State::Lost, "has lost", find);
    }

    fn leave_standby(
        &mut self,
        index: usize,
        to: State,
        what: &str,
        find: &mut impl FnMut(String),
    ) -> bool {
        let next = self.entries.get_mut(index);
        let next = next.filter(|entry| entry.state == State::Standby);
        let Some(entry) = next else {
            find(format!("entry number {index} {what}, and was not the next"));
            return false;
        };
        entry.state = to;
        true
    }

    /// At the end everything must follow from the secret.
    fn reveal(&mut self, secret: &str, find: &mut impl FnMut(String)) {
        self.over = true;
        if commitment_of(secret).as_ref() != Some(&self.commitment) {
            find("the secret is not the one that was committed to".to_owned());
            return;
        }
        let ids: Vec<Uuid> = self.entries.iter().map(|entry| entry.id).collect();
        let root = self.root.clone().unwrap_or_default();
        if root_of(&ids) != root {
            find("the root is of another list".to_owned());
        }
        let over = if self.on_entry {
            None
        } else {
            Some(root.as_str())
        };
        let Some(draw) = Draw::new(secret, over, self.beacon.as_deref().unwrap_or_default()) else {
            find("no lot can be drawn".to_owned());
            return;
        };
        let wrong = |entry: &&Entry| entry.lot != Some(draw.lot(entry.id));
        if let Some(wrong) = self.entries.iter().find(wrong) {
            find(format!(
                "entry {} was not drawn by the secret, or not at all",
                wrong.id
            ));
        }
        if self.is_being_settled() {
            find("the secret is told before all winners are settled".to_owned());
        }
    }
}

/// All drops.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Drops {
    drops: HashMap<Uuid, Drop>,
    /// Entry -> drop: an entry's id is also that of the payment that a win leads to.
    entries: HashMap<Uuid, Uuid>,
}

impl Drops {
    /// Takes account of one event of a drop.
    pub(super) fn apply(&mut self, read: &Read<'_>, accounts: &Accounts, findings: &mut Findings) {
        findings.checked(Check::Drops, 1);
        let mut find = |detail: String| findings.add(Check::Drops, read.event.position, detail);
        if let Fact::DropOpened(opened) = &read.fact {
            if self.drops.insert(read.id, Drop::open(opened)).is_some() {
                find("the drop is opened twice".to_owned());
            }
            return;
        }
        let Some(drop) = self.drops.get_mut(&read.id) else {
            find("the drop was never opened".to_owned());
            return;
        };
        match &read.fact {
            Fact::EntriesRecorded { first, entries } => {
                drop.enter(*first, entries, &mut find);
                let ids = entries.iter().map(|entrant| (entrant.entry_id, read.id));
                self.entries.extend(ids);
            }
            Fact::DropClosed { entries, closed_at } => {
                if *entries != drop.entries.len() || drop.closed {
                    find(format!(
                        "{entries} entries are closed, there are {}",
                        drop.entries.len()
                    ));
                }
                (drop.closed, drop.closed_at) = (true, Some(*closed_at));
            }
            Fact::EntriesSealed { root } => drop.root = Some(root.0.to_string()),
            Fact::BeaconRecorded { value } => {
                if drop.root.is_none() {
                    find("the beacon is told before the list is sealed".to_owned());
                }
                drop.beacon = Some(value.0.to_string());
            }
            Fact::EntriesDrawn { drawn, stock_left } => {
                for drawn in drawn {
                    drop.draw(drawn, &mut find);
                }
                check_stock(drop, *stock_left, &mut find);
            }
            Fact::WinnersSettled {
                settled,
                promoted,
                stock_left,
            } => {
                for settled in settled {
                    drop.settle(settled, accounts, &mut find);
                }
                for promoted in promoted {
                    drop.promote(promoted.index, &mut find);
                }
                check_stock(drop, *stock_left, &mut find);
            }
            Fact::StandbysDismissed { dismissed } => {
                if drop.is_being_settled() {
                    find("those who are next are let go before all winners are settled".to_owned());
                }
                for dismissed in dismissed {
                    drop.dismiss(dismissed.index, &mut find);
                }
            }
            Fact::SecretRevealed { secret } => drop.reveal(&secret.0, &mut find),
            _ => {}
        }
    }

    /// Whether a payment is the one of a win.
    pub(super) fn has_entry(&self, payment: Uuid) -> bool {
        self.entries.contains_key(&payment)
    }

    /// When somebody must see to a drop.
    pub(super) fn wake_at(&self, drop: Uuid) -> Option<DateTime<Utc>> {
        self.drops.get(&drop)?.wake_at()
    }

    /// Once everything was read: whoever is debited has won, and has the good or is about to.
    pub(super) fn check_end(&self, accounts: &Accounts, findings: &mut Findings) {
        for (id, drop) in &self.drops {
            let debited =
                |entry: &&Entry| matches!(accounts.spent(entry.id), Some((_, Spent::Debited(_))));
            for entry in drop.entries.iter().filter(debited) {
                let may_be = [State::Won, State::Paid, State::Forfeited].contains(&entry.state);
                if !may_be {
                    let at = At::Stream(format!("drop/{id}"));
                    let detail = format!("entry {} is debited, and {:?}", entry.id, entry.state);
                    findings.add(Check::Drops, at, detail);
                }
            }
        }
    }
}

fn check_stock(drop: &Drop, told: i64, find: &mut impl FnMut(String)) {
    if drop.left != told || told < 0 || told > drop.stock {
        find(format!(
            "{} of the stock are left, the event says {told}",
            drop.left
        ));
    }
}
