//! What can be told, and how.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is told. Names are permanent: receivers choose by them, and they are stored. A further kind is a line here, in [`KINDS`], an arm in
/// [`super::facts`] and its templates.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub enum Kind {
    /// A reservation is paid for: the places are the customer's.
    #[serde(rename = "reservation.confirmed")]
    ReservationConfirmed,
    /// A hold ran out.
    #[serde(rename = "reservation.expired")]
    ReservationExpired,
    /// A hold was given back, or a confirmed reservation cancelled.
    #[serde(rename = "reservation.cancelled")]
    ReservationCancelled,
    /// A payment went through.
    #[serde(rename = "payment.completed")]
    PaymentCompleted,
    /// A payment did not.
    #[serde(rename = "payment.failed")]
    PaymentFailed,
    /// A payment was given back.
    #[serde(rename = "payment.refunded")]
    PaymentRefunded,
    /// A show is called off.
    #[serde(rename = "show.cancelled")]
    ShowCancelled,
    /// A customer's turn has come in a waiting room.
    #[serde(rename = "waiting_room.admitted")]
    WaitingRoomAdmitted,
    /// What came of a customer's entry in a drop.
    #[serde(rename = "drop.result")]
    DropResult,
}

/// Every kind.
pub const KINDS: [Kind; 9] = [
    Kind::ReservationConfirmed,
    Kind::ReservationExpired,
    Kind::ReservationCancelled,
    Kind::PaymentCompleted,
    Kind::PaymentFailed,
    Kind::PaymentRefunded,
    Kind::ShowCancelled,
    Kind::WaitingRoomAdmitted,
    Kind::DropResult,
];

impl Kind {
    /// Its name; permanent.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReservationConfirmed => "reservation.confirmed",
            Self::ReservationExpired => "reservation.expired",
            Self::ReservationCancelled => "reservation.cancelled",
            Self::PaymentCompleted => "payment.completed",
            Self::PaymentFailed => "payment.failed",
            Self::PaymentRefunded => "payment.refunded",
            Self::ShowCancelled => "show.cancelled",
            Self::WaitingRoomAdmitted => "waiting_room.admitted",
            Self::DropResult => "drop.result",
        }
    }

    /// Whether organizers are told, or customers alone.
    pub fn is_for_organizers(self) -> bool {
        !matches!(self, Self::WaitingRoomAdmitted | Self::DropResult)
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How something is sent elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// To a customer's address.
    Email,
    /// To an organizer's server.
    Webhook,
}

impl Channel {
    /// Its name, as stored; permanent.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Webhook => "webhook",
        }
    }

    /// The channel of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Email, Self::Webhook]
            .into_iter()
            .find(|channel| channel.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_by_their_names() {
        for kind in KINDS {
            assert_eq!(serde_json::json!(kind), kind.name());
            assert_eq!(Kind::named(kind.name()), Some(kind));
        }
    }
}
