//! What the routes work with.

use std::sync::Arc;

use axum::extract::FromRef;
use edge::{auth::Verifier, probes::Readiness};
use event_store::{
    Clock, EventLog, bus::Bus, refusals::Refusals, seals::Seals, security_log::SecurityLog,
};
use read_model::ReadModel;

use crate::{error::Error, history::Sources, seals::note::VerificationKey};

/// What the role is given.
#[derive(Debug, Clone)]
pub struct Deps {
    /// What is explained.
    pub log: Arc<dyn EventLog>,
    /// What is compared with it.
    pub read_model: Arc<dyn ReadModel>,
    /// Says which partition an event is in; not followed.
    pub bus: Arc<dyn Bus>,
    /// What ages are counted from.
    pub clock: Arc<dyn Clock>,
    /// Checks tokens.
    pub verifier: Arc<Verifier>,
    /// Who signed in and who was refused.
    pub security: Arc<dyn SecurityLog>,
    /// Commands that were refused.
    pub refusals: Arc<dyn Refusals>,
    /// What proofs are made of; `None`: this installation signs no heads.
    pub sealing: Option<Sealing>,
}

/// What proofs are made of.
#[derive(Debug, Clone)]
pub struct Sealing {
    /// The tree and its heads.
    pub seals: Arc<dyn Seals>,
    /// The key that they are signed with.
    pub verification: VerificationKey,
}

/// The state of the router: shared, cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub(crate) deps: Arc<Deps>,
}

impl AppState {
    /// Over `deps`.
    pub fn new(deps: Deps) -> Self {
        Self {
            deps: Arc::new(deps),
        }
    }

    /// What histories are read from.
    pub(crate) fn histories(&self) -> Sources<'_> {
        Sources {
            log: self.deps.log.as_ref(),
            model: self.deps.read_model.as_ref(),
            refusals: self.deps.refusals.as_ref(),
        }
    }

    /// What proofs are made of.
    pub(crate) fn sealing(&self) -> Result<&Sealing, Error> {
        self.deps.sealing.as_ref().ok_or(Error::NotSealing)
    }

    /// What must answer before this process explains anything: the log and the read model.
    pub fn readiness(&self) -> Vec<Readiness> {
        let (log, model) = (self.deps.log.clone(), self.deps.read_model.clone());
        vec![
            Readiness::new("log", move || {
                let log = log.clone();
                async move {
                    let head = log.head().await;
                    head.map(|_| ()).map_err(|error| error.to_string())
                }
            }),
            Readiness::new("read_model", move || {
                let model = model.clone();
                async move {
                    let versions = model.versions().await;
                    versions.map(|_| ()).map_err(|error| error.to_string())
                }
            }),
        ]
    }
}

impl FromRef<AppState> for Arc<Verifier> {
    fn from_ref(state: &AppState) -> Self {
        state.deps.verifier.clone()
    }
}
