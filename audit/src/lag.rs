//! How far the projections are behind the log.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use event_store::{EventLog, Position, bus::Bus};
use read_model::{Checkpoint, Version, Versions};

use crate::error::Error;

/// Most events that are looked through for the oldest one which a partition lacks. Where it is further away, the age of the last one
/// looked at is told: the true age is between the two.
const LOOK_AHEAD: usize = 5_000;

/// The log's end, and the events that the hindmost lack.
#[derive(Debug)]
pub(crate) struct Lag {
    head: u64,
    now: DateTime<Utc>,
    /// By partition: positions of events and when they were recorded, in order.
    events: BTreeMap<u32, Vec<(u64, DateTime<Utc>)>>,
    /// The last event that was looked at, where there are more.
    more: Option<DateTime<Utc>>,
}

impl Lag {
    /// Measures from the hindmost checkpoint on.
    pub(crate) async fn measure(
        log: &dyn EventLog,
        bus: &dyn Bus,
        now: DateTime<Utc>,
        checkpoints: &[Checkpoint],
    ) -> Result<Self, Error> {
        let head = log.head().await?.position.0;
        let hindmost = checkpoints.iter().map(|stand| stand.position).min();
        let behind = Position(hindmost.unwrap_or(head));
        let mut events: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        let mut last = None;
        if behind.0 < head {
            for event in log.read_all(behind, LOOK_AHEAD).await? {
                let partition = bus.partition_of(&event.routing_key);
                let own = events.entry(partition).or_default();
                own.push((event.position.0, event.recorded_at));
                last = Some((event.position.0, event.recorded_at));
            }
        }
        Ok(Self {
            head,
            now,
            events,
            more: last
                .filter(|(position, _)| *position < head)
                .map(|(_, at)| at),
        })
    }

    /// Position of the log's last event.
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// Age of the oldest event that a checkpoint's partition lacks, in milliseconds.
    pub(crate) fn ms(&self, stand: &Checkpoint) -> u64 {
        let events = self.events.get(&stand.partition);
        let mut lacking = events
            .into_iter()
            .flatten()
            .filter(|(position, _)| *position > stand.position);
        let oldest = lacking.next().map(|(_, at)| *at).or(self.more);
        let age = oldest.map(|at| self.now - at);
        age.map_or(0, |age| {
            u64::try_from(age.num_milliseconds()).unwrap_or_default()
        })
    }
}

/// Versions of which that of one projection matters.
pub(crate) fn only(version: &Version) -> Versions {
    Versions::default().with(version.projection, version.version)
}
