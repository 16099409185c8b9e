//! One show's waiting room in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{ids::CustomerId, waiting_room::Entrant};

use crate::waiting_room::{Limits, Notice, Opening, Order, Place, Standing, State, Swept};

/// Orders counted together: a place among a hundred thousand is found by adding up a hundred counts and stepping through one of them.
const COUNTED: u64 = 1 << 26;
/// Thousandths of a token.
const TOKEN: i64 = 1_000;

/// Who waits, by order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) places: BTreeSet<(Order, CustomerId)>,
    pub(super) counts: BTreeMap<u64, u64>,
}

impl Queue {
    pub(super) fn insert(&mut self, order: Order, customer: CustomerId) {
        self.places.insert((order, customer));
        *self.counts.entry(order.0 / COUNTED).or_default() += 1;
    }

    pub(super) fn remove(&mut self, order: Order, customer: CustomerId) {
        if self.places.remove(&(order, customer)) {
            let counted = order.0 / COUNTED;
            if let Some(count) = self.counts.get_mut(&counted) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&counted);
                }
            }
        }
    }

    pub(super) fn ahead_of(&self, order: Order, customer: CustomerId) -> u64 {
        let counted = order.0 / COUNTED;
        let before: u64 = self.counts.range(..counted).map(|(_, count)| count).sum();
        let first = (Order(counted * COUNTED), CustomerId::default());
        before + self.places.range(first..(order, customer)).count() as u64
    }

    pub(super) fn len(&self) -> u64 {
        self.places.len() as u64
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum In {
    Lobby,
    Queue,
    Active { expires_at: DateTime<Utc> },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) is_in: In,
    pub(super) seen: DateTime<Utc>,
}

/// One show's.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) next: u64,
    pub(super) last: u64,
    pub(super) opens_at: DateTime<Utc>,
    pub(super) lobby_open: bool,
    pub(super) recovers_until: Option<DateTime<Utc>>,
    pub(super) notice: Notice,
    /// Thousandths of tokens at `tokens_at`.
    pub(super) tokens: i64,
    pub(super) tokens_at: Option<DateTime<Utc>>,
    pub(super) entries: HashMap<CustomerId, Entry>,
    pub(super) queue: Queue,
    /// By number.
    pub(super) lobby: BTreeMap<u64, CustomerId>,
    pub(super) active: BTreeSet<(DateTime<Utc>, CustomerId)>,
}

impl Room {
    pub(super) fn new(opening: &Opening) -> Self {
        let mut room = Self {
            next: opening.first,
            last: opening.last,
            opens_at: opening.opens_at,
            lobby_open: opening.lobby_open,
            recovers_until: opening.recovers_until,
            notice: Notice::default(),
            tokens: 0,
            tokens_at: None,
            entries: HashMap::new(),
            queue: Queue::default(),
            lobby: BTreeMap::new(),
            active: BTreeSet::new(),
        };
        for (entrant, expires_at) in &opening.active {
            let place = Place {
                entrant: *entrant,
                order: Order::of(entrant.number),
                early: false,
            };
            let expires_at = *expires_at;
            room.put(place, In::Active { expires_at }, expires_at);
        }
        room
    }

    pub(super) fn recovers(&self, now: DateTime<Utc>) -> bool {
        self.recovers_until.is_some_and(|until| now < until)
    }

    pub(super) fn standing(&self, entry: &Entry, now: DateTime<Utc>) -> Standing {
        let Place {
            entrant,
            order,
            early,
        } = entry.place;
        let state = match entry.is_in {
            In::Lobby => State::Lobby,
            In::Queue => {
                let lobby = if early { 0 } else { self.lobby.len() as u64 };
                let ahead = self.queue.ahead_of(order, entrant.customer_id) + lobby;
                State::Waiting { ahead }
            }
            In::Active { expires_at } => State::Admitted { expires_at },
        };
        Standing {
            entrant,
            early,
            state,
            notice: self.notice,
            recovers: self.recovers(now),
        }
    }

    pub(super) fn put(&mut self, place: Place, is_in: In, seen: DateTime<Utc>) {
        let customer = place.entrant.customer_id;
        match is_in {
            In::Lobby => {
                self.lobby.insert(place.entrant.number, customer);
            }
            In::Queue => self.queue.insert(place.order, customer),
            In::Active { expires_at } => {
                self.active.insert((expires_at, customer));
            }
        }
        let entry = Entry { place, is_in, seen };
        self.entries.insert(customer, entry);
    }

    pub(super) fn take(&mut self, customer: CustomerId) -> Option<Entry> {
        let entry = self.entries.remove(&customer)?;
        match entry.is_in {
            In::Lobby => {
                self.lobby.remove(&entry.place.entrant.number);
            }
            In::Queue => self.queue.remove(entry.place.order, customer),
            In::Active { expires_at } => {
                self.active.remove(&(expires_at, customer));
            }
        }
        Some(entry)
    }

    pub(super) fn tokens(&self, per_second: u32, now: DateTime<Utc>) -> i64 {
        let full = i64::from(per_second) * TOKEN;
        let Some(at) = self.tokens_at else {
            return full;
        };
        let gathered = (now - at).clamp(TimeDelta::zero(), TimeDelta::seconds(1));
        let gathered = gathered.num_microseconds().unwrap_or_default() * i64::from(per_second);
        (self.tokens + gathered / 1_000).min(full)
    }

    pub(super) fn next(&self, limits: &Limits, now: DateTime<Utc>) -> Vec<Entrant> {
        if !self.lobby.is_empty() || self.recovers(now) {
            return Vec::new();
        }
        let active = u32::try_from(self.active.len()).unwrap_or(u32::MAX);
        let tokens = self.tokens(limits.admit_per_second, now) / TOKEN;
        let tokens = usize::try_from(tokens.max(0)).unwrap_or(usize::MAX);
        let capacity = limits.max_active.saturating_sub(active) as usize;
        let wanted = active.saturating_sub(limits.holding);
        let stock = limits.places.saturating_sub(wanted) as usize;
        let count = tokens.min(capacity).min(stock).min(limits.batch);
        let heads = self.queue.places.iter().take(count);
        heads
            .filter_map(|(_, customer)| self.entries.get(customer))
            .map(|entry| entry.place.entrant)
            .collect()
    }

    pub(super) fn admit(
        &mut self,
        customers: &[CustomerId],
        per_second: u32,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> u64 {
        self.tokens = self.tokens(per_second, now);
        self.tokens_at = Some(now);
        let mut admitted = 0;
        for customer in customers {
            let waits = self.entries.get(customer);
            if !waits.is_some_and(|entry| entry.is_in == In::Queue) {
                continue;
            }
            if let Some(Entry { place, .. }) = self.take(*customer) {
                self.put(place, In::Active { expires_at }, now);
                self.tokens -= TOKEN;
                admitted += 1;
            }
        }
        admitted
    }

    pub(super) fn sweep(
        &mut self,
        silent_since: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Swept {
        let silent_since = silent_since.filter(|_| !self.recovers(now));
        let waits = |entry: &&Entry| !matches!(entry.is_in, In::Active { .. });
        let silent: Vec<_> = self
            .entries
            .values()
            .filter(waits)
            .filter(|entry| silent_since.is_some_and(|since| entry.seen <= since))
            .map(|entry| entry.place.entrant.customer_id)
            .take(limit)
            .collect();
        for customer in &silent {
            self.take(*customer);
        }
        let over = self
            .active
            .iter()
            .take_while(|(expires_at, _)| *expires_at <= now);
        let over = over.filter_map(|(_, customer)| self.entries.get(customer));
        Swept {
            abandoned: silent.len() as u64,
            expired: over.map(|entry| entry.place.entrant).take(limit).collect(),
        }
    }
}
