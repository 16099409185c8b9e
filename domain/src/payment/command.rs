//! What can be asked of a payment.

use crate::{
    ids::{CustomerId, OrganizerId, ReservationId, ShowId},
    points::Points,
    time::Timestamp,
};

/// A request to a payment.
#[derive(Debug, Clone)]
pub enum Command {
    /// Begin the saga.
    Request {
        /// What is paid for.
        reservation_id: ReservationId,
        /// In which show.
        show_id: ShowId,
        /// By whom.
        customer_id: CustomerId,
        /// To whom.
        organizer_id: OrganizerId,
        /// How much.
        amount: Points,
        /// How: the name that its provider goes by.
        method: String,
    },
    /// The seats are sold.
    Complete {
        /// The customer's balance after the debit.
        balance: Points,
    },
    /// The saga was undone.
    Fail {
        /// Code of the refusal.
        code: String,
        /// Whether points had been debited and were credited back.
        refunded: bool,
    },
    /// Undo the payment; while it runs this waits for its end.
    RequestRefund {
        /// Who asks: `None` for the cancellation of the show.
        organizer_id: Option<OrganizerId>,
        /// Why, 1 to 500 bytes.
        reason: String,
        /// When the process manager takes over, should the request not have finished by then.
        resume_at: Timestamp,
    },
    /// Seats are free, points are back.
    Refund {
        /// The customer's balance after the credit.
        balance: Points,
    },
}
