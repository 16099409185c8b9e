//! Transactions: what moved a customer's points.

use domain::{
    ids::{ChargeId, CustomerId, PaymentId},
    points::Points,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// One movement of points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Key: the event's place in the log.
    pub position: u64,
    /// Whose account.
    pub customer_id: CustomerId,
    /// Which way.
    pub kind: TransactionKind,
    /// How many points, zero or more.
    pub amount: Points,
    /// Balance afterwards.
    pub balance_after: Points,
    /// The top-up, of a charge.
    pub charge_id: Option<ChargeId>,
    /// The payment, of a debit or credit.
    pub payment_id: Option<PaymentId>,
    /// When.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub at: Timestamp,
}

/// Which way points moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionKind {
    /// Bought.
    Charge,
    /// Spent.
    Debit,
    /// Given back.
    Credit,
}
