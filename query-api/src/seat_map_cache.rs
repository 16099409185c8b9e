//! Live seat maps in memory, answered as ready-made bytes.
//!
//! ```text
//!  read model ── row at position P ─┐            ┌─▶ rendition: bytes, ETag, compressed once a version
//!                                   ├─▶ live map ┤
//!  bus ── one subscription at F ────┘            └─▶ ring of frames ─▶ streams
//!         a map behind F first catches up by a subscription of its own
//! ```
//!
//! A map is loaded once, when it is first asked for, and fed from then on: it is never taken from the read model again while it
//! lives, so it never goes back. Events that a map has seen are passed over by position.
//!
//! All of a show's events are in one partition. So a map shows the log up to where the subscription stands in that partition,
//! however far the others are; and row and checkpoint, from which a map goes on, are of one snapshot of one replica.

mod encoding;
mod feed;
mod json;
mod live;
mod rendition;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use domain::ids::ShowId;
use event_store::bus::{Bus, Cursor};
use read_model::{Checkpoint, ProjectionId, ReadModel, SeatMap};
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, timeout, timeout_at},
};

use self::feed::Positions;
pub(crate) use self::{
    feed::Fed,
    json::{Changes, SeatFilter, SeatListing, SeatState, SeatStatuses},
    live::{Following, LiveMap, Since, snapshot_event},
    rendition::Served,
};
use crate::{
    entry_feed::EntryFeed,
    error::Error,
    freshness::{AtLeast, Freshness, WAIT},
    metrics::{NOT_CAUGHT_UP, SEAT_MAP_LOADS, SEAT_MAPS, WAITS},
};

/// Most maps in memory. A map of 15,000 seats takes about 4 MiB with its renderings: 1 GiB at the bound.
pub(crate) const MAX_MAPS: usize = 256;
/// Loads of different shows that may go on at once; loads of one show take turns.
const LOAD_LANES: usize = 16;
/// Filtered lists made at once: each costs some 10 ms of a core and some MiB at 15,000 seats. More wait their turn.
const MAX_FILTERING: usize = 8;
/// Events taken from the bus at a time.
const BATCH: usize = 1_024;

/// A live map and the position up to which it is known to show the log.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) live: Arc<LiveMap>,
    pub(crate) position: u64,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct SeatMapCache {
    read_model: Arc<dyn ReadModel>,
    bus: Arc<dyn Bus>,
    freshness: Arc<Freshness>,
    /// What else the subscription feeds.
    entries: Arc<EntryFeed>,
    maps: ArcSwap<HashMap<ShowId, Arc<LiveMap>>>,
    /// Where the subscription stands. Held while its events are applied and while a map joins, so that no event falls between.
    feed: Mutex<Vec<Cursor>>,
    /// The positions in `feed`, by partition; `None` until it has begun. Moved after the maps have.
    positions: watch::Sender<Option<Positions>>,
    following: AtomicBool,
    lanes: [tokio::sync::Mutex<()>; LOAD_LANES],
    filtering: Semaphore,
    born: Instant,
    max_maps: usize,
}

impl SeatMapCache {
    pub(crate) fn new(
        read_model: Arc<dyn ReadModel>,
        bus: Arc<dyn Bus>,
        freshness: Arc<Freshness>,
        entries: Arc<EntryFeed>,
        max_maps: usize,
    ) -> Self {
        Self {
            read_model,
            bus,
            freshness,
            entries,
            maps: ArcSwap::default(),
            feed: Mutex::default(),
            positions: watch::Sender::new(None),
            following: AtomicBool::new(false),
            lanes: Default::default(),
            filtering: Semaphore::new(MAX_FILTERING),
            born: Instant::now(),
            max_maps,
        }
    }

    /// Whether the bus is being followed.
    pub(crate) fn is_following(&self) -> bool {
        self.following.load(Ordering::Acquire)
    }

    /// The live map of a show that shows at least the position asked for; loaded where it isn't in memory.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotCaughtUp`], [`Error::TooMany`]; the read model's and the bus's.
    pub(crate) async fn get(&self, show: ShowId, at_least: AtLeast) -> Result<Known, Error> {
        let live = match self.find(show) {
            Some(live) => live,
            None => self.load(show, at_least).await?,
        };
        live.touch(self.age_ms());
        let known = self.known(live);
        if known.position >= at_least.0 {
            return Ok(known);
        }
        if known.live.is_parked() {
            return Err(not_caught_up(at_least, &known));
        }
        metrics::counter!(WAITS).increment(1);
        let mut fed = self.fed(show);
        let waited = timeout(WAIT, fed.reach(at_least.0)).await;
        let known = self.known(known.live);
        if matches!(waited, Ok(true)) {
            return Ok(known);
        }
        Err(not_caught_up(at_least, &known))
    }

    /// Joins a map for as long as the answer lives: it stays in memory. `None`: it just left, get it again.
    pub(crate) fn follow_map(&self, live: &Arc<LiveMap>) -> Option<Following> {
        let _feed = self.lock_feed();
        let present = self
            .find(live.show_id())
            .is_some_and(|present| Arc::ptr_eq(&present, live));
        present.then(|| Following::join(live.clone()))
    }

    /// Tells how far the subscription is for a show.
    pub(crate) fn fed(&self, show: ShowId) -> Fed {
        Fed::new(self.positions.subscribe(), self.partition_of(show))
    }

    /// What is known of a live map now.
    pub(crate) fn known(&self, live: Arc<LiveMap>) -> Known {
        // Read before anybody looks at the map: the map shows at least this.
        let fed = self.fed(live.show_id()).position();
        let fed = fed.filter(|_| !live.is_parked()).unwrap_or_default();
        let position = fed.max(live.loaded_at());
        Known { live, position }
    }

    /// The partition of a show's events: their routing key is the show's id.
    fn partition_of(&self, show: ShowId) -> u32 {
        self.bus.partition_of(&show.to_string())
    }

    fn find(&self, show: ShowId) -> Option<Arc<LiveMap>> {
        self.maps.load().get(&show).cloned()
    }

    async fn load(&self, show: ShowId, at_least: AtLeast) -> Result<Arc<LiveMap>, Error> {
        if let Some(live) = self.load_now(show).await? {
            return Ok(live);
        }
        // Maybe it is too new. Whoever waits for a show, which need not exist, waits outside of its lane.
        let query = || self.read_model.seat_map(show);
        let seat_maps = [ProjectionId::SeatMaps];
        let row = self.freshness.read(at_least, &seat_maps, query).await?;
        row.value.ok_or(Error::NotFound("show"))?;
        let live = self.load_now(show).await?;
        live.ok_or(Error::NotFound("show"))
    }

    /// Loads a map, unless another request has done so before; `None` where there is no row of it.
    async fn load_now(&self, show: ShowId) -> Result<Option<Arc<LiveMap>>, Error> {
        let lane = usize::from(show.0.as_bytes()[15]) % LOAD_LANES;
        let _turn = self.lanes[lane].lock().await;
        if let Some(live) = self.find(show) {
            return Ok(Some(live));
        }
        self.begun().await?;
        let row = self.read_model.seat_map_to_follow(show).await?;
        let Some(map) = row.map else {
            return Ok(None);
        };
        metrics::counter!(SEAT_MAP_LOADS).increment(1);
        if let Some(first) = row.parked_from {
            // Not kept: whoever asks next sees whether somebody has seen to it.
            let live = LiveMap::parked(map, first.saturating_sub(1));
            return Ok(Some(Arc::new(live)));
        }
        let cursor = cursor(&row.checkpoints, self.partition_of(show));
        // A row may be old: the map catches up by itself.
        self.install(map, cursor).await.map(Some)
    }

    /// Brings a map up to where the subscription stands, and makes it one of the live ones.
    async fn install(&self, map: SeatMap, mut cursor: Cursor) -> Result<Arc<LiveMap>, Error> {
        let (show, loaded_at) = (map.show_id(), cursor.position.0);
        let live = Arc::new(LiveMap::new(map, loaded_at));
        let deadline = Instant::now() + WAIT;
        let mut subscription = None;
        loop {
            if self.join(&live, &cursor)? {
                return Ok(live);
            }
            if subscription.is_none() {
                subscription = Some(self.bus.subscribe(vec![cursor]).await?);
            }
            let Some(following) = &mut subscription else {
                continue;
            };
            let Ok(delivery) = timeout_at(deadline, following.next(BATCH)).await else {
                return Err(Error::NotCaughtUp {
                    wanted: self.fed(show).position().unwrap_or_default(),
                    reached: loaded_at,
                });
            };
            let delivery = delivery?;
            live.apply(feed::events_of(show, &delivery.events)?);
            cursor = delivery.cursor;
        }
    }

    /// Adds a map if it shows all that the subscription has passed.
    fn join(&self, live: &Arc<LiveMap>, own: &Cursor) -> Result<bool, Error> {
        let feed = self.lock_feed();
        let mut passed = feed.iter();
        let passed = passed.find(|cursor| cursor.partition == own.partition);
        if passed.is_some_and(|passed| own.position < passed.position) {
            return Ok(false);
        }
        let mut maps = HashMap::clone(&self.maps.load());
        if maps.len() >= self.max_maps {
            let idle = maps.values().filter(|map| !map.is_followed());
            let oldest = idle.min_by_key(|map| map.used()).map(|map| map.show_id());
            maps.remove(&oldest.ok_or(Error::TooMany("shows are being followed"))?);
        }
        live.touch(self.age_ms());
        maps.insert(live.show_id(), live.clone());
        metrics::gauge!(SEAT_MAPS).set(f64::from(u32::try_from(maps.len()).unwrap_or(u32::MAX)));
        self.maps.store(Arc::new(maps));
        Ok(true)
    }

    /// Waits until the subscription has begun: a map that joined before could miss what lies before its start.
    async fn begun(&self) -> Result<(), Error> {
        let mut positions = self.positions.subscribe();
        let begun = timeout(WAIT, positions.wait_for(Option::is_some)).await;
        begun.map(|_| ()).map_err(|_| {
            let detail = "the seat maps are not fed yet".to_owned();
            event_store::bus::Error::Unavailable(detail).into()
        })
    }

    /// Milliseconds since the cache was born.
    fn age_ms(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock_feed(&self) -> MutexGuard<'_, Vec<Cursor>> {
        self.feed.lock().expect("no holder of this lock can panic")
    }
}

fn not_caught_up(AtLeast(wanted): AtLeast, known: &Known) -> Error {
    metrics::counter!(NOT_CAUGHT_UP).increment(1);
    Error::NotCaughtUp {
        wanted,
        reached: known.position,
    }
}

/// The cursors of the seat maps' projection, one for each partition.
fn cursors(checkpoints: &[Checkpoint], partitions: u32) -> Vec<Cursor> {
    (0..partitions)
        .map(|partition| cursor(checkpoints, partition))
        .collect()
}

/// The cursor of one partition among the checkpoints of the live seat maps.
fn cursor(checkpoints: &[Checkpoint], partition: u32) -> Cursor {
    let own = checkpoints
        .iter()
        .find(|checkpoint| checkpoint.partition == partition);
    own.map_or(
        Cursor {
            partition,
            ..Cursor::default()
        },
        |own| Cursor {
            partition,
            epoch: own.epoch,
            position: event_store::Position(own.position),
            offset: own.offset,
        },
    )
}
