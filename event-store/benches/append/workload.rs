//! What the callers append.

use std::{
    future::Future,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use event_store::{
    StreamId,
    claims::ClaimChange,
    commands::{CommandRecord, Fingerprint},
    log::{Append, NewEvent, Outcome, StreamAppend},
    timers::WakeAt,
};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// The size of a usual event: two seats held.
pub(crate) static PAYLOAD: LazyLock<String> = LazyLock::new(|| {
    let seat = r#"{"zone":"block-12","row":"27","seat":"14","category":"standard","points":4200}"#;
    format!(
        r#"{{"SeatsHeld":{{"reservation":"{}","seats":[{seat},{seat}],"expires_at":"2026-11-21T20:00:00.000000Z"}}}}"#,
        Uuid::nil()
    )
});

/// Events for each stream of a mixed append, in turns: 1 to 3 streams, 1 to 4 events, 2.83 on average.
const MIX: [&[usize]; 6] = [&[4], &[1, 2], &[1, 1, 1], &[2], &[2, 2], &[1]];

/// Streams that a caller goes on with.
const OWN_STREAMS: usize = 8;

/// What is appended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    pub(crate) kind: Kind,
    /// So many of a hundred appends name a version that their stream does not stand at.
    pub(crate) conflicts: u64,
    /// With commands, claims and timers.
    pub(crate) recorded: bool,
}

/// The shape of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Each opens a stream, as a payment does, with one event, one command, one claim and a timer.
    One,
    /// 1 to 3 streams, half of them new, 1 to 4 events, one command; every third sets a claim.
    Mixed,
}

impl Workload {
    pub(crate) const ONE: Self = Self::of(Kind::One);
    pub(crate) const MIXED: Self = Self::of(Kind::Mixed);
    /// What a repository of events alone stores.
    pub(crate) const BARE: Self = Self {
        recorded: false,
        ..Self::ONE
    };

    const fn of(kind: Kind) -> Self {
        Self {
            kind,
            conflicts: 0,
            recorded: true,
        }
    }
}

/// One caller's appends.
pub(crate) struct Caller {
    workload: Workload,
    count: u64,
    metadata: Arc<str>,
    streams: Vec<(StreamId, u64)>,
    /// Streams of the last append: they stand so once it is stored.
    pending: Vec<(StreamId, u64)>,
}

impl Caller {
    pub(crate) fn new(workload: Workload) -> Self {
        let metadata =
            r#"{"actor":"customer","correlation_id":"018f4c8a-1111-7aaa-8bbb-000000000000"}"#;
        Self {
            workload,
            count: 0,
            metadata: Arc::from(metadata),
            streams: Vec::new(),
            pending: Vec::new(),
        }
    }

    pub(crate) fn next(&mut self) -> Append {
        self.count += 1;
        let command_id = Uuid::new_v5(&Uuid::now_v7(), b"command");
        let sizes: &[usize] = match self.workload.kind {
            Kind::One => &[1],
            Kind::Mixed => MIX[usize::try_from(self.count).unwrap() % MIX.len()],
        };
        let mut ordinal = 0;
        let mut streams: Vec<StreamAppend> = Vec::with_capacity(sizes.len());
        for size in sizes {
            let (stream, version) = self.stream(ordinal);
            let events = (ordinal..ordinal + size).map(|n| self.event(command_id, n));
            streams.push(StreamAppend {
                expected_version: version,
                routing_key: stream.aggregate_id.to_string(),
                events: events.collect(),
                wake_at: if self.workload.recorded {
                    WakeAt::At(time(self.count + 600))
                } else {
                    WakeAt::Keep
                },
                stream,
            });
            ordinal += size;
        }
        let stood = streams.iter().map(|part| {
            (
                part.stream.clone(),
                part.expected_version + part.events.len() as u64,
            )
        });
        self.pending = stood.collect();
        if self.count * 7_919 % 100 < self.workload.conflicts {
            self.spoil(&mut streams);
        }
        let own = streams[0].stream.clone();
        Append {
            streams,
            commands: self.commands(command_id, ordinal),
            claims: self.claims(own),
            recorded_at: time(self.count),
        }
    }

    /// The last append was stored.
    pub(crate) fn stored(&mut self) {
        for (stream, version) in self.pending.drain(..) {
            let own = self.streams.iter().position(|(own, _)| *own == stream);
            let oldest = usize::try_from(self.count).unwrap() % OWN_STREAMS;
            match own {
                Some(place) => self.streams[place].1 = version,
                None if self.streams.len() < OWN_STREAMS => self.streams.push((stream, version)),
                None => self.streams[oldest] = (stream, version),
            }
        }
    }

    /// A new stream, or, in every second place of a mixed append, one of the caller's.
    fn stream(&self, place: usize) -> (StreamId, u64) {
        let turn = usize::try_from(self.count).unwrap();
        if self.workload.kind == Kind::Mixed
            && (turn + place) % 2 == 1
            && self.streams.len() == OWN_STREAMS
        {
            return self.streams[(turn + place) % OWN_STREAMS].clone();
        }
        (StreamId::new("payment", Uuid::now_v7().to_string()), 0)
    }

    /// Lets an append name a version that its stream has left behind, or has not come to.
    fn spoil(&self, streams: &mut [StreamAppend]) {
        let free = |stream: &StreamId| streams.iter().all(|part| part.stream != *stream);
        let Some((stream, version)) = self.streams.iter().find(|(own, _)| free(own)).cloned()
        else {
            return;
        };
        let ahead = self.count.is_multiple_of(2);
        streams[0].stream = stream;
        streams[0].expected_version = if ahead { version + 5 } else { 0 };
    }

    fn event(&self, command_id: Uuid, ordinal: usize) -> NewEvent {
        NewEvent {
            event_id: event_store::commands::event_id(command_id, ordinal),
            command_id,
            event_type: "SeatsHeld".to_owned(),
            event_version: "1".to_owned(),
            payload: PAYLOAD.clone(),
            metadata: Arc::clone(&self.metadata),
        }
    }

    fn commands(&self, command_id: Uuid, events: usize) -> Vec<CommandRecord> {
        let command = CommandRecord {
            command_id,
            fingerprint: Fingerprint(vec![7; 32]),
            first_event: 0,
            events,
        };
        self.workload
            .recorded
            .then_some(command)
            .into_iter()
            .collect()
    }

    fn claims(&self, stream: StreamId) -> Vec<ClaimChange> {
        let often = match self.workload.kind {
            Kind::One => 1,
            Kind::Mixed => 3,
        };
        let claim = ClaimChange::Set {
            namespace: "reservation".to_owned(),
            key: Uuid::now_v7().to_string(),
            stream,
        };
        let sets = self.workload.recorded && self.count.is_multiple_of(often);
        sets.then_some(claim).into_iter().collect()
    }
}

pub(crate) fn time(second: u64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(i64::try_from(second).unwrap())
}

/// What was stored per second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) appends: f64,
    pub(crate) events: f64,
}

/// Lets `callers` append, each waiting for its last append before the next, for `span`.
pub(crate) async fn run<F>(
    workload: Workload,
    callers: usize,
    span: Duration,
    append: impl Fn(Append) -> F + Clone + Send + 'static,
) -> Rate
where
    F: Future<Output = Outcome> + Send,
{
    let tasks = TaskTracker::new();
    let begun = Instant::now();
    let counts: Vec<_> = (0..callers)
        .map(|_| {
            let append = append.clone();
            tasks.spawn(async move {
                let mut caller = Caller::new(workload);
                let (mut appends, mut events) = (0_u32, 0_u32);
                while begun.elapsed() < span {
                    match append(caller.next()).await {
                        Outcome::Committed { first, last } => {
                            caller.stored();
                            appends += 1;
                            events += u32::try_from(last.0 - first.0).unwrap() + 1;
                        }
                        Outcome::VersionConflict { .. } if workload.conflicts > 0 => {}
                        other => panic!("{other:?}"),
                    }
                }
                (appends, events)
            })
        })
        .collect();
    let (mut appends, mut events) = (0, 0);
    for count in counts {
        let count = count.await.unwrap();
        appends += count.0;
        events += count.1;
    }
    let seconds = begun.elapsed().as_secs_f64();
    Rate {
        appends: f64::from(appends) / seconds,
        events: f64::from(events) / seconds,
    }
}
