//! Holding places, extending a hold, giving it back.

use chrono::TimeDelta;

use super::{
    Error, Event, ReservationStatus, Selection, Show, Terms,
    alternatives::alternatives,
    best_available::{Order, Wanted, find_nearest_whole, find_run},
    event::{HeldSeat, HeldStanding, Places},
    plan::SeatIndex,
    reservations::Reservation,
    seats::{SeatState, Slot},
    vacancy::Vacancy,
};
use crate::{
    ids::{CustomerId, EntryId, ReservationId},
    points::Points,
    time::Timestamp,
};

impl Show {
    pub(super) fn hold(
        &self,
        reservation_id: ReservationId,
        customer_id: CustomerId,
        selection: &Selection,
        pass: Option<EntryId>,
        now: Timestamp,
    ) -> Result<Vec<Event>, Error> {
        let terms = self.terms()?;
        self.check_on_sale(now)?;
        let pass = self.check_admitted(terms, pass)?;
        if self.reservations.find(reservation_id).is_some() {
            let detail = "is another reservation's".to_owned();
            return Err(Error::Invalid {
                at: "reservation_id",
                detail,
            });
        }
        let (void, seats, standing) = match selection {
            Selection::Seats(guids) => {
                let seats = self.choose_seats(terms, customer_id, guids, now)?;
                (self.void_holders(&seats), seats, None)
            }
            Selection::BestAvailable {
                category,
                quantity,
                adjacent,
            } => {
                self.check_quantity(customer_id, *quantity, now)?;
                let seats = self.choose_best(terms, category, *quantity, *adjacent, now)?;
                (self.void_holders(&seats), seats, None)
            }
            Selection::Standing { category, quantity } => {
                self.check_quantity(customer_id, *quantity, now)?;
                let (void, standing) = self.choose_standing(terms, category, *quantity, now)?;
                (void, Vec::new(), Some(standing))
            }
        };
        let seats: Vec<_> = seats
            .iter()
            .map(|seat| self.held_seat(terms, *seat))
            .collect();
        let standing_amount = standing
            .as_ref()
            .map_or(0, |places| places.price * Points::from(places.quantity));
        let amount = seats.iter().map(|seat| seat.price).sum::<Points>() + standing_amount;
        let held = Event::SeatsHeld {
            organizer_id: terms.organizer_id,
            reservation_id,
            customer_id,
            seats,
            standing,
            amount,
            expires_at: now + TimeDelta::seconds(i64::from(terms.hold_seconds)),
            pass,
        };
        let expired = void.into_iter().map(|slot| self.expired(terms, slot));
        Ok(expired.chain([held]).collect())
    }

    fn check_quantity(
        &self,
        customer: CustomerId,
        quantity: u32,
        now: Timestamp,
    ) -> Result<(), Error> {
        if quantity == 0 {
            let detail = "must be above zero".to_owned();
            return Err(Error::Invalid {
                at: "quantity",
                detail,
            });
        }
        self.check_limit(customer, quantity, now)
    }

    /// Exactly the seats asked for, in plan order.
    fn choose_seats(
        &self,
        terms: &Terms,
        customer: CustomerId,
        guids: &[String],
        now: Timestamp,
    ) -> Result<Vec<SeatIndex>, Error> {
        let asked = u32::try_from(guids.len()).unwrap_or(u32::MAX);
        if asked > terms.max_seats_per_customer {
            self.check_limit(customer, asked, now)?;
        }
        let seats = self.find_seats(guids)?;
        self.check_limit(customer, asked, now)?;
        let view = Vacancy::at(self, now);
        let offer = || {
            self.plan
                .guids(&alternatives(&view, &seats, terms.no_stranded_seats))
        };
        let taken = view.taken(&seats);
        if !taken.is_empty() {
            let alternatives = offer();
            return Err(Error::SeatsUnavailable {
                seats: taken,
                alternatives,
            });
        }
        if terms.no_stranded_seats {
            let left = view.stranded(&seats);
            if !left.is_empty() {
                let alternatives = offer();
                return Err(Error::StrandedSeat {
                    seats: self.plan.guids(&left),
                    alternatives,
                });
            }
        }
        Ok(seats)
    }

    /// The indexes of seats named by a command, in plan order; refuses none, unknown and repeated ones.
    pub(super) fn find_seats(&self, guids: &[String]) -> Result<Vec<SeatIndex>, Error> {
        let refuse = |detail: &str| Error::Invalid {
            at: "seats",
            detail: detail.to_owned(),
        };
        if guids.is_empty() {
            return Err(refuse("must name at least one seat"));
        }
        let unknown: Vec<_> = guids
            .iter()
            .filter(|guid| self.plan.find(guid).is_none())
            .cloned()
            .collect();
        if !unknown.is_empty() {
            return Err(Error::UnknownSeats { seats: unknown });
        }
        let mut seats: Vec<_> = guids
            .iter()
            .filter_map(|guid| self.plan.find(guid))
            .collect();
        seats.sort_unstable();
        if seats.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(refuse("must name each seat once"));
        }
        Ok(seats)
    }

    fn choose_best(
        &self,
        terms: &Terms,
        category: &str,
        quantity: u32,
        adjacent: bool,
        now: Timestamp,
    ) -> Result<Vec<SeatIndex>, Error> {
        let Some(index) = terms.categories.iter().position(|name| name == category) else {
            return Err(Error::UnknownCategory {
                category: category.to_owned(),
            });
        };
        let wanted = Wanted {
            category: u16::try_from(index).expect("a plan has at most 500 categories"),
            count: quantity as usize,
            near: terms.focus,
            none_stranded: terms.no_stranded_seats,
        };
        let view = Vacancy::at(self, now);
        let rows = || self.plan.ranked(wanted.category).iter().copied();
        let scattered = || find_nearest_whole(&view, &wanted, rows);
        if !adjacent {
            return scattered().ok_or(Error::SeatsUnavailable {
                seats: Vec::new(),
                alternatives: Vec::new(),
            });
        }
        find_run(&view, &wanted, rows(), Order::RowsFirst).ok_or_else(|| {
            let alternatives = self.plan.guids(&scattered().unwrap_or_default());
            Error::SeatsUnavailable {
                seats: Vec::new(),
                alternatives,
            }
        })
    }

    /// Standing places, and the void holds that must be recorded as expired to make room.
    fn choose_standing(
        &self,
        terms: &Terms,
        category: &str,
        quantity: u32,
        now: Timestamp,
    ) -> Result<(Vec<Slot>, HeldStanding), Error> {
        let area = self
            .standing
            .iter()
            .position(|area| area.category == category);
        let Some(index) = area else {
            return Err(Error::UnknownCategory {
                category: category.to_owned(),
            });
        };
        let area = &self.standing[index];
        let void = self.make_room(index, quantity, now).map_err(|remaining| {
            Error::StandingUnavailable {
                category: category.to_owned(),
                asked: quantity,
                remaining,
            }
        })?;
        Ok((
            void,
            HeldStanding {
                name: area.name.clone(),
                category: area.category.clone(),
                quantity,
                price: terms.price(category),
            },
        ))
    }

    /// The void holds that must be recorded as expired so that `quantity` places of an area are free; an error with
    /// the places left where there are fewer.
    pub(super) fn make_room(
        &self,
        area: usize,
        quantity: u32,
        now: Timestamp,
    ) -> Result<Vec<Slot>, u32> {
        let mut remaining = self.standing[area].available();
        let mut void = Vec::new();
        let mut holds = self.reservations.void(now);
        while remaining < quantity {
            let Some(slot) = holds.next() else {
                return Err(remaining);
            };
            let standing = self.reservations.get(slot).standing;
            if let Some(taken) = standing.filter(|taken| taken.area as usize == area) {
                remaining += taken.quantity;
                void.push(slot);
            }
        }
        Ok(void)
    }

    /// The holds, known to be void, that stand in the way of taking `seats`.
    pub(super) fn void_holders(&self, seats: &[SeatIndex]) -> Vec<Slot> {
        let mut slots: Vec<_> = seats
            .iter()
            .filter_map(|seat| match self.seats.get(*seat) {
                SeatState::Held(slot) => Some(slot),
                SeatState::Free | SeatState::Sold(_) | SeatState::Blocked(_) => None,
            })
            .collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    fn held_seat(&self, terms: &Terms, seat: SeatIndex) -> HeldSeat {
        let place = self.plan.seat_at(seat);
        let row = self.plan.row_of(seat);
        let category = terms.categories.get(usize::from(place.category));
        let category = category.cloned().unwrap_or_default();
        HeldSeat {
            seat_guid: place.guid.clone(),
            zone: row.zone.clone(),
            row: row.name.clone(),
            number: place.number.clone(),
            price: terms.price(&category),
            category,
        }
    }

    /// The record that a void hold has expired.
    pub(super) fn expired(&self, terms: &Terms, slot: Slot) -> Event {
        let entry = self.reservations.get(slot);
        Event::HoldExpired {
            organizer_id: terms.organizer_id,
            reservation_id: entry.id,
            customer_id: entry.customer_id,
            expired_at: entry.expires_at,
            places: self.places(entry),
        }
    }

    /// That a hold ran out, and which of its seats are gone by now.
    pub(super) fn too_late(&self, entry: &Reservation, now: Timestamp) -> Error {
        Error::HoldExpired {
            expired_at: entry.expires_at,
            seats: Vacancy::at(self, now).taken(&entry.seats),
        }
    }

    /// A customer's own reservation; another's is not found.
    fn own(&self, id: ReservationId, customer: CustomerId) -> Result<&Reservation, Error> {
        self.terms()?;
        let found = self.reservations.find(id).map(|(_, entry)| entry);
        found
            .filter(|entry| entry.customer_id == customer)
            .ok_or(Error::ReservationNotFound)
    }

    /// A customer's own hold, live at `now`.
    fn own_hold(
        &self,
        id: ReservationId,
        customer: CustomerId,
        now: Timestamp,
    ) -> Result<&Reservation, Error> {
        let entry = self.own(id, customer)?;
        match entry.status {
            ReservationStatus::Held if entry.expires_at > now => Ok(entry),
            ReservationStatus::Held | ReservationStatus::Expired => Err(self.too_late(entry, now)),
            ReservationStatus::Confirmed => Err(Error::AlreadyConfirmed),
            ReservationStatus::Released | ReservationStatus::Cancelled => {
                Err(Error::ReservationCancelled)
            }
        }
    }

    pub(super) fn extend(
        &self,
        id: ReservationId,
        customer: CustomerId,
        now: Timestamp,
    ) -> Result<Vec<Event>, Error> {
        self.own(id, customer)?;
        if self.is_cancelled() {
            return Err(Error::ShowCancelled);
        }
        let terms = self.terms()?;
        let entry = self.own_hold(id, customer, now)?;
        if entry.extended {
            return Err(Error::AlreadyExtended);
        }
        Ok(vec![Event::HoldExtended {
            organizer_id: terms.organizer_id,
            reservation_id: id,
            customer_id: customer,
            expires_at: entry.expires_at + TimeDelta::seconds(i64::from(terms.hold_seconds)),
        }])
    }

    pub(super) fn release(
        &self,
        id: ReservationId,
        customer: CustomerId,
        now: Timestamp,
    ) -> Result<Vec<Event>, Error> {
        let terms = self.terms()?;
        let entry = self.own_hold(id, customer, now)?;
        Ok(vec![self.released(terms, entry, "customer")])
    }

    pub(super) fn released(&self, terms: &Terms, entry: &Reservation, reason: &str) -> Event {
        Event::HoldReleased {
            organizer_id: terms.organizer_id,
            reservation_id: entry.id,
            customer_id: entry.customer_id,
            reason: reason.to_owned(),
            places: self.places(entry),
        }
    }

    /// What a reservation takes up, as events name it.
    pub(super) fn places(&self, entry: &Reservation) -> Places {
        Places {
            seats: self.plan.guids(&entry.seats),
            standing: entry.standing.and_then(|taken| self.standing_places(taken)),
        }
    }
}
