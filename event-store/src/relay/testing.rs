//! What the tests of the relay and of the bus on Kafka share: leases in memory, and a log that is relayed to a topic of its own.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::watch, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{Deps, Error, Route, Status, run};
use crate::{
    bus::{Bus, Cursor, KafkaBus, Topic, kafka::Options},
    clock::SystemClock,
    leases::{self, Lease, Leases},
    log::{Append, EventLog, NewEvent, Outcome, Position, StreamAppend, StreamId},
    testing::Rig,
    timers::WakeAt,
};

/// Leases that live with the test.
#[derive(Debug, Default)]
pub(crate) struct MemoryLeases {
    held: Mutex<HashMap<String, (Lease, Instant)>>,
    /// Whoever asks has the lease, and every claim is granted: there is no fence.
    pub(crate) is_lax: bool,
    pub(crate) claims: AtomicUsize,
    /// How far each holder has claimed.
    claimed: watch::Sender<HashMap<Uuid, Position>>,
}

impl MemoryLeases {
    pub(crate) fn lax() -> Self {
        Self {
            is_lax: true,
            ..Self::default()
        }
    }

    /// Every lease runs out now.
    pub(crate) fn expire(&self) {
        for (_, until) in self.held.lock().unwrap().values_mut() {
            *until = Instant::now();
        }
    }

    /// Waits until so many holders have claimed up to `position`.
    pub(crate) async fn wait_for_claims(&self, holders: usize, position: Position) {
        let mut claimed = self.claimed.subscribe();
        let enough = claimed.wait_for(|claimed| {
            let far = claimed.values().filter(|claimed| **claimed >= position);
            far.count() >= holders
        });
        enough.await.unwrap();
    }

    pub(crate) fn holder(&self) -> Option<Uuid> {
        let held = self.held.lock().unwrap();
        let held = held.get(super::LEASE);
        let live = held.filter(|(_, until)| *until > Instant::now());
        live.map(|(lease, _)| lease.holder)
    }
}

#[async_trait]
impl Leases for MemoryLeases {
    async fn hold(
        &self,
        name: &str,
        holder: Uuid,
        ttl: Duration,
    ) -> Result<Option<Lease>, leases::Error> {
        let now = Instant::now();
        let mut held = self.held.lock().unwrap();
        let term = match held.get(name) {
            Some((lease, until)) if *until > now && lease.holder == holder => lease.term,
            Some((_, until)) if *until > now && !self.is_lax => return Ok(None),
            Some((lease, _)) => lease.term + 1,
            None => 1,
        };
        let lease = Lease {
            name: name.to_owned(),
            holder,
            term: if self.is_lax { 1 } else { term },
        };
        held.insert(name.to_owned(), (lease.clone(), now + ttl));
        Ok(Some(lease))
    }

    async fn release(&self, lease: &Lease) -> Result<(), leases::Error> {
        let mut held = self.held.lock().unwrap();
        if held.get(&lease.name).is_some_and(|(held, _)| held == lease) {
            // The term is kept.
            let until = Instant::now();
            held.insert(lease.name.clone(), (lease.clone(), until));
        }
        Ok(())
    }

    async fn claim(&self, lease: &Lease, up_to: Position) -> Result<bool, leases::Error> {
        self.claims.fetch_add(1, Ordering::SeqCst);
        self.claimed
            .send_modify(|claimed| claimed.extend([(lease.holder, up_to)]));
        let held = self.held.lock().unwrap();
        let is_held = held
            .get(&lease.name)
            .is_some_and(|(held, until)| held == lease && *until > Instant::now());
        Ok(self.is_lax || is_held)
    }
}

/// A log, and a topic for it.
pub(crate) struct Relayed {
    pub(crate) rig: Arc<Rig>,
    pub(crate) leases: Arc<MemoryLeases>,
    pub(crate) options: Options,
    pub(crate) bus: KafkaBus,
    pub(crate) route: Route,
    pub(crate) integration: Vec<String>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Relayed {
    /// Nothing is relayed yet.
    pub(crate) async fn new(brokers: &str, partitions: u32) -> Self {
        let topic = Topic {
            name: format!("t-{}", Uuid::now_v7().simple()),
            partitions,
            replication: 1,
        };
        let mut options = Options::at(brokers, &topic);
        options.patience = Duration::from_secs(2);
        Self {
            rig: Arc::new(Rig::new().await),
            leases: Arc::default(),
            bus: KafkaBus::new(options.clone()),
            options,
            route: Arc::new(|_| Vec::new()),
            integration: Vec::new(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    pub(crate) fn log(&self) -> Arc<dyn EventLog> {
        self.rig.port()
    }

    pub(crate) fn deps(&self) -> Deps {
        Deps {
            log: self.log(),
            leases: Arc::clone(&self.leases) as Arc<dyn Leases>,
            holder: Uuid::now_v7(),
            clock: Arc::new(SystemClock),
            kafka: self.options.clone(),
            integration: self.integration.clone(),
            route: Arc::clone(&self.route),
            status: Status::default(),
        }
    }

    /// Relays until the value is dropped.
    pub(crate) fn relay(&self) -> Uuid {
        let deps = self.deps();
        let holder = deps.holder;
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let ended: Result<(), Error> = run(deps, stop).await;
            ended.unwrap();
        });
        holder
    }

    /// Relays until `stop`, and is then killed: nothing is finished.
    pub(crate) fn relay_until_killed(&self, stop: CancellationToken) {
        let deps = self.deps();
        self.tasks.spawn(async move {
            let never = CancellationToken::new();
            let ended = stop.run_until_cancelled(run(deps, never)).await;
            assert!(ended.is_none(), "{ended:?}");
        });
    }

    /// Waits until a relay has made the topic.
    pub(crate) async fn wait_for_topic(&self) {
        let from = vec![Cursor::default()];
        let until = Instant::now() + Duration::from_secs(30);
        while let Err(error) = self.bus.subscribe(from.clone()).await {
            assert!(Instant::now() < until, "{error}");
        }
    }

    /// Ends every relay in order.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Appends `count` events of many keys; the last one's position.
    pub(crate) async fn feed(&self, count: usize) -> Position {
        self.feed_with(count, "{}").await
    }

    /// The same, each with this payload.
    pub(crate) async fn feed_with(&self, count: usize, payload: &str) -> Position {
        let log = self.log();
        let before = log.head().await.unwrap().position;
        let batch = (0..count).map(|number| append(before, number, payload));
        let outcomes = log.append(batch.collect()).await.unwrap();
        let last = outcomes.last().map(|outcome| match outcome {
            Outcome::Committed { last, .. } => *last,
            other => panic!("{other:?}"),
        });
        last.unwrap_or(before)
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn append(before: Position, number: usize, payload: &str) -> Append {
    let id = format!("{before}-{number}");
    let command_id = Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes());
    Append {
        streams: vec![StreamAppend {
            stream: StreamId::new("relayed", id),
            expected_version: 0,
            routing_key: format!("key-{}", number % 97),
            events: vec![NewEvent {
                event_id: crate::commands::event_id(command_id, 0),
                command_id,
                event_type: "Fed".to_owned(),
                event_version: "1.0".to_owned(),
                payload: payload.to_owned(),
                metadata: r#"{"actor":"ünï"}"#.into(),
            }],
            wake_at: WakeAt::Keep,
        }],
        commands: Vec::new(),
        claims: Vec::new(),
        recorded_at: chrono::DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
    }
}
