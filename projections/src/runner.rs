//! The worker: follows the bus from the checkpoints, batch by batch.
//!
//! Every batch is one transaction, and a checkpoint moves only from where the worker believes it to be. So it does not
//! matter where the worker is interrupted, or whether another one runs beside it: each event is in the rows once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use event_store::bus::{self, Bus, Delivery};
use read_model::ReadModel;
use tokio_util::sync::CancellationToken;

use crate::{Error, Progress, Readiness, batch::Folder, metrics};

/// Most events of one batch: bounds the memory of a batch and how long readers wait for its first event.
pub const MAX_BATCH: usize = 2_000;
/// Tries of a batch that contradicts the rows before the worker stops: the rows are loaded afresh each time.
const POISON_TRIES: u32 = 3;
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
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remedy {
    /// Resume from the checkpoints, however often it takes.
    TryAgain,
    /// Resume from the checkpoints a few times, then stop.
    TryThenStop,
    /// Stop: trying again changes nothing.
    Stop,
}

impl Error {
    /// The event that can't be projected, where it is one event's fault.
    fn position(&self) -> Option<u64> {
        match self {
            Self::Undecodable { position, .. }
            | Self::NotAnId { position, .. }
            | Self::MissingRow { position, .. } => Some(*position),
            Self::Bus(_) | Self::ReadModel(_) => None,
        }
    }

    fn remedy(&self) -> Remedy {
        use read_model::Error as Store;
        match self {
            Self::Bus(bus::Error::Unavailable(_))
            | Self::ReadModel(
                Store::Unavailable(_)
                | Store::CheckpointMoved { .. }
                | Store::NoVersion { .. }
                | Store::NotLive { .. }
                | Store::Live { .. }
                | Store::NotParked { .. },
            ) => Remedy::TryAgain,
            Self::MissingRow { .. } => Remedy::TryThenStop,
            Self::Undecodable { .. }
            | Self::NotAnId { .. }
            | Self::Bus(
                bus::Error::Diverged(_) | bus::Error::Corrupt(_) | bus::Error::Refused(_),
            )
            | Self::ReadModel(Store::Corrupt(_) | Store::BadCursor(_) | Store::UnknownScheme(_)) => {
                Remedy::Stop
            }
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
        let Err(error) = follow(&deps, &shutdown).await else {
            return Ok(());
        };
        failures = if hindmost(&deps.progress) > before {
            1
        } else {
            failures + 1
        };
        let reason = chain(&error);
        let stop = match error.remedy() {
            Remedy::TryAgain => false,
            Remedy::TryThenStop => failures >= POISON_TRIES,
            Remedy::Stop => true,
        };
        if stop {
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

/// Follows the bus until `shutdown` or an error.
async fn follow(deps: &Deps, shutdown: &CancellationToken) -> Result<(), Error> {
    let model = deps.read_model.as_ref();
    let mut folder = Folder::resume(model, deps.bus.partitions()).await?;
    deps.progress.resumed(|id| folder.position(id));
    let mut subscription = deps.bus.subscribe(folder.cursors()).await?;
    deps.progress.set_readiness(Readiness::Following);
    loop {
        let delivery = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            delivery = subscription.next(MAX_BATCH) => delivery?,
        };
        let began = Instant::now();
        let oldest = delivery.events.first().map(|event| event.recorded_at);
        deps.progress.received(delivery.cursor.position.0, oldest);
        if let Err(error) = folder.step(model, &delivery).await {
            return Err(up_to(deps, &delivery, error).await);
        }
        deps.progress.written(|id| folder.position(id));
        metrics::batch(delivery.events.len(), began.elapsed());
        tracing::trace!(
            log.position = delivery.cursor.position.0,
            events = delivery.events.len(),
            "projected a batch"
        );
    }
}

/// Where one event of a delivery can't be projected, those before it are: the checkpoint then stands right before the
/// culprit.
async fn up_to(deps: &Deps, delivery: &Delivery, error: Error) -> Error {
    let Some(culprit) = error.position() else {
        return error;
    };
    let model = deps.read_model.as_ref();
    let good = async {
        let mut folder = Folder::resume(model, deps.bus.partitions()).await?;
        let before = folder.before(delivery, culprit);
        folder.step(model, &before).await?;
        deps.progress.resumed(|id| folder.position(id));
        Ok::<_, Error>(())
    };
    // Should this fail too, the first error still tells more.
    if let Err(second) = good.await {
        tracing::warn!(
            error = chain(&second),
            "the events before the culprit wait, too"
        );
    }
    error
}

fn hindmost(progress: &Progress) -> u64 {
    let positions = read_model::ProjectionId::ALL.map(|id| progress.position(id));
    positions.into_iter().min().unwrap_or_default()
}

/// An error with all its sources.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
