//! The list of entries, with the index that keeps a decision short: by customer.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::event::Entrant;
use crate::ids::{CustomerId, DropEntryId};

/// How an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not drawn yet.
    Entered,
    /// It won, and the price is being debited.
    Won,
    /// It would win if a winner forfeited.
    Standby,
    /// It did not win.
    Lost,
    /// It won and was paid.
    Paid,
    /// It won and could not be paid.
    Forfeited,
}

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub entrant: Entrant,
    /// How it stands.
    pub status: Status,
}

/// As a snapshot has it: entry, customer, command, status. Arrays, because there may be hundreds of thousands.
type Stored = (DropEntryId, CustomerId, Uuid, Status);

/// The list. Only `list` and `batches` are stored, the rest is derived from them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "Snapshot", into = "Snapshot")]
pub(super) struct Entries {
    list: Vec<Entry>,
    by_customer: HashMap<CustomerId, u32>,
    /// First index and sequence of each event that brought entries, in order.
    batches: Vec<(u32, u64)>,
}

#[derive(Serialize, Deserialize)]
struct Snapshot {
    entries: Vec<Stored>,
    batches: Vec<(u32, u64)>,
}

impl Entries {
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.list.len()).expect("a drop has at most a million entries")
    }

    pub(super) fn get(&self, index: u32) -> Option<&Entry> {
        self.list.get(index as usize)
    }

    pub(super) fn all(&self) -> &[Entry] {
        &self.list
    }

    pub(super) fn of(&self, customer: CustomerId) -> Option<(u32, &Entry)> {
        let index = *self.by_customer.get(&customer)?;
        Some((index, self.get(index)?))
    }

    /// Sequence of the event that brought the entry at `index`.
    pub(super) fn sequence(&self, index: u32) -> u64 {
        let behind = self.batches.partition_point(|(first, _)| *first <= index);
        let batch = behind.checked_sub(1).and_then(|at| self.batches.get(at));
        batch.map_or(0, |(_, sequence)| *sequence)
    }

    /// Appends what the event of this sequence brought.
    pub(super) fn extend(&mut self, entrants: &[Entrant], sequence: u64) {
        self.batches.push((self.len(), sequence));
        for entrant in entrants {
            self.push(Entry {
                entrant: *entrant,
                status: Status::Entered,
            });
        }
    }

    fn push(&mut self, entry: Entry) {
        self.by_customer
            .insert(entry.entrant.customer_id, self.len());
        self.list.push(entry);
    }

    pub(super) fn set(&mut self, index: u32, status: Status) {
        if let Some(entry) = self.list.get_mut(index as usize) {
            entry.status = status;
        }
    }
}

impl From<Entries> for Snapshot {
    fn from(list: Entries) -> Self {
        let stored = |entry: &Entry| {
            let Entrant {
                entry_id,
                customer_id,
                command_id,
            } = entry.entrant;
            (entry_id, customer_id, command_id, entry.status)
        };
        Self {
            entries: list.list.iter().map(stored).collect(),
            batches: list.batches,
        }
    }
}

impl From<Snapshot> for Entries {
    fn from(stored: Snapshot) -> Self {
        let mut list = Self {
            batches: stored.batches,
            ..Self::default()
        };
        for (entry_id, customer_id, command_id, status) in stored.entries {
            list.push(Entry {
                entrant: Entrant {
                    entry_id,
                    customer_id,
                    command_id,
                },
                status,
            });
        }
        list
    }
}
