//! Process managers: events in, commands out. They finish what a request began and carry out what time alone makes due.
//!
//! They keep nothing in memory that matters: what is to be done stands in the log as timers, and each step is one
//! append that repeating does not change. So a crash, or two managers at once, cost time only.

mod admission;
pub mod checkout;
mod deliveries;
mod drops;
mod hold_expiry;
mod key_expiry;
mod meter;
pub mod notifications;
pub mod refund;
pub(crate) mod secrets;
mod show_cancellation;
pub mod steps;
mod timers;

use std::sync::Arc;

use domain::{
    Aggregate,
    customer::Customer,
    drop::FairDrop,
    ids::{CustomerId, PaymentId, ShowId},
    payment::Payment,
    show::Show,
};
use event_store::{
    StreamId,
    leases::{self, Leases},
};
use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use self::timers::Next;
use crate::{
    credentials::Credentials,
    drops::Beacons,
    erasure::{self, Erasure},
    identity,
    key_store::KeyStore,
    process_managers::checkout::Checkout,
    state::Core,
    waiting_room::Rooms,
};

/// The names of all steps whose ids are made of their saga's, the payment's or the customer's; permanent.
pub const STEPS: [&str; 11] = [
    "debit",
    "confirm",
    "complete",
    "abandon",
    "credit",
    "fail",
    "request_refund",
    "cancel_reservation",
    "refund",
    "erase",
    "destroyed",
];

/// What the process managers are given.
#[derive(Debug, Clone)]
pub struct Deps {
    /// What carries out their commands.
    pub core: Core,
    /// Keys of personal data, swept.
    pub keys: Arc<dyn KeyStore>,
    /// Passwords and sessions, swept.
    pub credentials: Arc<dyn Credentials>,
    /// Public values that drops may wait for.
    pub beacons: Beacons,
    /// Which process leads each of them.
    pub leases: Arc<dyn Leases>,
    /// What is told to whom, and how.
    pub notifications: notifications::Deps,
    /// Waiting rooms, from which customers are let in.
    pub rooms: Rooms,
    /// This process, among the leases' holders.
    pub holder: Uuid,
}

/// Runs all process managers until `shutdown`, each as long as this process leads it and no other does. Two leaders at once, while one
/// that was cut off has not noticed, do no harm: each step has the same id whoever takes it.
pub async fn run(deps: Deps, shutdown: CancellationToken) {
    let (deps, core) = (&deps, &deps.core);
    let payments = |stream| payment_due(core, stream).boxed();
    let shows = |stream| show_due(core, stream).boxed();
    let lotteries = |stream| drops::due(deps, stream).boxed();
    let erasures = |stream| erasure_due(deps, stream).boxed();
    tokio::join!(
        lead(deps, "payments", &shutdown, |stop| async move {
            timers::serve(core, Payment::TYPE, payments, &stop).await;
        }),
        lead(deps, "shows", &shutdown, |stop| async move {
            timers::serve(core, Show::TYPE, shows, &stop).await;
        }),
        lead(deps, "drops", &shutdown, |stop| async move {
            timers::serve(core, FairDrop::TYPE, lotteries, &stop).await;
        }),
        lead(deps, "erasures", &shutdown, |stop| async move {
            timers::serve(core, Customer::TYPE, erasures, &stop).await;
        }),
        lead(deps, "admission", &shutdown, |stop| async move {
            admission::run(core, &deps.rooms, &*deps.keys, &stop).await;
        }),
        lead(deps, "key_expiry", &shutdown, |stop| async move {
            key_expiry::run(core, &stop).await;
        }),
        lead(deps, "identity_sweep", &shutdown, |stop| async move {
            identity::sweep::run(deps, &stop).await;
        }),
        lead(deps, "secrets", &shutdown, |stop| async move {
            secrets::run(deps, &stop).await;
        }),
        lead(deps, "notifications", &shutdown, |stop| async move {
            notifications::run(core, &*deps.keys, &deps.notifications, &stop).await;
        }),
    );
}

/// Runs one of them while this process leads it.
async fn lead<F: Future<Output = ()>>(
    deps: &Deps,
    name: &'static str,
    shutdown: &CancellationToken,
    mut work: impl FnMut(CancellationToken) -> F,
) {
    let (leases, stop) = (deps.leases.clone(), shutdown.clone());
    leases::lead(leases, name, deps.holder, stop, |_, stop| work(stop)).await;
}

/// Why a due timer could not be served.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Checkout(#[from] steps::Halt),
    #[error(transparent)]
    Show(#[from] event_store::executor::Error<domain::show::Error>),
    #[error(transparent)]
    Cancellation(#[from] show_cancellation::Error),
    #[error(transparent)]
    Erasure(#[from] erasure::Error),
    #[error("the stream's id is not a UUID")]
    Id(#[from] uuid::Error),
}

/// A payment that its request left behind.
async fn payment_due(core: &Core, stream: StreamId) -> Result<Next, Error> {
    let id: PaymentId = stream.aggregate_id.parse()?;
    Checkout::of_manager(core, id).drive().await?;
    Ok(Next::Nothing)
}

/// An erased customer whose data is not destroyed yet.
async fn erasure_due(deps: &Deps, stream: StreamId) -> Result<Next, Error> {
    let id: CustomerId = stream.aggregate_id.parse()?;
    let erasure = Erasure {
        customers: &deps.core.executors.customers,
        keys: &*deps.keys,
        credentials: &*deps.credentials,
        clock: &*deps.core.clock,
        failpoints: &deps.core.failpoints,
    };
    erasure.destroy(id).await?;
    Ok(Next::Nothing)
}

/// A show with a hold that ran out, or one that was cancelled.
async fn show_due(core: &Core, stream: StreamId) -> Result<Next, Error> {
    let id: ShowId = stream.aggregate_id.parse()?;
    if core
        .executors
        .shows
        .read(&stream.aggregate_id, |show: &Show, _, _| {
            show.is_winding_up()
        })
        .await?
    {
        show_cancellation::wind_up(core, id).await?;
    } else {
        hold_expiry::expire(core, id).await?;
    }
    Ok(Next::Nothing)
}
