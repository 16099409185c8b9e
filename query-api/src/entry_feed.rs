//! Who follows an entry of a drop in this process, and what wakes them.
//!
//! ```text
//!  bus ── the subscription of the seat maps ──▶ events of a drop that is followed ──▶ position ──▶ those whose entry they are about
//!                                                                                     └─▶ each reads its row, at that position or later
//! ```
//!
//! An event is no answer: the rows are. So it carries a position alone, and whoever misses one (the subscription was begun anew) finds the row at
//! the next look.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{
    Aggregate as _,
    drop::{Event, FairDrop},
    ids::{DropEntryId, DropId},
    stored::DomainEvent,
};
use event_store::RecordedEvent;
use tokio::sync::watch;

/// Where the last event about an entry is, and how many streams follow it.
type Followed = HashMap<DropEntryId, (watch::Sender<u64>, usize)>;
type Drops = Mutex<HashMap<DropId, Followed>>;

/// All who follow an entry in this process. As many as there are streams.
#[derive(Debug, Default)]
pub(crate) struct EntryFeed {
    drops: Arc<Drops>,
}

/// One who does, for as long as the value lives.
#[derive(Debug)]
pub(crate) struct Following {
    drop: DropId,
    entry: DropEntryId,
    position: watch::Receiver<u64>,
    drops: Arc<Drops>,
}

/// Whom an event concerns.
enum Concerned {
    Nobody,
    These(Vec<DropEntryId>),
    All,
}

fn lock(drops: &Drops) -> MutexGuard<'_, HashMap<DropId, Followed>> {
    drops.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EntryFeed {
    /// Begins to follow. What happens from here on is not missed, whenever the row is first read.
    pub(crate) fn follow(&self, drop: DropId, entry: DropEntryId) -> Following {
        let mut drops = lock(&self.drops);
        let followed = drops.entry(drop).or_default().entry(entry);
        let (sender, streams) = followed.or_insert_with(|| (watch::Sender::new(0), 0));
        *streams += 1;
        Following {
            drop,
            entry,
            position: sender.subscribe(),
            drops: self.drops.clone(),
        }
    }

    /// Wakes those whom these events concern.
    pub(crate) fn deliver(&self, events: &[RecordedEvent]) {
        if lock(&self.drops).is_empty() {
            return;
        }
        for recorded in events {
            let followed = drop_of(recorded).filter(|drop| lock(&self.drops).contains_key(drop));
            let Some(drop) = followed else { continue };
            let concerned = concerned(recorded);
            let drops = lock(&self.drops);
            let Some(followed) = drops.get(&drop) else {
                continue;
            };
            let position = recorded.position.0;
            match concerned {
                Concerned::Nobody => {}
                Concerned::These(entries) => {
                    for (sender, _) in entries.iter().filter_map(|entry| followed.get(entry)) {
                        sender.send_replace(position);
                    }
                }
                Concerned::All => {
                    for (sender, _) in followed.values() {
                        sender.send_replace(position);
                    }
                }
            }
        }
    }
}

impl Following {
    /// Waits for the next event about the entry; where in the log it is.
    pub(crate) async fn changed(&mut self) -> u64 {
        // The sender is kept for as long as this is.
        let _ = self.position.changed().await;
        *self.position.borrow_and_update()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut drops = lock(&self.drops);
        let Some(followed) = drops.get_mut(&self.drop) else {
            return;
        };
        if let Some((_, streams)) = followed.get_mut(&self.entry) {
            *streams -= 1;
            if *streams == 0 {
                followed.remove(&self.entry);
            }
        }
        if followed.is_empty() {
            drops.remove(&self.drop);
        }
    }
}

fn drop_of(recorded: &RecordedEvent) -> Option<DropId> {
    if &*recorded.stream.aggregate_type != FairDrop::TYPE {
        return None;
    }
    recorded.stream.aggregate_id.parse().ok()
}

/// One that can't be read concerns everybody: they look for themselves.
fn concerned(recorded: &RecordedEvent) -> Concerned {
    let decoded = DomainEvent::decode(
        &recorded.stream.aggregate_type,
        &recorded.event_type,
        &recorded.event_version,
        &recorded.payload,
    );
    let Ok(DomainEvent::Drop(event)) = decoded else {
        return Concerned::All;
    };
    match event {
        Event::EntriesDrawn { drawn, .. } => {
            Concerned::These(drawn.iter().map(|entry| entry.entry_id).collect())
        }
        Event::WinnersSettled {
            settled, promoted, ..
        } => {
            let settled = settled.iter().map(|entry| entry.entry_id);
            let promoted = promoted.iter().map(|entry| entry.entry_id);
            Concerned::These(settled.chain(promoted).collect())
        }
        Event::StandbysDismissed { dismissed, .. } => {
            Concerned::These(dismissed.iter().map(|entry| entry.entry_id).collect())
        }
        // An older release lets nobody go: whoever was next to the end has lost now.
        Event::SecretRevealed { .. } => Concerned::All,
        Event::DropOpened { .. }
        | Event::EntriesRecorded { .. }
        | Event::DropClosed { .. }
        | Event::EntriesSealed { .. }
        | Event::BeaconRecorded { .. } => Concerned::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_entry_is_followed_as_long_as_somebody_does() {
        let feed = EntryFeed::default();
        let (drop_id, entry) = (DropId(Uuid::from_u128(1)), DropEntryId(Uuid::from_u128(2)));
        let (one, two) = (feed.follow(drop_id, entry), feed.follow(drop_id, entry));
        let other = feed.follow(drop_id, DropEntryId(Uuid::from_u128(3)));
        drop(one);
        assert_eq!(lock(&feed.drops)[&drop_id].len(), 2);
        drop(two);
        assert_eq!(lock(&feed.drops)[&drop_id].len(), 1);
        drop(other);
        assert!(lock(&feed.drops).is_empty());
    }
}
