//! Why a point account refuses.

use crate::points::Points;

/// A refusal of a point account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The balance is below the price.
    #[error("{required} points needed, {balance} there")]
    InsufficientPoints {
        /// What is there.
        balance: Points,
        /// What is needed.
        required: Points,
    },
    /// The payment was given up before it debited.
    #[error("the payment can't debit any more")]
    DebitBarred,
    /// The balance would exceed what can be counted.
    #[error("the balance would overflow")]
    BalanceOverflow,
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
            Self::InsufficientPoints { .. } => "insufficient_points",
            Self::DebitBarred => "debit_barred",
            Self::BalanceOverflow => "balance_overflow",
            Self::Invalid { .. } => "invalid_field",
        }
    }
}
