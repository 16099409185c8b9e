//! ADAPTER: waiting rooms in this process's memory, for the embedded mode. They are gone with the process; receipts bring them back.

mod room;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    ids::{CustomerId, EntryId, ShowId},
    waiting_room::Entrant,
};

use self::room::{Entry, In, Room};
use super::{
    Depth, Entered, Error, Limits, Notice, Opening, Order, Place, Standing, Swept, WaitingRoom,
};

/// Waiting rooms of one process.
#[derive(Debug, Default)]
pub struct InProcessWaitingRoom(Mutex<HashMap<ShowId, Room>>);

impl InProcessWaitingRoom {
    fn with<T>(
        &self,
        show: ShowId,
        act: impl FnOnce(&mut Room) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(rooms.get_mut(&show).ok_or(Error::NotOpen)?)
    }
}

#[async_trait]
impl WaitingRoom for InProcessWaitingRoom {
    async fn open(&self, show: ShowId, opening: &Opening) -> Result<(), Error> {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.entry(show).or_insert_with(|| Room::new(opening));
        Ok(())
    }

    async fn grant(&self, show: ShowId, first: u64, last: u64) -> Result<(), Error> {
        self.with(show, |room| {
            if first > room.last {
                (room.next, room.last) = (first, last);
            }
            Ok(())
        })
    }

    async fn enter(
        &self,
        show: ShowId,
        customer: CustomerId,
        entry: EntryId,
        now: DateTime<Utc>,
    ) -> Result<Entered, Error> {
        self.with(show, |room| {
            if let Some(known) = room.entries.get_mut(&customer) {
                known.seen = now;
                let known = *known;
                return Ok(Entered::Already(room.standing(&known, now)));
            }
            if room.next > room.last {
                return Err(Error::NoNumbers { last: room.last });
            }
            let number = room.next;
            room.next += 1;
            let early = room.lobby_open && now < room.opens_at;
            let entrant = Entrant {
                number,
                entry_id: entry,
                customer_id: customer,
            };
            let place = Place {
                entrant,
                order: Order::of(number),
                early,
            };
            room.put(place, if early { In::Lobby } else { In::Queue }, now);
            let entry = room.entries[&customer];
            Ok(Entered::New(room.standing(&entry, now)))
        })
    }

    async fn restore(
        &self,
        show: ShowId,
        place: &Place,
        now: DateTime<Utc>,
    ) -> Result<Standing, Error> {
        self.with(show, |room| {
            let customer = place.entrant.customer_id;
            if !room.entries.contains_key(&customer) {
                if !room.recovers(now) {
                    return Err(Error::TooLate);
                }
                let early = place.early && room.lobby_open;
                room.put(*place, if early { In::Lobby } else { In::Queue }, now);
            }
            let entry = room.entries[&customer];
            Ok(room.standing(&entry, now))
        })
    }

    async fn look(
        &self,
        show: ShowId,
        customer: CustomerId,
        now: DateTime<Utc>,
    ) -> Result<Option<Standing>, Error> {
        self.with(show, |room| {
            let Some(entry) = room.entries.get_mut(&customer) else {
                return Ok(None);
            };
            entry.seen = now;
            let entry = *entry;
            Ok(Some(room.standing(&entry, now)))
        })
    }

    async fn release(&self, show: ShowId, entries: &[(CustomerId, EntryId)]) -> Result<u64, Error> {
        self.with(show, |room| {
            let mut released = 0;
            for (customer, entry) in entries {
                let known = room.entries.get(customer);
                if known.is_some_and(|known| known.place.entrant.entry_id == *entry) {
                    room.take(*customer);
                    released += 1;
                }
            }
            Ok(released)
        })
    }

    async fn depth(&self, show: ShowId, now: DateTime<Utc>) -> Result<Depth, Error> {
        self.with(show, |room| {
            Ok(Depth {
                waiting: room.queue.len(),
                lobby: room.lobby.len() as u64,
                active: room.active.len() as u64,
                lobby_open: room.lobby_open,
                recovers: room.recovers(now),
            })
        })
    }

    async fn publish(&self, show: ShowId, notice: Notice) -> Result<(), Error> {
        self.with(show, |room| {
            room.notice = notice;
            Ok(())
        })
    }

    async fn close_lobby(&self, show: ShowId) -> Result<(), Error> {
        self.with(show, |room| {
            room.lobby_open = false;
            Ok(())
        })
    }

    async fn lobby(&self, show: ShowId, after: u64, limit: usize) -> Result<Vec<Entrant>, Error> {
        self.with(show, |room| {
            let customers = room.lobby.range(after + 1..).map(|(_, customer)| customer);
            let entries = customers.filter_map(|customer| room.entries.get(customer));
            Ok(entries
                .map(|entry| entry.place.entrant)
                .take(limit)
                .collect())
        })
    }

    async fn draw(&self, show: ShowId, drawn: &[(CustomerId, u64)]) -> Result<(), Error> {
        self.with(show, |room| {
            for (customer, number) in drawn {
                let in_lobby = room.entries.get(customer);
                if !in_lobby.is_some_and(|entry| entry.is_in == In::Lobby) {
                    continue;
                }
                if let Some(Entry {
                    mut place, seen, ..
                }) = room.take(*customer)
                {
                    place.entrant.number = *number;
                    place.order = Order::of(*number);
                    room.put(place, In::Queue, seen);
                }
            }
            Ok(())
        })
    }

    async fn next(
        &self,
        show: ShowId,
        limits: &Limits,
        now: DateTime<Utc>,
    ) -> Result<Vec<Entrant>, Error> {
        self.with(show, |room| Ok(room.next(limits, now)))
    }

    async fn admit(
        &self,
        show: ShowId,
        customers: &[CustomerId],
        admit_per_second: u32,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<u64, Error> {
        self.with(show, |room| {
            Ok(room.admit(customers, admit_per_second, expires_at, now))
        })
    }

    async fn sweep(
        &self,
        show: ShowId,
        silent_since: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Swept, Error> {
        self.with(show, |room| Ok(room.sweep(silent_since, now, limit)))
    }

    async fn close(&self, show: ShowId) -> Result<(), Error> {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.remove(&show);
        Ok(())
    }

    async fn ping(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
