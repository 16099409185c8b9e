//! Why a show refuses.

use crate::{points::Points, time::Timestamp};

/// A seat that is not free, and since when it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenSeat {
    /// The plan's id of the seat.
    pub seat_guid: String,
    /// Place, in the show's stream, of the event that took it: `SeatsHeld`, `SeatsBlocked`, or the `ReservationConfirmed` of a late
    /// payment. The first event is at 1.
    pub sequence: u64,
}

/// A refusal of a show. Each says what was asked and what would help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such show, or another organizer's.
    #[error("no such show")]
    NotFound,
    /// The show exists already.
    #[error("the show is already scheduled")]
    AlreadyScheduled,
    /// A field breaks a rule.
    #[error("{at}: {detail}")]
    Invalid {
        /// The field.
        at: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// `prices` does not name exactly the venue's categories.
    #[error(
        "prices must name exactly the venue's categories; missing: {missing:?}, unknown: {unknown:?}"
    )]
    PricesMismatch {
        /// Categories without a price.
        missing: Vec<String>,
        /// Prices without a category.
        unknown: Vec<String>,
    },
    /// No such reservation, or another customer's.
    #[error("no such reservation")]
    ReservationNotFound,
    /// Seats that the plan does not have.
    #[error("the plan has no seats {seats:?}")]
    UnknownSeats {
        /// The ids asked for.
        seats: Vec<String>,
    },
    /// A category that the plan does not have, or not of that kind.
    #[error("the plan has no such category: {category}")]
    UnknownCategory {
        /// The name asked for.
        category: String,
    },
    /// Some seats asked for are not free, or no fitting seats are left.
    #[error("not available: {:?}", guids(.seats))]
    SeatsUnavailable {
        /// Those asked for that are not free; empty for best available.
        seats: Vec<TakenSeat>,
        /// Free seats of the same number and categories near those asked for; empty when there are none.
        alternatives: Vec<String>,
    },
    /// Fewer standing places are left than asked for.
    #[error("{remaining} standing places are left in {category}, {asked} were asked for")]
    StandingUnavailable {
        /// The area's category.
        category: String,
        /// Places asked for.
        asked: u32,
        /// Places left.
        remaining: u32,
    },
    /// The customer would hold or own more than the show allows.
    #[error("at most {limit} places a customer; {owned} held or owned, {asked} asked for")]
    PurchaseLimitExceeded {
        /// The show's limit.
        limit: u32,
        /// Places in live holds and confirmed reservations.
        owned: u32,
        /// Places asked for.
        asked: u32,
    },
    /// The hold would leave a single free seat: one without a free neighbour in its row.
    #[error("a single seat would be left over: {seats:?}")]
    StrandedSeat {
        /// The seats that would be left.
        seats: Vec<String>,
        /// Free seats of the same number near those asked for that leave none over.
        alternatives: Vec<String>,
    },
    /// The sale has not begun.
    #[error("on sale from {on_sale_at}")]
    NotOnSaleYet {
        /// When it begins.
        on_sale_at: Timestamp,
    },
    /// The sale is over.
    #[error("off sale since {off_sale_at}")]
    OffSale {
        /// When it ended.
        off_sale_at: Timestamp,
    },
    /// The show was cancelled.
    #[error("the show is cancelled")]
    ShowCancelled,
    /// The show has a waiting room, and no valid pass was shown.
    #[error("the show has a waiting room: a pass is needed")]
    NotAdmitted,
    /// The pass has bought; one pass is good for one purchase.
    #[error("the pass has bought already")]
    PassUsed,
    /// The hold is void, and its places can't be taken again.
    #[error("the hold expired at {expired_at}")]
    HoldExpired {
        /// When.
        expired_at: Timestamp,
        /// Those of its seats that are another's by now, or out of sale.
        seats: Vec<TakenSeat>,
    },
    /// A hold can be extended once.
    #[error("the hold was already extended")]
    AlreadyExtended,
    /// The reservation is paid for.
    #[error("the reservation is already confirmed")]
    AlreadyConfirmed,
    /// The reservation was given back or refunded.
    #[error("the reservation is cancelled")]
    ReservationCancelled,
    /// The payment was given up before.
    #[error("the payment was abandoned: {code}")]
    PaymentAbandoned {
        /// Code of the refusal that led to it.
        code: String,
    },
    /// The payment's amount is not the reservation's.
    #[error("the reservation costs {expected}, not {actual}")]
    AmountMismatch {
        /// The reservation's.
        expected: Points,
        /// The payment's.
        actual: Points,
    },
    /// The reservation was not confirmed by this payment.
    #[error("the reservation was not confirmed by this payment")]
    NotConfirmed,
    /// Seats to be put back into sale that are not blocked.
    #[error("not blocked: {seats:?}")]
    NotBlocked {
        /// The ids.
        seats: Vec<String>,
    },
}

/// The ids alone.
fn guids(seats: &[TakenSeat]) -> Vec<&str> {
    seats.iter().map(|seat| seat.seat_guid.as_str()).collect()
}

impl Error {
    /// The stable code of the refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound | Self::ReservationNotFound => "not_found",
            Self::AlreadyScheduled => "already_scheduled",
            Self::Invalid { .. } => "invalid_field",
            Self::PricesMismatch { .. } => "prices_mismatch",
            Self::UnknownSeats { .. } => "unknown_seats",
            Self::UnknownCategory { .. } => "unknown_category",
            Self::SeatsUnavailable { .. } => "seats_unavailable",
            Self::StandingUnavailable { .. } => "standing_unavailable",
            Self::PurchaseLimitExceeded { .. } => "purchase_limit_exceeded",
            Self::StrandedSeat { .. } => "stranded_seat",
            Self::NotOnSaleYet { .. } => "not_on_sale_yet",
            Self::OffSale { .. } => "off_sale",
            Self::ShowCancelled => "show_cancelled",
            Self::NotAdmitted | Self::PassUsed => "not_admitted",
            Self::HoldExpired { .. } => "hold_expired",
            Self::AlreadyExtended => "already_extended",
            Self::AlreadyConfirmed => "already_confirmed",
            Self::ReservationCancelled => "reservation_cancelled",
            Self::PaymentAbandoned { .. } => "payment_abandoned",
            Self::AmountMismatch { .. } => "amount_mismatch",
            Self::NotConfirmed => "not_confirmed",
            Self::NotBlocked { .. } => "not_blocked",
        }
    }
}
