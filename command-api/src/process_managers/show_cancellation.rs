//! The winding-up of a cancelled show: every hold is released, every sold reservation cancelled and refunded.
//!
//! The order makes it safe to stop anywhere. First every payment that confirmed a reservation of the show is told to
//! refund itself: from then on its own timer sees to it. Only then does the show free the places; as long as it has not
//! freed all of them its timer stays set and all of this is done again, each step without further effect.

use domain::{
    ids::{PaymentId, ShowId},
    payment::{self, Command},
    show::{self, Show, WIND_UP_BATCH},
};
use event_store::{
    commands::Fingerprint,
    executor::{self, Request},
};
use futures::{StreamExt, TryStreamExt};
use uuid::Uuid;

use crate::{
    commands::{Origin, step_id},
    state::Core,
};

/// Refunds requested at the same time: each waits for a commit that serves all of them together.
const CONCURRENCY: usize = 64;
/// Batches at one go: enough for the largest venue. What is left then is still due and served again.
const MAX_BATCHES: usize = 200;
/// The reason that payments are told.
const REASON: &str = "show_cancelled";

/// Why a winding-up does not go on now.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// A step on the show.
    #[error("the show can't be wound up now: {0}")]
    Show(#[source] executor::Error<show::Error>),
    /// A step on a payment.
    #[error("the refund of payment {payment_id} can't be requested now: {error}")]
    Payment {
        /// Which one.
        payment_id: PaymentId,
        /// What came instead of an answer.
        #[source]
        error: executor::Error<payment::Error>,
    },
}

/// Winds the show up.
///
/// # Errors
/// [`Error`]; to be tried again.
pub(super) async fn wind_up(core: &Core, show_id: ShowId) -> Result<(), Error> {
    let (shows, id) = (&core.executors.shows, show_id.to_string());
    let look = |show: &Show, _, _| show.confirmed_payments();
    let payments = shows.read(&id, look).await.map_err(Error::Show)?;
    futures::stream::iter(payments)
        .map(|payment_id| request_refund(core, show_id, payment_id))
        .buffer_unordered(CONCURRENCY)
        .try_collect::<()>()
        .await?;
    core.failpoints.pass("cancellation.requested").await;
    for _ in 0..MAX_BATCHES {
        let look = |show: &Show, _, _| show.is_winding_up();
        if !shows.read(&id, look).await.map_err(Error::Show)? {
            break;
        }
        let request = Request {
            command_id: Uuid::now_v7(),
            fingerprint: Fingerprint::default(),
            command: show::Command::WindUp {
                limit: WIND_UP_BATCH,
            },
            metadata: Origin::manager("show_cancellation", show_id.0).metadata(),
            claims: Vec::new(),
            deadline: None,
        };
        shows.execute(&id, request).await.map_err(Error::Show)?;
        core.failpoints.pass("cancellation.wound_up").await;
    }
    Ok(())
}

/// The payment refunds itself from here on: at once where it is completed, after its end where it still runs.
async fn request_refund(core: &Core, show_id: ShowId, payment_id: PaymentId) -> Result<(), Error> {
    let request = Request {
        command_id: step_id(payment_id.0, "request_refund"),
        // The id is ours alone, and the time in the command differs from try to try.
        fingerprint: Fingerprint::default(),
        command: Command::RequestRefund {
            organizer_id: None,
            reason: REASON.to_owned(),
            resume_at: core.clock.now(),
        },
        metadata: Origin::manager("show_cancellation", show_id.0).metadata(),
        claims: Vec::new(),
        deadline: None,
    };
    let payments = &core.executors.payments;
    match payments.execute(&payment_id.to_string(), request).await {
        // The organizer may have refunded it before.
        Ok(_)
        | Err(executor::Error::Refused {
            error: payment::Error::AlreadyRefunded,
            ..
        }) => {
            core.failpoints.pass("cancellation.told").await;
            Ok(())
        }
        Err(error) => Err(Error::Payment { payment_id, error }),
    }
}
