//! Sagas: how far each payment has come, for those who watch over them.

use domain::{
    ids::{CustomerId, PaymentId, ReservationId, ShowId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// A payment's saga.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saga {
    /// Key.
    pub payment_id: PaymentId,
    /// What is paid for.
    pub reservation_id: ReservationId,
    /// Of which show.
    pub show_id: ShowId,
    /// By whom.
    pub customer_id: CustomerId,
    /// Where it stands.
    pub state: SagaState,
    /// Whether the organizer wants it undone.
    pub refund_requested: bool,
    /// Since when it has stood there.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub since: Timestamp,
    /// When it last changed.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub updated: Timestamp,
    /// Last event that changed the row.
    pub position: u64,
}

/// Where a saga stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SagaState {
    /// On its way to a sale.
    Running,
    /// Ended with a sale.
    Completed,
    /// Given up; what was debited is being given back.
    Compensating,
    /// Ended without a sale.
    Failed,
    /// Its sale is being undone.
    Refunding,
    /// Ended with its sale undone.
    Refunded,
}

impl SagaState {
    /// All of them, in the order of a saga's life.
    pub const ALL: [Self; 6] = [
        Self::Running,
        Self::Completed,
        Self::Compensating,
        Self::Failed,
        Self::Refunding,
        Self::Refunded,
    ];

    /// As it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Compensating => "compensating",
            Self::Failed => "failed",
            Self::Refunding => "refunding",
            Self::Refunded => "refunded",
        }
    }

    /// Whether nothing more is to happen by itself.
    pub const fn has_ended(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Refunded => true,
            Self::Running | Self::Compensating | Self::Refunding => false,
        }
    }
}
