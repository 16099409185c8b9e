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

pub(crate) use self::{
    json::{Changes, SeatFilter, SeatListing, SeatState, SeatStatuses},
    live::{Following, LiveMap, Since, snapshot_event},
    rendition::Served,
};
use crate::{
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
    maps: ArcSwap<HashMap<ShowId, Arc<LiveMap>>>,
    /// Where the subscription stands. Held while its events are applied and while a map joins, so that no event falls between.
    feed: Mutex<Vec<Cursor>>,
    /// The least position in `feed`; `None` until it has begun. Moved after the maps have.
    position: watch::Sender<Option<u64>>,
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
        max_maps: usize,
    ) -> Self {
        Self {
            read_model,
            bus,
            freshness,
            maps: ArcSwap::default(),
            feed: Mutex::default(),
            position: watch::Sender::new(None),
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
        metrics::counter!(WAITS).increment(1);
        let mut position = self.position.subscribe();
        let there =
            |position: &Option<u64>| position.is_some_and(|position| position >= at_least.0);
        let waited = timeout(WAIT, position.wait_for(there)).await.map(|_| ());
        let known = self.known(known.live);
        if waited.is_ok() {
            return Ok(known);
        }
        metrics::counter!(NOT_CAUGHT_UP).increment(1);
        Err(Error::NotCaughtUp {
            wanted: at_least.0,
            reached: known.position,
        })
    }

    /// Joins a map for as long as the answer lives: it stays in memory. `None`: it just left, get it again.
    pub(crate) fn follow_map(&self, live: &Arc<LiveMap>) -> Option<Following> {
        let _feed = self.lock_feed();
        let present = self
            .find(live.show_id())
            .is_some_and(|present| Arc::ptr_eq(&present, live));
        present.then(|| Following::join(live.clone()))
    }

    /// Tells how far the subscription is.
    pub(crate) fn positions(&self) -> watch::Receiver<Option<u64>> {
        self.position.subscribe()
    }

    /// What is known of a live map now.
    pub(crate) fn known(&self, live: Arc<LiveMap>) -> Known {
        // Read before anybody looks at the map: the map shows at least this.
        let fed = self.position.borrow().unwrap_or_default();
        let position = fed.max(live.loaded_at());
        Known { live, position }
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
        // Read before the row: what the projection folds between the two is passed over by position.
        let cursors = cursors(
            &self.read_model.checkpoints(None).await?,
            self.bus.partitions(),
        );
        let row = self.read_model.seat_map(show).await?;
        // A row may be old: the map catches up by itself.
        let Some(map) = row.value else {
            return Ok(None);
        };
        metrics::counter!(SEAT_MAP_LOADS).increment(1);
        self.install(map, row.position, cursors).await.map(Some)
    }

    /// Brings a map up to where the subscription stands, and makes it one of the live ones.
    async fn install(
        &self,
        map: SeatMap,
        position: u64,
        mut cursors: Vec<Cursor>,
    ) -> Result<Arc<LiveMap>, Error> {
        let show = map.show_id();
        let live = Arc::new(LiveMap::new(map, position));
        let deadline = Instant::now() + WAIT;
        let mut subscription = None;
        loop {
            if self.join(&live, position, &cursors)? {
                return Ok(live);
            }
            if subscription.is_none() {
                subscription = Some(self.bus.subscribe(cursors.clone()).await?);
            }
            let Some(following) = &mut subscription else {
                continue;
            };
            let Ok(delivery) = timeout_at(deadline, following.next(BATCH)).await else {
                return Err(Error::NotCaughtUp {
                    wanted: self.position.borrow().unwrap_or_default(),
                    reached: position,
                });
            };
            let delivery = delivery?;
            live.apply(feed::events_of(show, &delivery.events)?);
            feed::advance(&mut cursors, delivery.cursor);
        }
    }

    /// Adds a map if it shows all that the subscription has passed.
    fn join(&self, live: &Arc<LiveMap>, position: u64, cursors: &[Cursor]) -> Result<bool, Error> {
        let feed = self.lock_feed();
        let caught_up = feed.iter().all(|fed| {
            let own = cursors.iter().find(|own| own.partition == fed.partition);
            own.map_or(0, |own| own.position.0).max(position) >= fed.position.0
        });
        if !caught_up {
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
        let mut position = self.position.subscribe();
        let begun = timeout(WAIT, position.wait_for(Option::is_some)).await;
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

/// The cursors of the seat maps' projection, one for each partition.
fn cursors(checkpoints: &[Checkpoint], partitions: u32) -> Vec<Cursor> {
    let maps = ProjectionId::SeatMaps;
    (0..partitions)
        .map(|partition| {
            let own = checkpoints.iter().find(|checkpoint| {
                checkpoint.projection == maps.name() && checkpoint.partition == partition
            });
            let start = Cursor {
                partition,
                ..Cursor::default()
            };
            own.map_or(start, |own| Cursor {
                partition,
                epoch: own.epoch,
                position: event_store::Position(own.position),
                offset: own.offset,
            })
        })
        .collect()
}
