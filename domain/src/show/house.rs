//! What an organizer does: put the show up, take house seats out of sale and back, call the show off.

use super::{
    Error, Event, ReservationStatus, Show, WIND_UP_BATCH, command::Schedule,
    limits::check_schedule, seats::SeatState, vacancy::Vacancy,
};
use crate::{ids::OrganizerId, text::check_text, time::Timestamp};

/// Most bytes of an organizer's reason: a short paragraph.
pub const MAX_REASON_BYTES: usize = 500;
/// Most seats blocked or unblocked at once: as many as one zone part, so that the event stays as small.
pub const MAX_HOUSE_SEATS: usize = 2_000;

fn check_reason(reason: &str) -> Result<(), Error> {
    check_text(reason, MAX_REASON_BYTES).map_err(|detail| Error::Invalid {
        at: "reason",
        detail,
    })
}

fn check_house_seats(seats: &[String], reason: &str) -> Result<(), Error> {
    check_reason(reason)?;
    if seats.len() > MAX_HOUSE_SEATS {
        let detail = format!(
            "at most {MAX_HOUSE_SEATS} seats at once, not {}",
            seats.len()
        );
        return Err(Error::Invalid {
            at: "seats",
            detail,
        });
    }
    Ok(())
}

impl Show {
    pub(super) fn schedule(&self, schedule: &Schedule) -> Result<Vec<Event>, Error> {
        if self.terms.is_some() {
            return Err(Error::AlreadyScheduled);
        }
        check_schedule(schedule)?;
        let organizer_id = schedule.organizer_id;
        let rows = schedule.zones.iter().flat_map(|part| &part.rows);
        let seats: usize = rows.map(|row| row.seats.len()).sum();
        let scheduled = Event::ShowScheduled {
            organizer_id,
            concert_id: schedule.concert_id,
            venue_id: schedule.venue_id,
            starts_at: schedule.starts_at,
            on_sale_at: schedule.on_sale_at,
            off_sale_at: schedule.off_sale_at,
            prices: schedule.prices.clone(),
            categories: schedule.categories.clone(),
            focus: schedule.focus,
            seats: u32::try_from(seats).expect("a plan has at most 50,000 seats"),
            standing_capacity: schedule.standing.iter().map(|area| area.capacity).sum(),
            hold_seconds: schedule.hold_seconds,
            max_seats_per_customer: schedule.max_seats_per_customer,
            no_stranded_seats: schedule.no_stranded_seats,
            waiting_room: schedule.waiting_room,
        };
        let zones = schedule.zones.iter().cloned();
        let areas = schedule.standing.iter().cloned();
        Ok(std::iter::once(scheduled)
            .chain(zones.map(|zone| Event::SeatsListed { organizer_id, zone }))
            .chain(areas.map(|area| Event::StandingListed { organizer_id, area }))
            .collect())
    }

    /// Another organizer's show is not found.
    fn check_organizer(&self, organizer: OrganizerId) -> Result<(), Error> {
        if self.terms()?.organizer_id == organizer {
            Ok(())
        } else {
            Err(Error::NotFound)
        }
    }

    pub(super) fn block(
        &self,
        organizer_id: OrganizerId,
        guids: &[String],
        reason: &str,
        now: Timestamp,
    ) -> Result<Vec<Event>, Error> {
        self.check_organizer(organizer_id)?;
        if self.is_cancelled() {
            return Err(Error::ShowCancelled);
        }
        check_house_seats(guids, reason)?;
        let seats = self.find_seats(guids)?;
        let view = Vacancy::at(self, now);
        let taken = view.taken(&seats);
        if !taken.is_empty() {
            return Err(Error::SeatsUnavailable {
                seats: taken,
                alternatives: Vec::new(),
            });
        }
        let terms = self.terms()?;
        let blocked = Event::SeatsBlocked {
            organizer_id,
            seats: self.plan.guids(&seats),
            reason: reason.to_owned(),
        };
        let void = self
            .void_holders(&seats)
            .into_iter()
            .map(|slot| self.expired(terms, slot));
        Ok(void.chain([blocked]).collect())
    }

    pub(super) fn unblock(
        &self,
        organizer_id: OrganizerId,
        guids: &[String],
        reason: &str,
    ) -> Result<Vec<Event>, Error> {
        self.check_organizer(organizer_id)?;
        check_house_seats(guids, reason)?;
        let seats = self.find_seats(guids)?;
        let is_blocked = |seat| matches!(self.seats.get(seat), SeatState::Blocked(_));
        let free: Vec<_> = seats
            .iter()
            .copied()
            .filter(|seat| !is_blocked(*seat))
            .collect();
        if !free.is_empty() {
            return Err(Error::NotBlocked {
                seats: self.plan.guids(&free),
            });
        }
        Ok(vec![Event::SeatsUnblocked {
            organizer_id,
            seats: self.plan.guids(&seats),
            reason: reason.to_owned(),
        }])
    }

    pub(super) fn cancel_show(
        &self,
        organizer_id: OrganizerId,
        reason: &str,
        now: Timestamp,
    ) -> Result<Vec<Event>, Error> {
        self.check_organizer(organizer_id)?;
        if self.is_cancelled() {
            return Err(Error::ShowCancelled);
        }
        check_reason(reason)?;
        Ok(vec![Event::ShowCancelled {
            organizer_id,
            reason: reason.to_owned(),
            cancelled_at: now,
        }])
    }

    /// Nothing before a cancellation; afterwards the next live reservations, holds first.
    pub(super) fn wind_up(&self, limit: usize, now: Timestamp) -> Result<Vec<Event>, Error> {
        const REASON: &str = "show_cancelled";
        let terms = self.terms()?;
        if !self.is_cancelled() {
            return Ok(Vec::new());
        }
        let live = self.reservations.live().take(limit.min(WIND_UP_BATCH));
        Ok(live
            .map(|slot| {
                let entry = self.reservations.get(slot);
                match (entry.status, entry.payment_id) {
                    (ReservationStatus::Confirmed, Some(payment)) => {
                        self.cancelled(terms, entry, payment, REASON)
                    }
                    _ if entry.is_void(now) => self.expired(terms, slot),
                    _ => self.released(terms, entry, REASON),
                }
            })
            .collect())
    }
}
