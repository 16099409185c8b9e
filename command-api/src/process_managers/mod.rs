//! Process managers: events in, commands out. They finish what a request began and carry out what time alone makes due.
//!
//! They keep nothing in memory that matters: what is to be done stands in the log as timers, and each step is one
//! append that repeating does not change. So a crash, or two managers at once, cost time only.

pub mod checkout;
mod hold_expiry;
mod key_expiry;
pub mod refund;
mod show_cancellation;
pub mod steps;
mod timers;

use std::sync::Arc;

use domain::{
    Aggregate,
    ids::{PaymentId, ShowId},
    payment::Payment,
    show::Show,
};
use event_store::StreamId;
use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::{
    credentials::Credentials, identity, key_store::KeyStore, process_managers::checkout::Checkout,
    state::Core,
};

/// What the process managers are given.
#[derive(Debug, Clone)]
pub struct Deps {
    /// What carries out their commands.
    pub core: Core,
    /// Keys of personal data, swept.
    pub keys: Arc<dyn KeyStore>,
    /// Passwords and sessions, swept.
    pub credentials: Arc<dyn Credentials>,
}

/// Runs all process managers until `shutdown`.
pub async fn run(deps: Deps, shutdown: CancellationToken) {
    let core = &deps.core;
    let payments = |stream| payment_due(core, stream).boxed();
    let shows = |stream| show_due(core, stream).boxed();
    tokio::join!(
        timers::serve(core, Payment::TYPE, payments, &shutdown),
        timers::serve(core, Show::TYPE, shows, &shutdown),
        key_expiry::run(core, &shutdown),
        identity::sweep::run(&deps, &shutdown),
    );
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
    #[error("the stream's id is not a UUID")]
    Id(#[from] uuid::Error),
}

/// A payment that its request left behind.
async fn payment_due(core: &Core, stream: StreamId) -> Result<(), Error> {
    let id: PaymentId = stream.aggregate_id.parse()?;
    Ok(Checkout::of_manager(core, id).drive().await?)
}

/// A show with a hold that ran out, or one that was cancelled.
async fn show_due(core: &Core, stream: StreamId) -> Result<(), Error> {
    let id: ShowId = stream.aggregate_id.parse()?;
    if core
        .executors
        .shows
        .read(&stream.aggregate_id, |show: &Show, _, _| {
            show.is_winding_up()
        })
        .await?
    {
        return Ok(show_cancellation::wind_up(core, id).await?);
    }
    Ok(hold_expiry::expire(core, id).await?)
}
