//! One live map: its present state, and its recent past for those who follow it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use domain::{ids::ShowId, show::Event};
use read_model::{SeatMap, seat_map::SeatStatus};
use tokio::sync::watch;

use super::{
    json::{Changes, SeatStatuses},
    rendition::{Kind, Rendition},
};

/// Frames kept of each map: how far back a stream can resume. At a thousand holds a second, some seconds; a client that was away
/// for longer gets a snapshot, which is small.
pub(super) const MAX_FRAMES: usize = 1_024;

/// A seat map that is fed.
#[derive(Debug)]
pub(crate) struct LiveMap {
    show_id: ShowId,
    loaded_at: u64,
    /// Its events are parked: it stands where the read model left it, and is not fed.
    parked: bool,
    current: ArcSwap<SeatMap>,
    ring: Mutex<Ring>,
    /// The map's own position, for those who wait for a change; closed never, 0 once the map is given up.
    changed: watch::Sender<u64>,
    /// The small answer.
    pub(super) status: Rendition,
    /// The full answer.
    pub(super) seats: Rendition,
    used: AtomicU64,
    followers: AtomicUsize,
}

/// What one delivery changed.
#[derive(Debug)]
pub(crate) struct Frame {
    position: u64,
    seats: BTreeMap<u32, SeatStatus>,
    standing: BTreeMap<u32, u32>,
    event: OnceLock<Bytes>,
}

/// Recent frames, without a gap from `floor` on.
#[derive(Debug)]
struct Ring {
    floor: u64,
    frames: VecDeque<Arc<Frame>>,
}

/// What a follower has yet to see.
#[derive(Debug)]
pub(crate) enum Since {
    /// These changes, maybe none.
    Frames(Vec<Arc<Frame>>),
    /// More than is remembered: the whole map.
    TooLongAgo,
}

impl LiveMap {
    pub(super) fn new(map: SeatMap, loaded_at: u64) -> Self {
        let position = map.position();
        Self {
            show_id: map.show_id(),
            loaded_at,
            parked: false,
            current: ArcSwap::from_pointee(map),
            ring: Mutex::new(Ring {
                floor: position,
                frames: VecDeque::new(),
            }),
            changed: watch::Sender::new(position),
            status: Rendition::new(Kind::Status),
            seats: Rendition::new(Kind::Seats),
            used: AtomicU64::new(0),
            followers: AtomicUsize::new(0),
        }
    }

    /// A map whose events are parked.
    pub(super) fn parked(map: SeatMap, loaded_at: u64) -> Self {
        Self {
            parked: true,
            ..Self::new(map, loaded_at)
        }
    }

    pub(crate) fn show_id(&self) -> ShowId {
        self.show_id
    }

    /// Whether it is not fed, because its events are parked.
    pub(crate) fn is_parked(&self) -> bool {
        self.parked
    }

    /// Position of the row that it was loaded from.
    pub(super) fn loaded_at(&self) -> u64 {
        self.loaded_at
    }

    /// The map as it is now.
    pub(crate) fn map(&self) -> Arc<SeatMap> {
        self.current.load_full()
    }

    /// Position of the last change.
    pub(crate) fn position(&self) -> u64 {
        self.current.load().position()
    }

    /// Applies events in order. Readers see all of them at once or none.
    pub(super) fn apply(&self, events: Vec<(Event, u64)>) {
        let mut map = SeatMap::clone(&self.current.load());
        let (mut seats, mut standing) = (BTreeMap::new(), BTreeMap::new());
        let (mut changed, mut plan_changed) = (false, false);
        for (event, position) in events {
            if let Some(delta) = map.apply(&event, position) {
                changed = true;
                plan_changed |= delta.plan_changed;
                seats.extend(delta.seats);
                standing.extend(delta.standing);
            }
        }
        if !changed {
            return;
        }
        let position = map.position();
        // The map before the ring: whoever finds a frame finds a map that shows it.
        self.current.store(Arc::new(map));
        let mut ring = self.lock_ring();
        if plan_changed {
            // Followers name seats by a plan that is no more: they need the whole map.
            ring.frames.clear();
            ring.floor = position;
        } else {
            ring.push(Frame {
                position,
                seats,
                standing,
                event: OnceLock::new(),
            });
        }
        drop(ring);
        self.changed.send_replace(position);
    }

    /// What changed after `position`.
    pub(crate) fn since(&self, position: u64) -> Since {
        let ring = self.lock_ring();
        if position < ring.floor {
            return Since::TooLongAgo;
        }
        let from = ring
            .frames
            .partition_point(|frame| frame.position <= position);
        Since::Frames(ring.frames.range(from..).cloned().collect())
    }

    /// Marks the map as used, `now` milliseconds after the cache was born.
    pub(super) fn touch(&self, now: u64) {
        self.used.store(now, Ordering::Relaxed);
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn is_followed(&self) -> bool {
        self.followers.load(Ordering::Acquire) > 0
    }

    /// Gives the map up: whoever follows it must begin anew.
    pub(super) fn end(&self) {
        self.changed.send_replace(0);
    }

    fn lock_ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().expect("no holder of this lock can panic")
    }
}

impl Ring {
    fn push(&mut self, frame: Frame) {
        self.frames.push_back(Arc::new(frame));
        if self.frames.len() > MAX_FRAMES
            && let Some(oldest) = self.frames.pop_front()
        {
            self.floor = oldest.position;
        }
    }
}

impl Frame {
    /// Position of its last change.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The frame as an event of a stream; rendered once for all followers.
    pub(crate) fn event(&self, map: &SeatMap) -> Bytes {
        let render = || {
            let changes = Changes::new(map, self.position, &self.seats, &self.standing);
            stream_event("seats", self.position, &changes)
        };
        self.event.get_or_init(render).clone()
    }
}

/// The whole map as an event of a stream.
pub(crate) fn snapshot_event(map: &SeatMap) -> Bytes {
    stream_event("snapshot", map.position(), &SeatStatuses::new(map))
}

fn stream_event(name: &str, id: u64, data: &impl serde::Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("these types have string keys and no floats");
    format!("event: {name}\nid: {id}\ndata: {data}\n\n").into()
}

/// A map that is followed, and so kept in memory.
#[derive(Debug)]
pub(crate) struct Following {
    live: Arc<LiveMap>,
    changed: watch::Receiver<u64>,
}

impl Following {
    pub(super) fn join(live: Arc<LiveMap>) -> Self {
        live.followers.fetch_add(1, Ordering::AcqRel);
        let changed = live.changed.subscribe();
        Self { live, changed }
    }

    pub(crate) fn live(&self) -> &Arc<LiveMap> {
        &self.live
    }

    /// Waits for a change since the last call. `false`: the map was given up.
    pub(crate) async fn changed(&mut self) -> bool {
        self.changed.changed().await.is_ok() && *self.changed.borrow() > 0
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.live.followers.fetch_sub(1, Ordering::AcqRel);
    }
}
