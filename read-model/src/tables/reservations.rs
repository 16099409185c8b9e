//! Reservations: what a customer holds or owns of a show.

use domain::{
    ids::{CustomerId, OrganizerId, PaymentId, ReservationId, ShowId},
    points::Points,
    show::event::{HeldSeat, HeldStanding},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Key.
    pub reservation_id: ReservationId,
    /// Of which show.
    pub show_id: ShowId,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// Whose show it is.
    pub organizer_id: OrganizerId,
    /// Where it stands, by events alone: a hold that is void may say `held` until its expiry is recorded.
    pub status: ReservationStatus,
    /// Numbered seats.
    pub seats: Vec<HeldSeat>,
    /// Standing places.
    pub standing: Option<HeldStanding>,
    /// Its price.
    pub amount: Points,
    /// When the hold is, or was, void.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub expires_at: Timestamp,
    /// The payment that confirmed it.
    pub payment_id: Option<PaymentId>,
    /// When it was made.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub held_at: Timestamp,
    /// Last event that changed the row.
    pub position: u64,
}

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationStatus {
    /// Held for its customer.
    Held,
    /// Paid.
    Confirmed,
    /// Given back; or undone after it was paid, with the refund still to come.
    Cancelled,
    /// Ran out.
    Expired,
    /// Undone after it was paid, points given back.
    Refunded,
}
