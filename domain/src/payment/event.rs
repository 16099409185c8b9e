//! What can have happened to a payment.

use cqrs_es::DomainEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{CustomerId, OrganizerId, ReservationId, ShowId},
    points::Points,
    time::Timestamp,
};

/// A fact about a payment and its saga. Stored as JSON, externally tagged; permanent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum Event {
    /// The saga began.
    PaymentRequested {
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
        /// `points`.
        method: String,
        /// When the process manager takes over, should the request not have finished by then.
        resume_at: Timestamp,
    },
    /// Points debited, seats sold: the saga ended well.
    PaymentCompleted {
        /// What was paid for.
        reservation_id: ReservationId,
        /// In which show.
        show_id: ShowId,
        /// By whom.
        customer_id: CustomerId,
        /// How much.
        amount: Points,
        /// The customer's balance after the debit.
        balance: Points,
    },
    /// The saga ended without a sale; what had been debited was credited back.
    PaymentFailed {
        /// What was to be paid for.
        reservation_id: ReservationId,
        /// In which show.
        show_id: ShowId,
        /// By whom.
        customer_id: CustomerId,
        /// How much.
        amount: Points,
        /// Code of the refusal.
        code: String,
        /// Whether points had been debited and were credited back.
        refunded: bool,
    },
    /// The organizer wants the payment undone.
    RefundRequested {
        /// Who asked.
        organizer_id: OrganizerId,
        /// Which reservation.
        reservation_id: ReservationId,
        /// In which show.
        show_id: ShowId,
        /// Whose payment it is.
        customer_id: CustomerId,
        /// Why, in the organizer's words.
        reason: String,
        /// When the process manager takes over.
        resume_at: Timestamp,
    },
    /// Seats freed, points credited back.
    PaymentRefunded {
        /// Which reservation.
        reservation_id: ReservationId,
        /// In which show.
        show_id: ShowId,
        /// To whom.
        customer_id: CustomerId,
        /// How much.
        amount: Points,
        /// The customer's balance after the credit.
        balance: Points,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::PaymentRequested { .. } => "PaymentRequested",
            Self::PaymentCompleted { .. } => "PaymentCompleted",
            Self::PaymentFailed { .. } => "PaymentFailed",
            Self::RefundRequested { .. } => "RefundRequested",
            Self::PaymentRefunded { .. } => "PaymentRefunded",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
