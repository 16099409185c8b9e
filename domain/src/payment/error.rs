//! Why a payment refuses.

/// A refusal of a payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such payment, or another organizer's.
    #[error("no such payment")]
    NotFound,
    /// The saga has begun before.
    #[error("the payment was already requested")]
    AlreadyRequested,
    /// The saga ended well.
    #[error("the payment is already completed")]
    AlreadyCompleted,
    /// The saga ended without a sale.
    #[error("the payment failed: {code}")]
    AlreadyFailed {
        /// Code of the refusal.
        code: String,
    },
    /// The payment was undone.
    #[error("the payment is already refunded")]
    AlreadyRefunded,
    /// A refund of a payment that is not completed, or not asked for.
    #[error("the payment can't be refunded: it is {status}")]
    NotRefundable {
        /// What it is instead.
        status: &'static str,
    },
    /// A field breaks a rule.
    #[error("{at}: {detail}")]
    Invalid {
        /// The field.
        at: &'static str,
        /// What is wrong.
        detail: String,
    },
}

impl Error {
    /// The stable code of the refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::AlreadyRequested => "already_requested",
            Self::AlreadyCompleted => "already_paid",
            Self::AlreadyFailed { .. } => "payment_failed",
            Self::AlreadyRefunded => "already_refunded",
            Self::NotRefundable { .. } => "not_refundable",
            Self::Invalid { .. } => "invalid_field",
        }
    }
}
