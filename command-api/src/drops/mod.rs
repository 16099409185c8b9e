//! Drops: entries gathered into batches on their way in, and the steps that a drop goes after they close.
//!
//! ```text
//!  enter ─▶ queue of the drop ─▶ take ALL waiting ─▶ one command, one event ─▶ each is answered from the drop's list
//!                ▲                                         │
//!                └── the next batch gathers meanwhile ◀────┘
//! ```
//!
//! An entry's id follows from drop and customer, and the list remembers the command that each entry came with. So a repeat is recognised by
//! the list alone, and two hundred thousand entries need no two hundred thousand rows beside the events.

pub mod beacon;
mod entering;
pub mod fairness;
mod steps;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use domain::{
    drop::{DrawMode, Error as Refused, Status, View},
    ids::{CustomerId, DropEntryId, DropId, ShowId},
};
use event_store::{Position, executor, log};
use tokio::{sync::oneshot, time::Instant};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

#[cfg(test)]
pub(crate) use self::steps::in_order;
pub use self::{
    beacon::Beacons,
    steps::{Halt, dismiss_step, drive, settle_step},
};
use self::{entering::Waiting, fairness::Lots};
use crate::{
    generations::Generations,
    key_store::{self, KeyStore},
    state::Core,
    waiting_room::{PassProblem, Tickets},
};

/// Most who wait to be recorded in one drop: twenty batches, some seconds.
const MAX_WAITING: usize = 20_000;
/// Drops whose terms are remembered, in each of two generations; some hundred bytes each.
const GENERATION: usize = 1_000;

/// Why a drop did not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The drop's stream.
    #[error(transparent)]
    Drop(#[from] executor::Error<Refused>),
    /// The waiting room before it let nobody in with this pass.
    #[error("the drop stands behind a waiting room, and no valid pass was shown")]
    NotAdmitted(PassProblem),
    /// The log.
    #[error(transparent)]
    Log(#[from] log::Error),
    /// The key store.
    #[error(transparent)]
    Keys(#[from] key_store::Error),
    /// The drop's secret is not in the key store: it can never be drawn.
    #[error("the secret of drop {0} is lost")]
    SecretLost(DropId),
}

/// An entry as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The entry.
    pub entry_id: DropEntryId,
    /// How it stands.
    pub status: Status,
    /// Where in the log it was recorded, and drawn where that is at once.
    pub position: Position,
}

/// What became of an attempt to enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// The command made this entry, now or before.
    Accepted(Entry),
    /// The customer had entered by another command.
    Already(Entry),
}

/// Somebody who wants to enter.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Into what.
    pub drop_id: DropId,
    /// Who.
    pub customer_id: CustomerId,
    /// The id of the command: a repeat has the same, and is answered the same.
    pub command_id: Uuid,
    /// The pass that was shown, where the drop stands behind a waiting room.
    pub pass: Option<&'a str>,
    /// Until when an answer is waited for.
    pub deadline: Instant,
}

/// What never changes about a drop.
#[derive(Debug, Clone)]
struct Known {
    show_id: Option<ShowId>,
    draw: DrawMode,
    /// What draws the lots where each entry is drawn as it comes.
    lots: Option<Arc<Lots>>,
}

/// All drops. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Drops {
    core: Core,
    keys: Arc<dyn KeyStore>,
    tickets: Tickets,
    tasks: TaskTracker,
    queues: Arc<Mutex<HashMap<DropId, Vec<Waiting>>>>,
    known: Arc<Mutex<Generations<DropId, Known>>>,
}

impl Drops {
    /// Over the drops of `core`; secrets are in `keys`. Batches are recorded on `tasks`.
    pub fn new(core: Core, keys: Arc<dyn KeyStore>, tickets: Tickets, tasks: TaskTracker) -> Self {
        Self {
            core,
            keys,
            tickets,
            tasks,
            queues: Arc::default(),
            known: Arc::new(Mutex::new(Generations::new(GENERATION))),
        }
    }

    /// The key store, where secrets are.
    pub(crate) fn keys(&self) -> &dyn KeyStore {
        &*self.keys
    }

    /// Enters a customer into a drop: once, whoever repeats it. The entry is durable when this answers.
    ///
    /// # Errors
    /// [`Error`]; of an unknown outcome a repeat under the same `command_id` tells.
    pub async fn enter(&self, attempt: Attempt<'_>) -> Result<Entered, Error> {
        let Attempt {
            drop_id,
            customer_id,
            ..
        } = attempt;
        let known = self.known(drop_id).await?;
        if let Some(show) = known.show_id
            && let Err(problem) = self.check_pass(show, customer_id, attempt.pass)
        {
            // Who is in already needs no pass to be told so.
            let found = self.find(drop_id, &[customer_id]).await?;
            return match found.first() {
                Some(Some(found)) => {
                    Ok(found.entered(attempt.command_id, known.draw, self).await?)
                }
                Some(None) | None => Err(Error::NotAdmitted(problem)),
            };
        }
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting {
            entry_id: fairness::entry_id(drop_id, customer_id),
            customer_id,
            command_id: attempt.command_id,
            reply,
        };
        self.post(drop_id, known, waiting)?;
        let slow = || executor::Error::Unknown("the log is slow".to_owned());
        match tokio::time::timeout_at(attempt.deadline, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(slow().into()),
        }
    }

    fn check_pass(
        &self,
        show: ShowId,
        customer: CustomerId,
        pass: Option<&str>,
    ) -> Result<(), PassProblem> {
        let pass = pass.ok_or(PassProblem::Missing)?;
        let now = self.core.clock.now();
        self.tickets
            .read_pass(show, customer, pass, now)
            .map(|_| ())
    }

    /// How a drop stands; `None`: there is none.
    ///
    /// # Errors
    /// The executor's.
    pub async fn view(&self, drop: DropId) -> Result<Option<View>, Error> {
        Ok(steps::view(&self.core, drop).await?)
    }

    /// Publishes the root of a closed list, unless that is done.
    ///
    /// # Errors
    /// [`Error`].
    pub(crate) async fn seal(&self, drop: DropId) -> Result<(), Error> {
        steps::seal(&self.core, drop).await
    }

    async fn known(&self, drop: DropId) -> Result<Known, Error> {
        let lock = || self.known.lock().expect("no holder of this lock can panic");
        if let Some(known) = lock().get(&drop) {
            return Ok(known);
        }
        let view = self.view(drop).await?.ok_or(executor::Error::Refused {
            error: Refused::NotFound,
            position: Position(0),
        })?;
        let lots = match view.terms.draw {
            DrawMode::AtClose => None,
            DrawMode::OnEntry => {
                let secret = steps::secret(&*self.keys, drop).await?;
                Some(Arc::new(Lots::new(&secret, &fairness::NO_ROOT, "")))
            }
        };
        let known = Known {
            show_id: view.terms.show_id,
            draw: view.terms.draw,
            lots,
        };
        lock().insert(drop, known.clone());
        Ok(known)
    }
}
