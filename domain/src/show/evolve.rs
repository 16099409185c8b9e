//! How events change a show. Total, and no slower than what they touch.

use std::sync::Arc;

use super::{
    Event, ReservationStatus, Show,
    event::{HeldSeat, HeldStanding},
    reservations::{Abandoned, Reservation, StandingTaken},
    seats::{SeatState, Slot},
    state::{Area, Terms},
};
use crate::{
    ids::{PaymentId, ReservationId},
    seating::{StandingArea, ZonePart},
};

impl Show {
    pub(super) fn apply_event(&mut self, event: &Event) {
        self.version += 1;
        match event {
            Event::ShowScheduled { .. } => self.terms = terms_of(event),
            Event::SeatsListed { zone, .. } => self.list_seats(zone),
            Event::StandingListed { area, .. } => self.list_standing(area),
            Event::SeatsHeld { .. } => self.apply_hold(event),
            Event::HoldExtended {
                reservation_id,
                expires_at,
                ..
            } => {
                self.change(*reservation_id, |entry| {
                    entry.expires_at = *expires_at;
                    entry.extended = true;
                });
            }
            Event::HoldReleased { reservation_id, .. } => {
                self.move_to(*reservation_id, ReservationStatus::Released, None);
            }
            Event::HoldExpired { reservation_id, .. } => {
                self.move_to(*reservation_id, ReservationStatus::Expired, None);
            }
            Event::ReservationConfirmed {
                reservation_id,
                payment_id,
                ..
            } => {
                self.use_pass(*reservation_id);
                self.move_to(
                    *reservation_id,
                    ReservationStatus::Confirmed,
                    Some(*payment_id),
                );
            }
            Event::PaymentAbandoned {
                reservation_id,
                payment_id,
                code,
                ..
            } => {
                let abandoned = Abandoned {
                    payment_id: *payment_id,
                    code: code.clone(),
                };
                self.change(*reservation_id, |entry| entry.abandoned.push(abandoned));
            }
            Event::ReservationCancelled {
                reservation_id,
                payment_id,
                ..
            } => {
                self.move_to(
                    *reservation_id,
                    ReservationStatus::Cancelled,
                    Some(*payment_id),
                );
            }
            Event::SeatsBlocked { seats, .. } => {
                self.set_seats(seats, SeatState::Blocked(self.version));
            }
            Event::SeatsUnblocked { seats, .. } => self.set_seats(seats, SeatState::Free),
            Event::ShowCancelled { cancelled_at, .. } => self.cancelled_at = Some(*cancelled_at),
        }
    }

    fn list_seats(&mut self, zone: &ZonePart) {
        let plan = Arc::make_mut(&mut self.plan);
        plan.list(zone);
        if let Some(terms) = &self.terms
            && plan.seats.len() >= terms.seats as usize
        {
            plan.rank(terms.categories.len(), terms.focus);
        }
        self.seats.grow(&self.plan);
    }

    fn list_standing(&mut self, area: &StandingArea) {
        self.standing.push(Area {
            name: area.name.clone(),
            category: area.category.clone(),
            capacity: area.capacity,
            held: 0,
            sold: 0,
        });
    }

    fn apply_hold(&mut self, event: &Event) {
        let Event::SeatsHeld {
            organizer_id: _,
            reservation_id,
            customer_id,
            seats,
            standing,
            amount,
            expires_at,
            pass,
        } = event
        else {
            return;
        };
        let find = |seat: &HeldSeat| self.plan.find(&seat.seat_guid);
        let slot = self.reservations.insert(Reservation {
            id: *reservation_id,
            customer_id: *customer_id,
            status: ReservationStatus::Held,
            amount: *amount,
            expires_at: *expires_at,
            extended: false,
            taken_at: self.version,
            payment_id: None,
            seats: seats.iter().filter_map(find).collect(),
            standing: standing.as_ref().and_then(|held| self.standing_taken(held)),
            abandoned: Vec::new(),
            pass: *pass,
        });
        self.take(slot, ReservationStatus::Held);
    }

    fn standing_taken(&self, held: &HeldStanding) -> Option<StandingTaken> {
        let area = self
            .standing
            .iter()
            .position(|area| area.category == held.category)?;
        let area = u32::try_from(area).expect("a venue has at most 100 standing areas");
        Some(StandingTaken {
            area,
            quantity: held.quantity,
        })
    }

    fn change(&mut self, id: ReservationId, change: impl FnOnce(&mut Reservation)) {
        if let Some((slot, _)) = self.reservations.find(id) {
            self.reservations.update(slot, change);
        }
    }

    /// Gives back what a reservation takes up in its old status, and takes what the new one needs.
    fn move_to(
        &mut self,
        id: ReservationId,
        status: ReservationStatus,
        payment_id: Option<PaymentId>,
    ) {
        let Some((slot, entry)) = self.reservations.find(id) else {
            return;
        };
        let before = entry.status;
        let taken_at = match before {
            // A late payment takes the places anew.
            ReservationStatus::Expired => self.version,
            ReservationStatus::Held
            | ReservationStatus::Released
            | ReservationStatus::Confirmed
            | ReservationStatus::Cancelled => entry.taken_at,
        };
        self.give_back(slot, before);
        self.take(slot, status);
        self.reservations.update(slot, |entry| {
            entry.status = status;
            entry.taken_at = taken_at;
            entry.payment_id = payment_id.or(entry.payment_id);
            match status {
                // Nothing can bring these places back to this reservation.
                ReservationStatus::Released | ReservationStatus::Cancelled => {
                    entry.seats = Box::default();
                    entry.standing = None;
                }
                ReservationStatus::Held
                | ReservationStatus::Confirmed
                | ReservationStatus::Expired => {}
            }
        });
    }

    fn give_back(&mut self, slot: Slot, status: ReservationStatus) {
        let entry = self.reservations.get(slot);
        match status {
            ReservationStatus::Held | ReservationStatus::Confirmed => {}
            ReservationStatus::Released
            | ReservationStatus::Expired
            | ReservationStatus::Cancelled => return,
        }
        for seat in &entry.seats {
            self.seats.set(&self.plan, *seat, SeatState::Free);
        }
        if let Some(taken) = entry.standing {
            let area = &mut self.standing[taken.area as usize];
            if status == ReservationStatus::Held {
                area.held -= taken.quantity;
            } else {
                area.sold -= taken.quantity;
            }
        }
    }

    fn take(&mut self, slot: Slot, status: ReservationStatus) {
        let entry = self.reservations.get(slot);
        let state = match status {
            ReservationStatus::Held => SeatState::Held(slot),
            ReservationStatus::Confirmed => SeatState::Sold(slot),
            ReservationStatus::Released
            | ReservationStatus::Expired
            | ReservationStatus::Cancelled => return,
        };
        for seat in &entry.seats {
            self.seats.set(&self.plan, *seat, state);
        }
        if let Some(taken) = entry.standing {
            let area = &mut self.standing[taken.area as usize];
            if status == ReservationStatus::Held {
                area.held += taken.quantity;
            } else {
                area.sold += taken.quantity;
            }
        }
    }

    fn set_seats(&mut self, guids: &[String], state: SeatState) {
        for seat in guids.iter().filter_map(|guid| self.plan.find(guid)) {
            self.seats.set(&self.plan, seat, state);
        }
    }
}

fn terms_of(event: &Event) -> Option<Terms> {
    let Event::ShowScheduled {
        organizer_id,
        concert_id: _,
        venue_id: _,
        starts_at: _,
        on_sale_at,
        off_sale_at,
        prices,
        categories,
        focus,
        seats,
        standing_capacity: _,
        hold_seconds,
        max_seats_per_customer,
        no_stranded_seats,
        waiting_room,
    } = event
    else {
        return None;
    };
    Some(Terms {
        organizer_id: *organizer_id,
        on_sale_at: *on_sale_at,
        off_sale_at: *off_sale_at,
        prices: prices.clone(),
        categories: categories.clone(),
        focus: *focus,
        seats: *seats,
        hold_seconds: *hold_seconds,
        max_seats_per_customer: *max_seats_per_customer,
        no_stranded_seats: *no_stranded_seats,
        waiting_room: *waiting_room,
    })
}
