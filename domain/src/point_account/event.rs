//! What can have happened to a customer's points.

use cqrs_es::DomainEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{ChargeId, CustomerId, PaymentId},
    points::Points,
};

/// A fact about a customer's points. Stored as JSON, externally tagged; permanent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum Event {
    /// Points were bought.
    PointsCharged {
        /// Whose account.
        customer_id: CustomerId,
        /// The top-up.
        charge_id: ChargeId,
        /// How many, above zero.
        amount: Points,
        /// Balance afterwards.
        balance_after: Points,
    },
    /// Points were spent.
    PointsDebited {
        /// Whose account.
        customer_id: CustomerId,
        /// On what.
        payment_id: PaymentId,
        /// How many, zero or more.
        amount: Points,
        /// Balance afterwards.
        balance_after: Points,
    },
    /// A payment was given up before it debited: it never will.
    PointsDebitBarred {
        /// Whose account.
        customer_id: CustomerId,
        /// Which payment.
        payment_id: PaymentId,
        /// Balance, unchanged.
        balance_after: Points,
    },
    /// What a payment had debited was given back.
    PointsCredited {
        /// Whose account.
        customer_id: CustomerId,
        /// Which payment.
        payment_id: PaymentId,
        /// How many.
        amount: Points,
        /// Balance afterwards.
        balance_after: Points,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::PointsCharged { .. } => "PointsCharged",
            Self::PointsDebited { .. } => "PointsDebited",
            Self::PointsDebitBarred { .. } => "PointsDebitBarred",
            Self::PointsCredited { .. } => "PointsCredited",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
