//! Accounts: the customers' points.

use domain::{ids::CustomerId, points::Points};
use serde::{Deserialize, Serialize};

/// A customer's points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Key.
    pub customer_id: CustomerId,
    /// Points, zero or more.
    pub balance: Points,
    /// Last event that changed the row.
    pub position: u64,
}
