//! What can be asked of a show.

use std::collections::BTreeMap;

use crate::{
    ids::{ConcertId, CustomerId, EntryId, OrganizerId, PaymentId, ReservationId, VenueId},
    points::Points,
    seating::{Point, StandingArea, ZonePart},
    time::Timestamp,
    waiting_room::Settings,
};

/// A request to a show.
#[derive(Debug, Clone)]
pub enum Command {
    /// Put a show up, with a copy of its venue's plan.
    Schedule(Box<Schedule>),
    /// Hold places for a customer: all of them or none.
    Hold {
        /// Id for the new reservation.
        reservation_id: ReservationId,
        /// For whom.
        customer_id: CustomerId,
        /// Which places.
        selection: Selection,
        /// The pass that the customer showed; the caller has checked that it is this customer's, for this show, and not void.
        pass: Option<EntryId>,
    },
    /// Extend a hold by its full length again, once.
    Extend {
        /// The reservation.
        reservation_id: ReservationId,
        /// Who asks; another's reservation is not found.
        customer_id: CustomerId,
    },
    /// Give a hold back.
    Release {
        /// The reservation.
        reservation_id: ReservationId,
        /// Who asks.
        customer_id: CustomerId,
    },
    /// Sell what is held; takes an expired hold's places again where they are still free.
    Confirm {
        /// The reservation.
        reservation_id: ReservationId,
        /// The payment; confirming twice by the same one changes nothing.
        payment_id: PaymentId,
        /// What was debited: must equal the reservation's amount.
        amount: Points,
    },
    /// Give a payment up, so that it can't confirm later. Refused once confirmed by it.
    Abandon {
        /// The reservation.
        reservation_id: ReservationId,
        /// The payment.
        payment_id: PaymentId,
        /// Code of the refusal that led here.
        code: String,
    },
    /// Undo a confirmed reservation, because its payment is refunded.
    CancelReservation {
        /// The reservation.
        reservation_id: ReservationId,
        /// The payment that confirmed it.
        payment_id: PaymentId,
    },
    /// Take free seats out of sale.
    Block {
        /// Who asks.
        organizer_id: OrganizerId,
        /// `seat_guid`s; all or none.
        seats: Vec<String>,
        /// Why, 1 to 500 bytes.
        reason: String,
    },
    /// Put blocked seats back into sale.
    Unblock {
        /// Who asks.
        organizer_id: OrganizerId,
        /// `seat_guid`s; all or none.
        seats: Vec<String>,
        /// Why, 1 to 500 bytes.
        reason: String,
    },
    /// Call the show off.
    CancelShow {
        /// Who asks.
        organizer_id: OrganizerId,
        /// Why, 1 to 500 bytes.
        reason: String,
    },
    /// Record what time alone has made due; the events come from [`crate::Aggregate::due`], this adds none.
    ExpireDue,
    /// After a cancellation: release live holds and cancel confirmed reservations, at most `limit` of them.
    WindUp {
        /// At most [`crate::show::WIND_UP_BATCH`].
        limit: usize,
    },
}

/// Which places a hold asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Exactly these seats.
    Seats(Vec<String>),
    /// The best free seats of a category: nearest the plan's focus.
    BestAvailable {
        /// Category name.
        category: String,
        /// How many.
        quantity: u32,
        /// Whether they must stand side by side in one row.
        adjacent: bool,
    },
    /// Standing places.
    Standing {
        /// The area's category.
        category: String,
        /// How many.
        quantity: u32,
    },
}

/// The arguments of [`Command::Schedule`].
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Whose show it will be.
    pub organizer_id: OrganizerId,
    /// The concert; the caller has checked that it is this organizer's.
    pub concert_id: ConcertId,
    /// The venue; the caller has checked that it is this organizer's.
    pub venue_id: VenueId,
    /// When the concert begins.
    pub starts_at: Timestamp,
    /// First instant at which a hold is accepted.
    pub on_sale_at: Timestamp,
    /// First instant at which none is accepted any more; after `on_sale_at`.
    pub off_sale_at: Option<Timestamp>,
    /// Must name exactly the plan's categories, standing ones included.
    pub prices: BTreeMap<String, Points>,
    /// 1 to 3,600.
    pub hold_seconds: u32,
    /// 1 to 100.
    pub max_seats_per_customer: u32,
    /// Whether a hold may leave a single free seat.
    pub no_stranded_seats: bool,
    /// Where customers wait for their turn; `None`: whoever asks may hold.
    pub waiting_room: Option<Settings>,
    /// Copied from the venue.
    pub categories: Vec<String>,
    /// Copied from the venue.
    pub focus: Point,
    /// Copied from the venue.
    pub zones: Vec<ZonePart>,
    /// Copied from the venue.
    pub standing: Vec<StandingArea>,
}
