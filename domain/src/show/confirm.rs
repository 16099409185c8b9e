//! Selling what is held, giving a payment up, undoing a sale.

use super::{
    Error, Event, ReservationStatus, Show, Terms, reservations::Reservation, seats::Slot,
    vacancy::Vacancy,
};
use crate::{
    ids::{CustomerId, PaymentId, ReservationId},
    points::Points,
    time::Timestamp,
};

/// What a confirmation takes besides the hold itself.
struct Confirmable {
    /// Whether the hold had expired.
    retaken: bool,
    /// Void holds that must be recorded as expired first, the reservation's own among them.
    void: Vec<Slot>,
}

impl Show {
    fn find(&self, id: ReservationId) -> Result<(Slot, &Reservation), Error> {
        self.terms()?;
        self.reservations.find(id).ok_or(Error::ReservationNotFound)
    }

    /// Checks, without deciding anything, whether `customer` could pay for `reservation` at `now`; answers its price.
    ///
    /// # Errors
    /// What [`super::Command::Confirm`] would answer at `now`; [`Error::ReservationNotFound`] for another's; an expired
    /// hold whose places were taken since is [`Error::HoldExpired`].
    pub fn payable(
        &self,
        reservation: ReservationId,
        customer: CustomerId,
        now: Timestamp,
    ) -> Result<Points, Error> {
        let (slot, entry) = self.find(reservation)?;
        if entry.customer_id != customer {
            return Err(Error::ReservationNotFound);
        }
        self.confirmable(slot, now)?;
        Ok(entry.amount)
    }

    fn confirmable(&self, slot: Slot, now: Timestamp) -> Result<Confirmable, Error> {
        let entry = self.reservations.get(slot);
        if entry.status == ReservationStatus::Confirmed {
            return Err(Error::AlreadyConfirmed);
        }
        if self.is_cancelled() {
            return Err(Error::ShowCancelled);
        }
        match entry.status {
            ReservationStatus::Held if entry.expires_at > now => Ok(Confirmable {
                retaken: false,
                void: Vec::new(),
            }),
            ReservationStatus::Held | ReservationStatus::Expired => {
                let void = self.retake(slot, now)?;
                Ok(Confirmable {
                    retaken: true,
                    void,
                })
            }
            ReservationStatus::Confirmed => Err(Error::AlreadyConfirmed),
            ReservationStatus::Released | ReservationStatus::Cancelled => {
                Err(Error::ReservationCancelled)
            }
        }
    }

    /// Whether the places of an expired hold can be taken again: all still free, and within the limit as if they were
    /// held anew. Answers the void holds that stand in the way, its own included.
    fn retake(&self, slot: Slot, now: Timestamp) -> Result<Vec<Slot>, Error> {
        let entry = self.reservations.get(slot);
        let too_late = || self.too_late(entry, now);
        let view = Vacancy::at(self, now);
        if !entry.seats.iter().all(|seat| view.is_free(*seat)) {
            return Err(too_late());
        }
        let mut void = self.void_holders(&entry.seats);
        if let Some(taken) = entry.standing {
            let room = self.make_room(taken.area as usize, taken.quantity, now);
            void.extend(room.map_err(|_| too_late())?);
        }
        if entry.status == ReservationStatus::Held && !void.contains(&slot) {
            void.push(slot);
        }
        self.check_limit(entry.customer_id, entry.places(), now)?;
        Ok(void)
    }

    pub(super) fn confirm(
        &self,
        id: ReservationId,
        payment: PaymentId,
        amount: Points,
        now: Timestamp,
    ) -> Result<Vec<Event>, Error> {
        let (slot, entry) = self.find(id)?;
        if entry.payment_id == Some(payment) {
            return Ok(Vec::new());
        }
        if let Some(abandoned) = entry
            .abandoned
            .iter()
            .find(|given| given.payment_id == payment)
        {
            return Err(Error::PaymentAbandoned {
                code: abandoned.code.clone(),
            });
        }
        let Confirmable { retaken, void } = self.confirmable(slot, now)?;
        if amount != entry.amount {
            return Err(Error::AmountMismatch {
                expected: entry.amount,
                actual: amount,
            });
        }
        let terms = self.terms()?;
        let confirmed = Event::ReservationConfirmed {
            organizer_id: terms.organizer_id,
            reservation_id: id,
            customer_id: entry.customer_id,
            payment_id: payment,
            amount,
            retaken,
            places: self.places(entry),
        };
        let expired = void.into_iter().map(|slot| self.expired(terms, slot));
        Ok(expired.chain([confirmed]).collect())
    }

    pub(super) fn abandon(
        &self,
        id: ReservationId,
        payment: PaymentId,
        code: &str,
    ) -> Result<Vec<Event>, Error> {
        let (_, entry) = self.find(id)?;
        // Once confirmed by it, even if cancelled since: its saga must go on to completion.
        if entry.payment_id == Some(payment) {
            return Err(Error::AlreadyConfirmed);
        }
        if entry
            .abandoned
            .iter()
            .any(|given| given.payment_id == payment)
        {
            return Ok(Vec::new());
        }
        Ok(vec![Event::PaymentAbandoned {
            organizer_id: self.terms()?.organizer_id,
            reservation_id: id,
            payment_id: payment,
            code: code.to_owned(),
        }])
    }

    pub(super) fn cancel_reservation(
        &self,
        id: ReservationId,
        payment: PaymentId,
    ) -> Result<Vec<Event>, Error> {
        let (_, entry) = self.find(id)?;
        if entry.payment_id != Some(payment) {
            return Err(Error::NotConfirmed);
        }
        if entry.status == ReservationStatus::Cancelled {
            return Ok(Vec::new());
        }
        Ok(vec![self.cancelled(
            self.terms()?,
            entry,
            payment,
            "refund",
        )])
    }

    pub(super) fn cancelled(
        &self,
        terms: &Terms,
        entry: &Reservation,
        payment_id: PaymentId,
        reason: &str,
    ) -> Event {
        Event::ReservationCancelled {
            organizer_id: terms.organizer_id,
            reservation_id: entry.id,
            customer_id: entry.customer_id,
            payment_id,
            reason: reason.to_owned(),
            places: self.places(entry),
        }
    }
}
