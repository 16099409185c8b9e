//! Seat maps of the last batches: a hot show's map is then written, but not read again, for every batch.
//!
//! Safe because checkpoints are compared and set: where another worker wrote meanwhile, the write that rests on a cached
//! map is refused, and the cache is emptied.

use std::collections::BTreeMap;

use domain::ids::ShowId;
use read_model::{Keys, Rows, SeatMap};

/// Seats of all cached maps together, about 100 bytes each: ten of the largest halls.
const MAX_SEATS: usize = 500_000;

/// Seat maps, the longest unused ones dropped first.
#[derive(Debug, Default)]
pub(crate) struct SeatMapCache {
    /// With the batch that used it last.
    maps: BTreeMap<ShowId, (u64, SeatMap)>,
    batch: u64,
    seats: usize,
}

impl SeatMapCache {
    /// Moves the maps of `keys` that are here into `rows`; only the others are left in `keys`.
    pub(crate) fn take(&mut self, keys: &mut Keys, rows: &mut Rows) {
        keys.seat_maps.retain(|show| match self.maps.remove(show) {
            Some((_, map)) => {
                self.seats -= map.plan().len();
                rows.seat_maps.insert(*show, map);
                false
            }
            None => true,
        });
    }

    /// Keeps the maps of a batch that was written.
    pub(crate) fn put(&mut self, rows: &mut Rows) {
        self.batch += 1;
        for (show, map) in std::mem::take(&mut rows.seat_maps) {
            self.seats += map.plan().len();
            self.maps.insert(show, (self.batch, map));
        }
        while self.seats > MAX_SEATS {
            let oldest = self.maps.iter().min_by_key(|(_, (batch, _))| *batch);
            let Some(show) = oldest.map(|(show, _)| *show) else {
                break;
            };
            if let Some((_, map)) = self.maps.remove(&show) {
                self.seats -= map.plan().len();
            }
        }
    }
}
