//! The one subscription that feeds all live maps.

use std::{collections::HashMap, sync::atomic::Ordering, time::Duration};

use domain::{
    Aggregate as _,
    ids::ShowId,
    show::{Event, Show},
    stored::{DecodeError, DomainEvent},
};
use event_store::{
    RecordedEvent,
    bus::{self, Cursor, Delivery, Subscription},
};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{BATCH, SeatMapCache, cursors};
use crate::{
    error::Error,
    metrics::{FEED_FAILURES, SEAT_MAPS, SEAT_MAPS_POSITION},
};

/// Pause before the bus is subscribed to again after a failure that passes by itself.
const RETRY: Duration = Duration::from_millis(250);
/// Pause after one that needs somebody: the log of failures must not run full.
const LONG_RETRY: Duration = Duration::from_secs(5);

impl SeatMapCache {
    /// Follows the bus until `shutdown`. After a failure the subscription is taken up where it stood, so the maps miss nothing;
    /// meanwhile they are served as they are, and their position says how old.
    pub(crate) async fn follow(&self, shutdown: &CancellationToken) {
        let follow = async {
            loop {
                let Err(error) = self.feed().await;
                self.following.store(false, Ordering::Release);
                metrics::counter!(FEED_FAILURES).increment(1);
                let pause = match &error {
                    Error::Bus(bus::Error::Unavailable(_)) | Error::ReadModel(_) => {
                        tracing::warn!(%error, "the seat maps are not fed for now");
                        RETRY
                    }
                    Error::Bus(bus::Error::Diverged(_)) => {
                        tracing::error!(%error, "the seat maps show what the log no longer has: they are loaded anew");
                        self.forget();
                        LONG_RETRY
                    }
                    _ => {
                        tracing::error!(error = ?error, "the seat maps can't be fed");
                        LONG_RETRY
                    }
                };
                sleep(pause).await;
            }
        };
        shutdown.run_until_cancelled(follow).await;
        self.following.store(false, Ordering::Release);
    }

    async fn feed(&self) -> Result<std::convert::Infallible, Error> {
        let mut subscription = self.subscribe().await?;
        self.following.store(true, Ordering::Release);
        loop {
            let delivery = subscription.next(BATCH).await?;
            self.deliver(&delivery)?;
        }
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>, Error> {
        let stood = self.lock_feed().clone();
        let from = if stood.is_empty() {
            let start = cursors(
                &self.read_model.checkpoints(None).await?,
                self.bus.partitions(),
            );
            self.lock_feed().clone_from(&start);
            start
        } else {
            stood
        };
        self.publish(&from);
        Ok(self.bus.subscribe(from).await?)
    }

    /// Applies a delivery to the maps that it is about, then moves on.
    fn deliver(&self, delivery: &Delivery) -> Result<(), Error> {
        self.entries.deliver(&delivery.events);
        let mut feed = self.lock_feed();
        let maps = self.maps.load();
        let mut by_show: HashMap<ShowId, Result<Vec<(Event, u64)>, DecodeError>> = HashMap::new();
        for recorded in &delivery.events {
            let show = show_of(recorded).filter(|show| maps.contains_key(show));
            let Some(show) = show else { continue };
            let events = by_show.entry(show).or_insert_with(|| Ok(Vec::new()));
            let Ok(known) = events else { continue };
            match event_of(recorded) {
                Ok(event) => known.extend(event),
                Err(error @ DecodeError::Malformed { .. }) => *events = Err(error),
                Err(newer) => return Err(newer.into()),
            }
        }
        for (show, events) in by_show {
            match events {
                Ok(events) => maps[&show].apply(events),
                Err(error) => {
                    tracing::error!(show.id = %show, %error, "a seat map can't be followed any further");
                    self.give_up(show);
                }
            }
        }
        advance(&mut feed, delivery.cursor);
        self.publish(&feed);
        Ok(())
    }

    fn publish(&self, feed: &[Cursor]) {
        let positions = Positions::of(feed);
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 events")]
        metrics::gauge!(SEAT_MAPS_POSITION).set(positions.least() as f64);
        self.positions.send_if_modified(|known| {
            let moved = known.as_ref() != Some(&positions);
            *known = Some(positions);
            moved
        });
    }

    /// Drops a map of which an event is damaged: whoever asks for it gets what the read model has, parked before that event.
    fn give_up(&self, show: ShowId) {
        let mut maps = HashMap::clone(&self.maps.load());
        if let Some(live) = maps.remove(&show) {
            self.maps.store(std::sync::Arc::new(maps));
            live.end();
        }
    }

    /// Drops every map and the place on the bus.
    fn forget(&self) {
        let mut feed = self.lock_feed();
        feed.clear();
        for live in self.maps.swap(std::sync::Arc::default()).values() {
            live.end();
        }
        metrics::gauge!(SEAT_MAPS).set(0.0);
        self.positions.send_replace(None);
    }
}

/// How far the subscription is in each partition, by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Positions(Vec<u64>);

impl Positions {
    fn of(feed: &[Cursor]) -> Self {
        let end = feed.iter().map(|cursor| cursor.partition + 1).max();
        let mut positions = vec![0; end.unwrap_or_default() as usize];
        for cursor in feed {
            positions[cursor.partition as usize] = cursor.position.0;
        }
        Self(positions)
    }

    fn least(&self) -> u64 {
        self.0.iter().copied().min().unwrap_or_default()
    }
}

/// How far the subscription is for one show: in its partition.
#[derive(Debug)]
pub(crate) struct Fed {
    positions: watch::Receiver<Option<Positions>>,
    partition: usize,
}

impl Fed {
    pub(super) fn new(positions: watch::Receiver<Option<Positions>>, partition: u32) -> Self {
        let partition = partition as usize;
        Self {
            positions,
            partition,
        }
    }

    /// Where it is; `None` before the subscription has begun.
    pub(crate) fn position(&self) -> Option<u64> {
        let positions = self.positions.borrow();
        positions.as_ref()?.0.get(self.partition).copied()
    }

    /// Waits until it has come to `position`; `false`: it never will, the cache is gone.
    pub(crate) async fn reach(&mut self, position: u64) -> bool {
        let partition = self.partition;
        let there = |known: &Option<Positions>| {
            let known = known.as_ref().and_then(|known| known.0.get(partition));
            known.is_some_and(|known| *known >= position)
        };
        self.positions.wait_for(there).await.is_ok()
    }
}

/// Moves the cursor of one partition.
fn advance(cursors: &mut Vec<Cursor>, to: Cursor) {
    match cursors
        .iter_mut()
        .find(|cursor| cursor.partition == to.partition)
    {
        Some(cursor) => *cursor = to,
        None => cursors.push(to),
    }
}

/// The events of one show, with their positions.
pub(super) fn events_of(
    show: ShowId,
    events: &[RecordedEvent],
) -> Result<Vec<(Event, u64)>, DecodeError> {
    let mut own = Vec::new();
    for recorded in events {
        if show_of(recorded) == Some(show) {
            own.extend(event_of(recorded)?);
        }
    }
    Ok(own)
}

fn show_of(recorded: &RecordedEvent) -> Option<ShowId> {
    if &*recorded.stream.aggregate_type != Show::TYPE {
        return None;
    }
    recorded.stream.aggregate_id.parse().ok()
}

fn event_of(recorded: &RecordedEvent) -> Result<Option<(Event, u64)>, DecodeError> {
    let decoded = DomainEvent::decode(
        &recorded.stream.aggregate_type,
        &recorded.event_type,
        &recorded.event_version,
        &recorded.payload,
    )?;
    Ok(match decoded {
        DomainEvent::Show(event) => Some((event, recorded.position.0)),
        _ => None,
    })
}
