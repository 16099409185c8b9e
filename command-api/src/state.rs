//! What handlers and process managers work with.

use std::{ops::Deref, sync::Arc, time::Duration};

use axum::extract::FromRef;
use domain::{
    concert::Concert, customer::Customer, drop::FairDrop, operation::Operation, payment::Payment,
    point_account::PointAccount, show::Show, venue::Venue, waiting_room::WaitingRoom,
};
use edge::auth::Verifier;
use event_store::{Clock, Committer, EventLog, Executor, executor::Config};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    commands::Fingerprints,
    deciding::Deciding,
    drops::Drops,
    failpoints::Failpoints,
    identity::Identity,
    notifications::{Feed, address::Reach},
    payment_provider::PaymentProviders,
    refusals::RefusedCommands,
    reservations::Reservations,
    routes::Streams,
    taken_seats::TakenSeats,
    waiting_room::{Rooms, Tickets},
};

/// One executor for each kind of aggregate. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Executors {
    /// Venues.
    pub venues: Executor<Deciding<Venue>>,
    /// Concerts.
    pub concerts: Executor<Deciding<Concert>>,
    /// Shows.
    pub shows: Executor<Deciding<Show>>,
    /// Payments.
    pub payments: Executor<Deciding<Payment>>,
    /// Point accounts.
    pub accounts: Executor<Deciding<PointAccount>>,
    /// Customers.
    pub customers: Executor<Deciding<Customer>>,
    /// Operators' acts.
    pub operations: Executor<Deciding<Operation>>,
    /// Waiting rooms.
    pub waiting_rooms: Executor<Deciding<WaitingRoom>>,
    /// Drops.
    pub drops: Executor<Deciding<FairDrop>>,
}

impl Executors {
    /// Executors over one log and one committer; their mailboxes run on `tasks` until `shutdown`.
    pub fn new(
        log: &Arc<dyn EventLog>,
        committer: &Committer,
        clock: &Arc<dyn Clock>,
        config: &Config,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> Self {
        macro_rules! executor {
            () => {
                Executor::new(
                    log.clone(),
                    committer.clone(),
                    clock.clone(),
                    config.clone(),
                    tasks.clone(),
                    shutdown.clone(),
                )
            };
        }
        Self {
            venues: executor!(),
            concerts: executor!(),
            shows: executor!(),
            payments: executor!(),
            accounts: executor!(),
            customers: executor!(),
            operations: executor!(),
            waiting_rooms: executor!(),
            drops: executor!(),
        }
    }
}

/// Bounds and rhythms.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a request may take before it is answered with what is known.
    pub deadline: Duration,
    /// How often the process managers look for due timers where nothing wakes them. Tests that move a clock by hand set
    /// it low.
    pub poll: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            poll: Duration::from_secs(1),
        }
    }
}

/// What carries out commands, whoever sends them: a request or a process manager.
#[derive(Debug, Clone)]
pub struct Core {
    /// The log: claims, known commands, timers.
    pub log: Arc<dyn EventLog>,
    /// The one source of time.
    pub clock: Arc<dyn Clock>,
    /// Where commands go.
    pub executors: Executors,
    /// Where tests make the process stop.
    pub failpoints: Failpoints,
    /// Bounds and rhythms.
    pub settings: Settings,
    /// Who takes money and gives it back.
    pub payment_providers: PaymentProviders,
}

/// Everything that the command API is given.
#[derive(Debug)]
pub struct Deps {
    /// What carries out commands.
    pub core: Core,
    /// Digests requests.
    pub fingerprints: Arc<dyn Fingerprints>,
    /// Checks tokens.
    pub verifier: Arc<Verifier>,
    /// Accounts: keys, credentials, tokens.
    pub identity: Arc<Identity>,
    /// Which show a reservation belongs to.
    pub reservations: Reservations,
    /// Waiting rooms.
    pub rooms: Rooms,
    /// Writes and checks receipts and passes.
    pub tickets: Tickets,
    /// Drops.
    pub drops: Drops,
    /// Open streams.
    pub streams: Streams,
    /// Where in the log a seat went.
    pub taken_seats: TakenSeats,
    /// What customers are told, and who else is.
    pub notifications: Notifications,
    /// Refused commands, for auditors.
    pub refusals: RefusedCommands,
}

/// What customers are told, and who else is.
#[derive(Debug, Clone)]
pub struct Notifications {
    /// The ledger, and the streams of those who follow it.
    pub feed: Feed,
    /// Where webhooks may lead.
    pub reach: Arc<Reach>,
}

impl Deref for Deps {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

/// The state of the router: shared, cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState(Arc<Deps>);

impl AppState {
    /// Over `deps`.
    pub fn new(deps: Deps) -> Self {
        Self(Arc::new(deps))
    }
}

impl Deref for AppState {
    type Target = Deps;

    fn deref(&self) -> &Deps {
        &self.0
    }
}

impl FromRef<AppState> for Arc<Verifier> {
    fn from_ref(state: &AppState) -> Self {
        state.verifier.clone()
    }
}
