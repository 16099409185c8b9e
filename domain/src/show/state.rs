//! What a show knows, and what others may ask of it.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Error,
    event::StandingPlaces,
    passes::Passes,
    plan::Plan,
    reservations::{Reservations, StandingTaken},
    seats::Seats,
    snapshot::Snapshot,
};
use crate::{
    ids::{CustomerId, OrganizerId, PaymentId, ReservationId},
    points::Points,
    seating::Point,
    time::Timestamp,
    waiting_room::Settings,
};

/// A reservation as the show sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationStatus {
    /// Held; void from `expires_at` on even where no event says so yet.
    Held,
    /// Sold.
    Confirmed,
    /// Given back.
    Released,
    /// Ran out.
    Expired,
    /// Refunded.
    Cancelled,
}

/// A reservation, for those who prepare a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationView {
    /// Whose it is.
    pub customer_id: CustomerId,
    /// Where it stands, by events alone.
    pub status: ReservationStatus,
    /// Its price.
    pub amount: Points,
    /// When the hold is, or was, void.
    pub expires_at: Timestamp,
    /// The payment that confirmed it.
    pub payment_id: Option<PaymentId>,
}

/// How a show's places stand. The four add up to the capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Free.
    pub available: u32,
    /// Held.
    pub held: u32,
    /// Sold.
    pub sold: u32,
    /// Out of sale.
    pub blocked: u32,
}

/// What was set when the show was scheduled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Terms {
    pub(super) organizer_id: OrganizerId,
    pub(super) on_sale_at: Timestamp,
    pub(super) off_sale_at: Option<Timestamp>,
    pub(super) prices: BTreeMap<String, Points>,
    pub(super) categories: Vec<String>,
    pub(super) focus: Point,
    /// Seats that the plan has once it is listed whole.
    pub(super) seats: u32,
    pub(super) hold_seconds: u32,
    pub(super) max_seats_per_customer: u32,
    pub(super) no_stranded_seats: bool,
    pub(super) waiting_room: Option<Settings>,
}

impl Terms {
    /// Every category has a price: scheduling saw to it.
    pub(super) fn price(&self, category: &str) -> Points {
        self.prices.get(category).copied().unwrap_or_default()
    }
}

/// A standing area.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Area {
    pub(super) name: String,
    pub(super) category: String,
    pub(super) capacity: u32,
    pub(super) held: u32,
    pub(super) sold: u32,
}

impl Area {
    pub(super) fn available(&self) -> u32 {
        self.capacity
            .saturating_sub(self.held)
            .saturating_sub(self.sold)
    }
}

/// The whole seat inventory of one dated concert. A copy shares the plan; the rest is a few flat vectors and indexes.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(try_from = "Snapshot<'static>")]
pub struct Show {
    /// How many events it was folded from: the sequence of the last one.
    pub(super) version: u64,
    /// `None` before the show is scheduled.
    pub(super) terms: Option<Terms>,
    pub(super) plan: Arc<Plan>,
    pub(super) seats: Seats,
    pub(super) standing: Vec<Area>,
    pub(super) reservations: Reservations,
    pub(super) cancelled_at: Option<Timestamp>,
    pub(super) passes: Passes,
}

impl Show {
    pub(super) fn terms(&self) -> Result<&Terms, Error> {
        self.terms.as_ref().ok_or(Error::NotFound)
    }

    /// Whose show it is; `None` before it is scheduled.
    pub fn organizer_id(&self) -> Option<OrganizerId> {
        self.terms.as_ref().map(|terms| terms.organizer_id)
    }

    /// Numbered seats and standing places together.
    pub fn capacity(&self) -> u32 {
        self.plan.count() + self.standing.iter().map(|area| area.capacity).sum::<u32>()
    }

    /// How the places stand, seats and standing together, by events alone.
    pub fn counts(&self) -> Counts {
        let held = self.seats.held() + self.standing.iter().map(|area| area.held).sum::<u32>();
        let sold = self.seats.sold() + self.standing.iter().map(|area| area.sold).sum::<u32>();
        let blocked = self.seats.blocked();
        Counts {
            available: self.capacity() - held - sold - blocked,
            held,
            sold,
            blocked,
        }
    }

    /// Whether the show was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled_at.is_some()
    }

    /// Whether the show was cancelled and still has live holds or confirmed reservations.
    pub fn is_winding_up(&self) -> bool {
        self.is_cancelled() && self.reservations.has_live()
    }

    /// The payments of the confirmed reservations: those that the winding-up of a cancelled show has to refund.
    pub fn confirmed_payments(&self) -> Vec<PaymentId> {
        let live = self
            .reservations
            .live()
            .map(|slot| self.reservations.get(slot));
        live.filter(|entry| entry.status == ReservationStatus::Confirmed)
            .filter_map(|entry| entry.payment_id)
            .collect()
    }

    /// A reservation of this show.
    pub fn reservation(&self, id: ReservationId) -> Option<ReservationView> {
        self.reservations
            .find(id)
            .map(|(_, entry)| ReservationView {
                customer_id: entry.customer_id,
                status: entry.status,
                amount: entry.amount,
                expires_at: entry.expires_at,
                payment_id: entry.payment_id,
            })
    }

    pub(super) fn standing_places(&self, taken: StandingTaken) -> Option<StandingPlaces> {
        let area = self.standing.get(taken.area as usize)?;
        Some(StandingPlaces {
            category: area.category.clone(),
            quantity: taken.quantity,
        })
    }
}
