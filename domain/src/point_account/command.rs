//! What can be asked of a customer's points.

use crate::{
    ids::{ChargeId, CustomerId, PaymentId},
    points::Points,
};

/// A request to a point account. The account exists from the first charge on; before it, its balance is zero.
#[derive(Debug, Clone)]
pub enum Command {
    /// Buy points.
    Charge {
        /// Whose account.
        customer_id: CustomerId,
        /// Id for the top-up.
        charge_id: ChargeId,
        /// 1 to [`crate::points::MAX_AMOUNT`].
        amount: Points,
    },
    /// Spend points. A payment debits once; debiting again changes nothing.
    Debit {
        /// Whose account.
        customer_id: CustomerId,
        /// On what.
        payment_id: PaymentId,
        /// Zero or more.
        amount: Points,
    },
    /// Give back what a payment debited, or bar it from debiting later.
    Credit {
        /// Whose account.
        customer_id: CustomerId,
        /// Which payment.
        payment_id: PaymentId,
    },
}
