//! What can have happened to a show.

use std::collections::BTreeMap;

use cqrs_es::DomainEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{ConcertId, CustomerId, EntryId, OrganizerId, PaymentId, ReservationId, VenueId},
    points::Points,
    seating::{Point, StandingArea, ZonePart},
    time::Timestamp,
    waiting_room::Settings,
};

/// A seat as it was held: everything that a ticket says about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldSeat {
    /// The plan's id of the seat.
    pub seat_guid: String,
    /// Zone name.
    pub zone: String,
    /// Row number.
    pub row: String,
    /// Seat number.
    pub number: String,
    /// Category name.
    pub category: String,
    /// Price of this seat.
    pub price: Points,
}

/// Standing places as they were held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldStanding {
    /// Name of the area.
    pub name: String,
    /// Its category.
    pub category: String,
    /// Places.
    pub quantity: u32,
    /// Price of one place.
    pub price: Points,
}

/// What a reservation takes up, short: for the events after `SeatsHeld`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Places {
    /// `seat_guid`s.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<String>,
    /// Standing places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<StandingPlaces>,
}

/// A number of places in one standing area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StandingPlaces {
    /// The area's category.
    pub category: String,
    /// Places.
    pub quantity: u32,
}

/// A fact about a show. Stored as JSON, externally tagged; permanent. Each carries `organizer_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum Event {
    /// The show exists; its plan follows in the same append.
    ShowScheduled {
        /// Whose show it is.
        organizer_id: OrganizerId,
        /// The concert.
        concert_id: ConcertId,
        /// The venue whose plan was copied.
        venue_id: VenueId,
        /// When the concert begins.
        starts_at: Timestamp,
        /// First instant at which a hold is accepted.
        on_sale_at: Timestamp,
        /// First instant at which no hold is accepted any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        off_sale_at: Option<Timestamp>,
        /// Price by category: exactly the plan's categories, standing ones included.
        prices: BTreeMap<String, Points>,
        /// Seat categories in plan order; seats name them by index.
        categories: Vec<String>,
        /// What the best seats are near to, in hundredths of the plan's unit.
        focus: Point,
        /// Numbered seats.
        seats: u32,
        /// Standing places.
        standing_capacity: u32,
        /// Length of a hold, in seconds.
        hold_seconds: u32,
        /// Seats and standing places that one customer may hold or own at a time.
        max_seats_per_customer: u32,
        /// Whether a hold may not leave a single free seat: one without a free neighbour in its row.
        no_stranded_seats: bool,
        /// Where customers wait for their turn, as it was set when the show was scheduled.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        waiting_room: Option<Settings>,
    },
    /// Seats of the plan, copied from the venue.
    SeatsListed {
        /// Whose show it is.
        organizer_id: OrganizerId,
        /// The zone's rows and seats.
        #[serde(flatten)]
        zone: ZonePart,
    },
    /// A standing area of the plan, copied from the venue.
    StandingListed {
        /// Whose show it is.
        organizer_id: OrganizerId,
        /// The area.
        #[serde(flatten)]
        area: StandingArea,
    },
    /// Seats, or standing places, are held for a customer.
    SeatsHeld {
        /// Whose show it is.
        organizer_id: OrganizerId,
        /// The new reservation.
        reservation_id: ReservationId,
        /// For whom.
        customer_id: CustomerId,
        /// Seats; empty where standing places are held.
        seats: Vec<HeldSeat>,
        /// Standing places.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        standing: Option<HeldStanding>,
        /// Sum of the prices.
        amount: Points,
        /// The instant at which the hold is void.
        expires_at: Timestamp,
        /// The pass that was shown, where the show has a waiting room: void once what it held is sold.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pass: Option<EntryId>,
    },
    /// A hold was extended, once.
    HoldExtended {
        /// Whose show it is.
        organizer_id: OrganizerId,
        /// The reservation.
        reservation_id: ReservationId,
        /// Whose it is.
        customer_id: CustomerId,
        /// The new instant at which the hold is void.
        expires_at: Timestamp,
    },
    /// A hold was given back before its time.
    HoldReleased {
        /// Whose show it is.
        organizer_id: OrganizerId,
        /// The reservation.
        reservation_id: ReservationId,
        /// Whose it was.
        customer_id: CustomerId,
        /// `customer` or `show_cancelled`.
        reason: String,
        /// What is free again.
        #[serde(flatten)]
        places: Places,
    },
    /// A hold ran out.
    HoldExpired {
        /// Whose show it is.
        organizer_id: OrganizerId,
        /// The reservation.
        reservation_id: ReservationId,
        /// Whose it was.
        customer_id: CustomerId,
        /// When the hold became void; the event may be recorded later.
        expired_at: Timestamp,
        /// What is free again.
        #[serde(flatten)]
        places: Places,
    },
    /// A reservation was paid for. The point of no return of a payment.
    ReservationConfirmed {
        /// Whose show it is.
        organizer_id: OrganizerId,
        /// The reservation.
        reservation_id: ReservationId,
        /// Whose it is.
        customer_id: CustomerId,
        /// What paid for it.
        payment_id: PaymentId,
        /// What was paid.
        amount: Points,
        /// Whether the hold had expired and its places were taken again.
        retaken: bool,
        /// What is sold.
        #[serde(flatten)]
        places: Places,
    },
    /// A payment was given up: it can't confirm the reservation any more.
    PaymentAbandoned {
        /// Whose show it is.
        organizer_id: OrganizerId,
        /// The reservation.
        reservation_id: ReservationId,
        /// The payment.
        payment_id: PaymentId,
        /// Code of the refusal that led here.
        code: String,
    },
    /// A confirmed reservation was cancelled: its places are free, its payment is to be refunded.
    ReservationCancelled {
        /// Whose show it is.
        organizer_id: OrganizerId,
        /// The reservation.
        reservation_id: ReservationId,
        /// Whose it was.
        customer_id: CustomerId,
        /// What had paid for it.
        payment_id: PaymentId,
        /// `refund` or `show_cancelled`.
        reason: String,
        /// What is free again.
        #[serde(flatten)]
        places: Places,
    },
    /// House seats were taken out of sale.
    SeatsBlocked {
        /// Whose show it is.
        organizer_id: OrganizerId,
        /// `seat_guid`s.
        seats: Vec<String>,
        /// Why, in the organizer's words.
        reason: String,
    },
    /// House seats were put back into sale.
    SeatsUnblocked {
        /// Whose show it is.
        organizer_id: OrganizerId,
        /// `seat_guid`s.
        seats: Vec<String>,
        /// Why, in the organizer's words.
        reason: String,
    },
    /// The show will not take place.
    ShowCancelled {
        /// Whose show it is.
        organizer_id: OrganizerId,
        /// Why, in the organizer's words.
        reason: String,
        /// When: from here on the winding-up is due.
        cancelled_at: Timestamp,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::ShowScheduled { .. } => "ShowScheduled",
            Self::SeatsListed { .. } => "SeatsListed",
            Self::StandingListed { .. } => "StandingListed",
            Self::SeatsHeld { .. } => "SeatsHeld",
            Self::HoldExtended { .. } => "HoldExtended",
            Self::HoldReleased { .. } => "HoldReleased",
            Self::HoldExpired { .. } => "HoldExpired",
            Self::ReservationConfirmed { .. } => "ReservationConfirmed",
            Self::PaymentAbandoned { .. } => "PaymentAbandoned",
            Self::ReservationCancelled { .. } => "ReservationCancelled",
            Self::SeatsBlocked { .. } => "SeatsBlocked",
            Self::SeatsUnblocked { .. } => "SeatsUnblocked",
            Self::ShowCancelled { .. } => "ShowCancelled",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
