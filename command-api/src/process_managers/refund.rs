//! The refund of a completed payment: free the seats, give the points back, say so.

use domain::{payment, points::Points, show};
use event_store::Position;

use crate::process_managers::{checkout::Checkout, steps::Halt};

/// A refund that reached its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refunded {
    /// Balance after the credit.
    pub balance: Points,
    /// Where the refund's last event stands.
    pub position: Position,
}

/// Carries out the refund that was requested, or says how it ended before.
///
/// # Errors
/// [`Halt`].
pub async fn refund(saga: &Checkout<'_>) -> Result<Refunded, Halt> {
    let payment = saga.look().await?;
    let executors = &saga.core.executors;
    let command = show::Command::CancelReservation {
        reservation_id: payment.reservation_id,
        payment_id: saga.payment_id,
    };
    match saga
        .step(
            &executors.shows,
            &payment.show_id,
            "cancel_reservation",
            command,
        )
        .await?
    {
        // The winding-up of a cancelled show may have come first: the seats are free either way.
        Ok(_) | Err(show::Error::ReservationCancelled) => {}
        Err(refusal) => return Err(saga.broken("cancel_reservation", &refusal)),
    }
    saga.core.failpoints.pass("refund.cancelled").await;
    let balance = saga.credit(&payment).await?.balance;
    saga.core.failpoints.pass("refund.credited").await;
    let command = payment::Command::Refund { balance };
    let answer = match saga
        .step(&executors.payments, &saga.payment_id, "refund", command)
        .await?
    {
        Ok(answer) => answer,
        Err(refusal) => return Err(saga.broken("refund", &refusal)),
    };
    Checkout::ended(&answer, "refunded");
    saga.core.failpoints.pass("refund.completed").await;
    match answer.events.first().map(|decided| &decided.event) {
        Some(payment::Event::PaymentRefunded { balance, .. }) => Ok(Refunded {
            balance: *balance,
            position: answer.position,
        }),
        other => Err(saga.broken("refund", &format!("{other:?}"))),
    }
}
