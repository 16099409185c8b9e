//! Payments.

use domain::{
    ids::{CustomerId, OrganizerId, PaymentId, ReservationId, ShowId},
    points::Points,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Key.
    pub payment_id: PaymentId,
    /// What is paid for.
    pub reservation_id: ReservationId,
    /// Of which show.
    pub show_id: ShowId,
    /// By whom.
    pub customer_id: CustomerId,
    /// To whom.
    pub organizer_id: OrganizerId,
    /// Where it stands.
    pub status: PaymentStatus,
    /// How much.
    pub amount: Points,
    /// `points`.
    pub method: String,
    /// The customer's balance after the last debit or refund; `None` before, and for a failed payment.
    pub balance: Option<Points>,
    /// Code of the refusal that a failed payment ended with.
    pub code: Option<String>,
    /// Whether the points were given back.
    pub refunded: bool,
    /// Whether the organizer wants it undone.
    pub refund_requested: bool,
    /// When it began.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub requested_at: Timestamp,
    /// When it last changed.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub updated_at: Timestamp,
    /// Last event that changed the row.
    pub position: u64,
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Under way.
    Processing,
    /// Paid.
    Completed,
    /// Undone on the way.
    Failed,
    /// Paid, and being undone.
    Refunding,
    /// Paid and undone.
    Refunded,
}
