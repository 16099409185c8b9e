//! Rows of the last batches: what is hot is then written, but not read again, for every batch.
//!
//! Safe because checkpoints are compared and set: where another worker wrote meanwhile, the write that rests on a cached
//! row is refused, and the cache goes with everything else that the worker remembers. Rows of a parked key are the one
//! thing that changes without its checkpoint; the cache is emptied when a key is parked no more.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::{ConcertId, CustomerId, DropEntryId, DropId, PaymentId, ReservationId, ShowId};
use read_model::{
    Keys, Rows, SeatMap,
    tables::{Account, Concert, Drop, DropEntry, Payment, Reservation, Saga, Show},
};

/// Seats of all cached maps together, about 100 bytes each: ten of the largest halls.
const MAX_SEATS: usize = 500_000;
/// Cached rows of each other table, about a kilobyte each: what some ten batches touch.
const MAX_ROWS: usize = 20_000;

/// Rows of one table, the longest unused ones dropped first.
#[derive(Debug)]
struct Shelf<K, R> {
    /// With the batch that used it last.
    rows: BTreeMap<K, (u64, R)>,
    weight: usize,
}

impl<K, R> Default for Shelf<K, R> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            weight: 0,
        }
    }
}

impl<K: Ord + Copy, R> Shelf<K, R> {
    /// Moves the rows under `keys` that are here to `found`, and takes their keys away.
    fn take(
        &mut self,
        keys: &mut BTreeSet<K>,
        found: &mut BTreeMap<K, R>,
        weigh: impl Fn(&R) -> usize,
    ) {
        keys.retain(|key| match self.rows.remove(key) {
            Some((_, row)) => {
                self.weight -= weigh(&row);
                found.insert(*key, row);
                false
            }
            None => true,
        });
    }

    fn put(&mut self, batch: u64, rows: BTreeMap<K, R>, weigh: impl Fn(&R) -> usize, most: usize) {
        for (key, row) in rows {
            self.weight += weigh(&row);
            if let Some((_, replaced)) = self.rows.insert(key, (batch, row)) {
                self.weight -= weigh(&replaced);
            }
        }
        if self.weight <= most {
            return;
        }
        // Half of the room at once: looking for the oldest is not for every batch.
        let mut ages: Vec<(u64, K)> = self.rows.iter().map(|(k, (age, _))| (*age, *k)).collect();
        ages.sort_unstable();
        for (_, key) in ages {
            if self.weight <= most / 2 {
                break;
            }
            if let Some((_, row)) = self.rows.remove(&key) {
                self.weight -= weigh(&row);
            }
        }
    }
}

/// The rows of the last batches.
#[derive(Debug, Default)]
pub(crate) struct RowCache {
    batch: u64,
    concerts: Shelf<ConcertId, Concert>,
    shows: Shelf<ShowId, Show>,
    seat_maps: Shelf<ShowId, SeatMap>,
    reservations: Shelf<ReservationId, Reservation>,
    payments: Shelf<PaymentId, Payment>,
    accounts: Shelf<CustomerId, Account>,
    sagas: Shelf<PaymentId, Saga>,
    drops: Shelf<DropId, Drop>,
    drop_entries: Shelf<DropEntryId, DropEntry>,
}

fn seats(map: &SeatMap) -> usize {
    map.plan().len()
}

fn one<R>(_: &R) -> usize {
    1
}

impl RowCache {
    /// Moves the rows of `keys` that are here out; only the others are left in `keys`.
    pub(crate) fn take(&mut self, keys: &mut Keys) -> Rows {
        let mut rows = Rows::default();
        self.concerts
            .take(&mut keys.concerts, &mut rows.concerts, one);
        self.shows.take(&mut keys.shows, &mut rows.shows, one);
        self.seat_maps
            .take(&mut keys.seat_maps, &mut rows.seat_maps, seats);
        self.reservations
            .take(&mut keys.reservations, &mut rows.reservations, one);
        self.payments
            .take(&mut keys.payments, &mut rows.payments, one);
        self.accounts
            .take(&mut keys.accounts, &mut rows.accounts, one);
        self.sagas.take(&mut keys.sagas, &mut rows.sagas, one);
        self.drops.take(&mut keys.drops, &mut rows.drops, one);
        self.drop_entries
            .take(&mut keys.drop_entries, &mut rows.drop_entries, one);
        rows
    }

    /// Keeps the rows of a batch that was written. A transaction is never read again.
    pub(crate) fn put(&mut self, rows: Rows) {
        self.batch += 1;
        let batch = self.batch;
        self.concerts.put(batch, rows.concerts, one, MAX_ROWS);
        self.shows.put(batch, rows.shows, one, MAX_ROWS);
        self.seat_maps.put(batch, rows.seat_maps, seats, MAX_SEATS);
        self.reservations
            .put(batch, rows.reservations, one, MAX_ROWS);
        self.payments.put(batch, rows.payments, one, MAX_ROWS);
        self.accounts.put(batch, rows.accounts, one, MAX_ROWS);
        self.sagas.put(batch, rows.sagas, one, MAX_ROWS);
        self.drops.put(batch, rows.drops, one, MAX_ROWS);
        self.drop_entries
            .put(batch, rows.drop_entries, one, MAX_ROWS);
    }
}

/// Copies the rows of `keys` that are among `known`; only the others are left in `keys`.
pub(crate) fn copy(keys: &mut Keys, known: &Rows) -> Rows {
    let mut rows = Rows::default();
    copy_table(&mut keys.concerts, &known.concerts, &mut rows.concerts);
    copy_table(&mut keys.shows, &known.shows, &mut rows.shows);
    copy_table(&mut keys.seat_maps, &known.seat_maps, &mut rows.seat_maps);
    copy_table(
        &mut keys.reservations,
        &known.reservations,
        &mut rows.reservations,
    );
    copy_table(&mut keys.payments, &known.payments, &mut rows.payments);
    copy_table(&mut keys.accounts, &known.accounts, &mut rows.accounts);
    copy_table(&mut keys.sagas, &known.sagas, &mut rows.sagas);
    copy_table(&mut keys.drops, &known.drops, &mut rows.drops);
    copy_table(
        &mut keys.drop_entries,
        &known.drop_entries,
        &mut rows.drop_entries,
    );
    rows
}

fn copy_table<K: Ord + Copy, R: Clone>(
    keys: &mut BTreeSet<K>,
    known: &BTreeMap<K, R>,
    found: &mut BTreeMap<K, R>,
) {
    keys.retain(|key| match known.get(key) {
        Some(row) => {
            found.insert(*key, row.clone());
            false
        }
        None => true,
    });
}

/// Adds `more` to `rows`.
pub(crate) fn merge(rows: &mut Rows, mut more: Rows) {
    rows.concerts.append(&mut more.concerts);
    rows.shows.append(&mut more.shows);
    rows.seat_maps.append(&mut more.seat_maps);
    rows.reservations.append(&mut more.reservations);
    rows.payments.append(&mut more.payments);
    rows.accounts.append(&mut more.accounts);
    rows.transactions.append(&mut more.transactions);
    rows.sagas.append(&mut more.sagas);
    rows.drops.append(&mut more.drops);
    rows.drop_entries.append(&mut more.drop_entries);
}
