//! "At least position N": reads that wait until what their client has written shows.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, StatusCode, request::Parts},
};
use edge::Problem;
use read_model::{At, Checkpoint, ProjectionId, ReadModel};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    error::Error,
    metrics::{NOT_CAUGHT_UP, WAITS},
};

/// The header of every answer: the position that it shows.
pub(crate) const POSITION: HeaderName = HeaderName::from_static("position");
/// The header of a request: the position that its answer must show.
pub(crate) const AT_LEAST_POSITION: HeaderName = HeaderName::from_static("at-least-position");
/// Longest wait for a position.
pub(crate) const WAIT: Duration = Duration::from_secs(2);
/// How often checkpoints are read while somebody waits and the projections run elsewhere.
const POLL: Duration = Duration::from_millis(20);

/// The position that an answer must show; 0 where the request demands none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct AtLeast(pub(crate) u64);

impl<S: Send + Sync> FromRequestParts<S> for AtLeast {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(AT_LEAST_POSITION) else {
            return Ok(Self(0));
        };
        let position = value.to_str().ok().and_then(|text| text.parse().ok());
        position.map(Self).ok_or_else(|| {
            let detail =
                "At-Least-Position is a position: a whole number, as an earlier answer gave it";
            Problem::new(StatusCode::BAD_REQUEST, "invalid_position", detail)
        })
    }
}

/// Tells how far a projection is, as it moves.
type Watch = dyn Fn(ProjectionId) -> watch::Receiver<u64> + Send + Sync;

/// The progress of projections that run in this process. Cheap to clone.
#[derive(Clone)]
pub struct Progress(Arc<Watch>);

impl Progress {
    /// `watch` gives the position of a projection, as it moves; told once the rows can be read.
    pub fn new(
        watch: impl Fn(ProjectionId) -> watch::Receiver<u64> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(watch))
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

/// Knows how far the projections are: from themselves, where they run in this process; else from their checkpoints, for as long as
/// somebody wants to know.
#[derive(Debug)]
pub(crate) struct Freshness {
    read_model: Arc<dyn ReadModel>,
    progress: Option<Progress>,
    checkpoints: watch::Sender<Vec<Checkpoint>>,
    waiting: AtomicUsize,
    wanted: Notify,
}

impl Freshness {
    pub(crate) fn new(read_model: Arc<dyn ReadModel>, progress: Option<Progress>) -> Self {
        Self {
            read_model,
            progress,
            checkpoints: watch::Sender::new(Vec::new()),
            waiting: AtomicUsize::new(0),
            wanted: Notify::new(),
        }
    }

    /// Runs `query` until its answer shows `at_least`.
    ///
    /// # Errors
    /// [`Error::NotCaughtUp`] after [`WAIT`]; whatever `query` fails with.
    pub(crate) async fn read<T, Q, R>(
        &self,
        AtLeast(wanted): AtLeast,
        projections: &[ProjectionId],
        query: Q,
    ) -> Result<At<T>, Error>
    where
        Q: Fn() -> R,
        R: Future<Output = Result<At<T>, read_model::Error>>,
    {
        let deadline = Instant::now() + WAIT;
        let mut answer = query().await?;
        if answer.position >= wanted {
            return Ok(answer);
        }
        metrics::counter!(WAITS).increment(1);
        while timeout_at(deadline, self.reached(projections, wanted))
            .await
            .is_ok()
        {
            answer = query().await?;
            if answer.position >= wanted {
                return Ok(answer);
            }
            // The checkpoint is there but this answer is from before it (another replica).
            if Instant::now() >= deadline {
                break;
            }
            sleep(POLL).await;
        }
        metrics::counter!(NOT_CAUGHT_UP).increment(1);
        let reached = answer.position;
        Err(Error::NotCaughtUp { wanted, reached })
    }

    async fn reached(&self, projections: &[ProjectionId], wanted: u64) {
        if let Some(Progress(watch)) = &self.progress {
            for projection in projections {
                if watch(*projection)
                    .wait_for(|position| *position >= wanted)
                    .await
                    .is_err()
                {
                    // The projection is gone: it will come no further.
                    std::future::pending::<()>().await;
                }
            }
            return;
        }
        let _waiting = Waiting::begin(self);
        let mut checkpoints = self.checkpoints.subscribe();
        let there = |known: &Vec<Checkpoint>| {
            projections
                .iter()
                .all(|projection| Checkpoint::position_of(*projection, known) >= wanted)
        };
        // The sender lives in `self`, so waiting can't fail.
        let _ = checkpoints.wait_for(there).await;
    }

    /// Reads the checkpoints while somebody waits, once for all who do. Needed only where the projections run elsewhere.
    pub(crate) async fn watch(&self, shutdown: &CancellationToken) {
        let follow = async {
            loop {
                if self.waiting.load(Ordering::Acquire) == 0 {
                    self.wanted.notified().await;
                    continue;
                }
                match self.read_model.checkpoints(None).await {
                    Ok(now) => {
                        self.checkpoints.send_replace(now);
                    }
                    Err(error) => tracing::warn!(%error, "the checkpoints can't be read"),
                }
                sleep(POLL).await;
            }
        };
        shutdown.run_until_cancelled(follow).await;
    }
}

/// One who waits, counted for as long as it does.
struct Waiting<'a>(&'a Freshness);

impl<'a> Waiting<'a> {
    fn begin(freshness: &'a Freshness) -> Self {
        freshness.waiting.fetch_add(1, Ordering::AcqRel);
        freshness.wanted.notify_one();
        Self(freshness)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
