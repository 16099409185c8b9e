//! The worker: follows its partitions of the bus from the checkpoints, batch by batch.
//!
//! ```text
//!  group ── partitions 0 2 5 ──▶ checkpoints ──▶ subscribe ──▶ gather ──▶ fold ──▶ write (rows, checkpoints of 0 2 5)
//!    │                                ▲                                               │
//!    └── another assignment ──────────┴────────────── a checkpoint has moved ─────────┘
//! ```
//!
//! Every batch is one transaction, and a checkpoint moves only from where the worker believes it to be. So it does not
//! matter where the worker is interrupted, or whether another one runs beside it, even over the same partition: each event
//! is in the rows once.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use event_store::{
    Clock, EventLog,
    bus::{self, Alone, Bus, Delivery, Membership},
    log,
};
use read_model::{ProjectionId, ReadModel};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Progress, Readiness, chain,
    folder::{DeadLetter, Folder},
    gather::{Gathered, PLENTY},
    metrics,
    rebuild::{self, rebuild},
};

/// How often the worker looks at what others change: versions, parked keys, checkpoints of others' partitions.
const LOOK_AROUND: Duration = Duration::from_millis(250);
/// Least time between the beginnings of two batches, unless plenty of events wait: each batch is a transaction on the primary and on its
/// replicas, whether it holds one event or a thousand.
const BATCH_EVERY: Duration = Duration::from_millis(3);
/// Wait before the first repetition; doubled for each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
/// Longest wait before a repetition.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// What the worker works with.
#[derive(Debug, Clone)]
pub struct Deps {
    /// Where events come from.
    pub bus: Arc<dyn Bus>,
    /// Where rows go.
    pub read_model: Arc<dyn ReadModel>,
    /// Where the worker says how far it has come.
    pub progress: Progress,
    /// The workers to share the partitions with. `None`: there are no others, all partitions are this one's.
    pub group: Option<String>,
    /// Where rows of an older release are made anew from. `None`: the worker stops where there are such.
    pub log: Option<LogSource>,
    /// Dates what is parked.
    pub clock: Arc<dyn Clock>,
}

/// A log that is opened only once rows have to be made anew: a worker needs none otherwise.
#[derive(Clone)]
pub struct LogSource(Arc<OpenLog>);

type OpenLog = dyn Fn() -> Pin<Box<dyn Future<Output = Result<Arc<dyn EventLog>, log::Error>> + Send>>
    + Send
    + Sync;

impl LogSource {
    /// A log that `open` opens.
    pub fn new<F>(open: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Arc<dyn EventLog>, log::Error>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(open())))
    }
}

impl fmt::Debug for LogSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogSource").finish_non_exhaustive()
    }
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remedy {
    /// Resume from the checkpoints, however often it takes.
    TryAgain,
    /// Stop: trying again changes nothing.
    Stop,
}

impl Error {
    fn remedy(&self) -> Remedy {
        use read_model::Error as Store;
        match self {
            Self::Bus(bus::Error::Unavailable(_))
            | Self::Log(log::Error::Unavailable(_))
            | Self::ReadModel(
                Store::Unavailable(_)
                | Store::CheckpointMoved { .. }
                | Store::NoVersion { .. }
                | Store::NotLive { .. }
                | Store::NotParked { .. },
            ) => Remedy::TryAgain,
            Self::Undecodable { .. }
            | Self::NotAnId { .. }
            | Self::MissingRow { .. }
            | Self::Damaged { .. }
            | Self::NothingParked { .. }
            | Self::Outdated { .. }
            | Self::NeedsReplay { .. }
            | Self::NoRetired { .. }
            | Self::TooManyKeys
            | Self::Log(_)
            | Self::Bus(
                bus::Error::Diverged(_) | bus::Error::Corrupt(_) | bus::Error::Refused(_),
            )
            | Self::ReadModel(
                Store::Corrupt(_)
                | Store::BadCursor(_)
                | Store::UnknownScheme(_)
                | Store::Live { .. },
            ) => Remedy::Stop,
        }
    }
}

/// Projects until `shutdown`; the batch under way is finished first.
///
/// # Errors
/// What the worker can't go on from by itself; [`Progress::readiness`] then says `Stopped`.
pub async fn run(deps: Deps, shutdown: CancellationToken) -> Result<(), Error> {
    let mut failures = 0_u32;
    loop {
        let before = hindmost(&deps.progress);
        let Err(error) = work(&deps, &shutdown).await else {
            return Ok(());
        };
        failures = if hindmost(&deps.progress) > before {
            1
        } else {
            failures + 1
        };
        let reason = chain(&error);
        if error.remedy() == Remedy::Stop {
            tracing::error!(error = reason, "projections stopped");
            deps.progress.set_readiness(Readiness::Stopped { reason });
            return Err(error);
        }
        tracing::warn!(error = reason, failures, "projections try again");
        metrics::retry();
        deps.progress.set_readiness(Readiness::Retrying { reason });
        let wait = FIRST_BACKOFF * 2_u32.pow(failures.min(8) - 1);
        tokio::select! {
            () = tokio::time::sleep(wait.min(MAX_BACKOFF)) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}

/// Works as a member of the group until `shutdown` or an error.
async fn work(deps: &Deps, shutdown: &CancellationToken) -> Result<(), Error> {
    let membership: Box<dyn Membership> = match &deps.group {
        Some(group) => deps.bus.join(group).await?,
        None => Box::new(Alone::with(deps.bus.partitions())),
    };
    let mut assigned = membership.assigned();
    while !shutdown.is_cancelled() {
        let own = assigned.borrow_and_update().clone();
        // Ends what is done for these partitions: the batch under way is finished.
        let part = shutdown.child_token();
        let reassigned = async {
            // A membership tells of its end by its subscription's errors.
            if assigned.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            part.cancel();
            std::future::pending::<Result<(), Error>>().await
        };
        tokio::select! {
            ended = follow(deps, &own, &part) => ended?,
            ended = renew(deps, &own, &part) => ended?,
            ended = reassigned => ended?,
        }
    }
    Ok(())
}

/// Makes rows of an older release anew, beside the live ones. One worker does so: the one that has the first partition.
async fn renew(deps: &Deps, own: &[u32], part: &CancellationToken) -> Result<(), Error> {
    if own.contains(&0) {
        for projection in rebuild::outdated(deps.read_model.as_ref()).await? {
            let name = projection.name();
            let Some(LogSource(open)) = &deps.log else {
                return Err(Error::NeedsReplay { projection: name });
            };
            let log = open().await?;
            tracing::info!(
                projection.name = name,
                "rows of an older release are made anew"
            );
            let deps = rebuild::Deps {
                log,
                read_model: deps.read_model.clone(),
                bus: deps.bus.clone(),
                clock: deps.clock.clone(),
            };
            let options = rebuild::Options::default();
            let rebuilt = rebuild(&deps, projection, &options, |_| {});
            let Some(report) = part.run_until_cancelled(rebuilt).await else {
                break;
            };
            let report = report?;
            tracing::info!(
                projection.name = name,
                projection.version = report.version,
                differences = report.differing,
                "rows made anew are live"
            );
        }
    }
    std::future::pending().await
}

/// Follows partitions until `part` ends, an error, or another version becomes live.
async fn follow(deps: &Deps, own: &[u32], part: &CancellationToken) -> Result<(), Error> {
    let (clock, partitions) = (deps.clock.clone(), deps.bus.partitions());
    let mut folder = Folder::live(&deps.read_model, clock, partitions, own).await?;
    deps.progress.resumed(|id| folder.position(id));
    let gathered = Gathered::default();
    let cursors = folder.cursors();
    if cursors.is_empty() {
        // Others have all partitions: stand by.
        deps.progress.set_readiness(Readiness::Following);
        return fold(deps, &mut folder, &gathered, part).await;
    }
    let mut subscription = deps.bus.subscribe(cursors).await?;
    deps.progress.set_readiness(Readiness::Following);
    tokio::select! {
        biased;
        ended = fold(deps, &mut folder, &gathered, part) => ended,
        never = gathered.fill(&mut *subscription) => match never {},
    }
}

/// Folds what is gathered, until `part` ends, an error, or another version becomes live. The batch on its way is waited for.
async fn fold(
    deps: &Deps,
    folder: &mut Folder,
    gathered: &Gathered,
    part: &CancellationToken,
) -> Result<(), Error> {
    let mut looked = Instant::now();
    let mut begun: Option<Instant> = None;
    loop {
        let until_look = LOOK_AROUND.saturating_sub(looked.elapsed());
        let writing = folder.is_writing();
        let until_next = begun.map(|begun| BATCH_EVERY.saturating_sub(begun.elapsed()));
        let pause = until_next.filter(|pause| !pause.is_zero());
        let at_least = if writing || pause.is_some() {
            PLENTY
        } else {
            1
        };
        let wait = pause.map_or(until_look, |pause| pause.min(until_look));
        let deliveries = tokio::select! {
            biased;
            () = part.cancelled() => {
                folder.land().await?;
                return report(deps, folder).await;
            }
            landed = folder.land(), if writing => landed.map(|()| Vec::new())?,
            deliveries = gathered.take(at_least) => deliveries?,
            () = tokio::time::sleep(wait) => Vec::new(),
        };
        if !deliveries.is_empty() {
            begun = Some(Instant::now());
            receive(deps, &deliveries);
            folder.begin(deliveries).await?;
        }
        report(deps, folder).await?;
        if looked.elapsed() >= LOOK_AROUND {
            if !folder.refresh().await? {
                return Ok(());
            }
            report(deps, folder).await?;
            deps.progress.resumed(|id| folder.position(id));
            looked = Instant::now();
        }
    }
}

fn receive(deps: &Deps, deliveries: &[Delivery]) {
    let events = deliveries.iter().flat_map(|delivery| &delivery.events);
    let oldest = events.map(|event| event.recorded_at).min();
    let positions = deliveries.iter().map(|delivery| delivery.cursor.position.0);
    deps.progress
        .received(positions.max().unwrap_or_default(), oldest);
}

/// Tells of the batches that are stored.
///
/// # Errors
/// Why a batch was not folded to its end.
async fn report(deps: &Deps, folder: &mut Folder) -> Result<(), Error> {
    for landed in folder.take_landed() {
        bury(deps, landed.dead).await;
        if let Some(cut) = landed.cut {
            deps.progress.resumed(|id| folder.position(id));
            return Err(cut);
        }
        if folder.is_writing() {
            deps.progress.resumed(|id| folder.position(id));
        } else {
            deps.progress.written(|id| folder.position(id));
        }
        metrics::batch(landed.events, landed.began.elapsed());
        tracing::trace!(events = landed.events, "projected a batch");
    }
    Ok(())
}

/// Tells of events that are parked. The read model keeps them; should the bus not take them, nothing is lost.
async fn bury(deps: &Deps, dead: Vec<DeadLetter>) {
    for letter in dead {
        let name = letter.projection.name();
        let position = letter.event.position.0;
        tracing::error!(
            projection.name = name,
            log.position = position,
            routing.key = letter.event.routing_key,
            reason = letter.reason,
            "an event is parked"
        );
        metrics::parked(letter.projection);
        let told = deps.bus.dead_letter(name, &letter.event, &letter.reason);
        if let Err(error) = told.await {
            tracing::warn!(%error, log.position = position, "a parked event is not among the dead letters");
        }
    }
}

fn hindmost(progress: &Progress) -> u64 {
    let positions = ProjectionId::ALL.map(|id| progress.position(id));
    positions.into_iter().min().unwrap_or_default()
}
