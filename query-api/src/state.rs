//! What the routes work with, and what runs behind them.

use std::sync::Arc;

use axum::extract::FromRef;
use edge::{auth::Verifier, probes::Readiness};
use event_store::{Clock, bus::Bus};
use read_model::ReadModel;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    entry_feed::EntryFeed,
    freshness::{Freshness, Progress},
    seat_map_cache::{MAX_MAPS, SeatMapCache},
};

/// Most seat-map streams at once: each holds a connection for as long as its client likes. As many as a command API holds of queues; ten
/// thousand are what a process is meant for.
pub(crate) const MAX_STREAMS: usize = 20_000;

/// What the query API is given.
#[derive(Debug, Clone)]
pub struct Deps {
    /// Everything but live seat maps.
    pub read_model: Arc<dyn ReadModel>,
    /// Feeds the live seat maps, and wakes who follows an entry of a drop.
    pub bus: Arc<dyn Bus>,
    /// Tells whether a show is on sale.
    pub clock: Arc<dyn Clock>,
    /// Checks tokens.
    pub verifier: Arc<Verifier>,
    /// How far the projections of this process are. `None`: they run elsewhere, and the read model is asked while somebody waits.
    pub progress: Option<Progress>,
    /// Ends the streams, which would go on for ever.
    pub shutdown: CancellationToken,
}

/// The state of the router: shared, cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub(crate) deps: Arc<Deps>,
    pub(crate) freshness: Arc<Freshness>,
    pub(crate) seat_maps: Arc<SeatMapCache>,
    pub(crate) entries: Arc<EntryFeed>,
    pub(crate) streams: Arc<Semaphore>,
}

impl AppState {
    /// Over `deps`. [`run`] must run beside the router.
    pub fn new(deps: Deps) -> Self {
        Self::with_max_maps(deps, MAX_MAPS)
    }

    pub(crate) fn with_max_maps(deps: Deps, max_maps: usize) -> Self {
        let freshness = Arc::new(Freshness::new(
            deps.read_model.clone(),
            deps.progress.clone(),
        ));
        let entries = Arc::<EntryFeed>::default();
        let seat_maps = SeatMapCache::new(
            deps.read_model.clone(),
            deps.bus.clone(),
            freshness.clone(),
            entries.clone(),
            max_maps,
        );
        Self {
            deps: Arc::new(deps),
            freshness,
            seat_maps: Arc::new(seat_maps),
            entries,
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
        }
    }

    /// What must answer before this process takes reads: the read model, and the bus that feeds the seat maps.
    pub fn readiness(&self) -> Vec<Readiness> {
        let (store, maps) = (self.clone(), self.clone());
        vec![
            Readiness::new("read_model", move || {
                let state = store.clone();
                async move {
                    let checkpoints = state.deps.read_model.checkpoints(None).await;
                    checkpoints.map(|_| ()).map_err(|error| error.to_string())
                }
            }),
            Readiness::new("seat_maps", move || {
                let following = maps.seat_maps.is_following();
                std::future::ready(
                    following
                        .then_some(())
                        .ok_or_else(|| "the bus is not followed".to_owned()),
                )
            }),
        ]
    }
}

impl FromRef<AppState> for Arc<Verifier> {
    fn from_ref(state: &AppState) -> Self {
        state.deps.verifier.clone()
    }
}

/// Feeds the seat maps and watches the projections, until `shutdown`.
pub async fn run(state: AppState, shutdown: CancellationToken) {
    tokio::join!(
        state.seat_maps.follow(&shutdown),
        state.freshness.watch(&shutdown)
    );
}
