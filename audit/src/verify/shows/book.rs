//! Enters one event into the book of its show, and finds what is against the rules.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Area, Reservation, Seat, Show, Status, Terms};
use crate::verify::{
    facts::{Fact, Held, House, ListedRow, Moved, Read, Scheduled, Standing, Text},
    report::{Check, Findings},
};

/// A show, and the event that is being entered.
pub(super) struct Book<'b, 'a> {
    pub(super) show: &'b mut Show,
    pub(super) read: &'b Read<'a>,
    pub(super) findings: &'b mut Findings,
}

impl Book<'_, '_> {
    fn add(&mut self, check: Check, detail: impl Into<String>) {
        self.findings.add(check, self.read.event.position, detail);
    }

    fn now(&self) -> DateTime<Utc> {
        self.read.event.recorded_at
    }

    pub(super) fn unknown(&mut self, reservation: Uuid) {
        self.add(
            Check::Seats,
            format!("reservation {reservation} was never held in this show"),
        );
    }

    pub(super) fn schedule(&mut self, terms: &Scheduled<'_>) {
        self.show.terms = Terms {
            on_sale_at: terms.on_sale_at,
            off_sale_at: terms.off_sale_at,
            hold: TimeDelta::try_seconds(terms.hold_seconds).unwrap_or_default(),
            limit: u64::from(terms.max_seats_per_customer),
            prices: terms
                .prices
                .iter()
                .map(|(category, price)| (category.0.to_string(), *price))
                .collect(),
            categories: terms
                .categories
                .iter()
                .map(|category| category.0.to_string())
                .collect(),
        };
    }

    pub(super) fn list_seats(&mut self, rows: &[ListedRow<'_>]) {
        for seat in rows.iter().flat_map(|row| &row.seats) {
            let index = u32::try_from(self.show.seats.len()).unwrap_or(u32::MAX);
            if self
                .show
                .seat_index
                .insert(seat.0.0.as_ref().into(), index)
                .is_some()
            {
                self.add(Check::Seats, format!("seat {} is listed twice", seat.0.0));
            }
            self.show.seats.push(Seat::Free);
            self.show
                .seat_category
                .push(u16::try_from(seat.2).unwrap_or(u16::MAX));
        }
    }

    pub(super) fn list_standing(&mut self, category: &Text<'_>, capacity: u32) {
        let index = u32::try_from(self.show.areas.len()).unwrap_or(u32::MAX);
        self.show
            .area_index
            .insert(category.0.as_ref().into(), index);
        self.show.areas.push(Area { capacity, taken: 0 });
    }

    pub(super) fn hold(&mut self, held: &Held<'_>) -> u32 {
        self.findings.checked(Check::Seats, held.seats.len() as u64);
        let mut seats = Vec::with_capacity(held.seats.len());
        let mut sum = 0_i64;
        for seat in &held.seats {
            let Some(index) = self.show.seat_index.get(seat.seat_guid.0.as_ref()).copied() else {
                self.add(
                    Check::Seats,
                    format!("seat {} is not in the plan", seat.seat_guid.0),
                );
                continue;
            };
            self.check_price(
                usize::from(self.show.seat_category[index as usize]),
                seat.price,
            );
            sum = sum.saturating_add(seat.price);
            seats.push(index);
        }
        let standing = held
            .standing
            .as_ref()
            .and_then(|standing| self.standing(standing, &mut sum));
        if sum != held.amount {
            self.add(
                Check::Prices,
                format!("costs {}, but its places {sum}", held.amount),
            );
        }
        self.findings.checked(Check::Prices, 1);
        let index = u32::try_from(self.show.reservations.len()).unwrap_or(u32::MAX);
        self.show.reservations.push(Reservation {
            id: held.reservation_id,
            customer: held.customer_id,
            status: Status::Released,
            extended: false,
            expires_at: held.expires_at,
            amount: held.amount,
            seats: seats.into(),
            standing,
            payment: None,
        });
        self.check_sale(held.expires_at);
        self.take(index, Status::Held);
        index
    }

    fn check_price(&mut self, category: usize, price: i64) {
        let terms = &self.show.terms;
        let due = terms
            .categories
            .get(category)
            .and_then(|name| terms.prices.get(name))
            .copied();
        if due != Some(price) {
            self.add(
                Check::Prices,
                format!("a seat was held for {price}, its price is {due:?}"),
            );
        }
    }

    /// The area of standing places that are held; adds what they cost.
    fn standing(&mut self, standing: &Standing<'_>, sum: &mut i64) -> Option<(u32, u32)> {
        let category = standing.category.0.as_ref();
        let due = self.show.terms.prices.get(category).copied();
        if due != Some(standing.price) {
            self.add(
                Check::Prices,
                format!(
                    "standing places were held for {}, the price is {due:?}",
                    standing.price
                ),
            );
        }
        *sum = sum.saturating_add(standing.price.saturating_mul(i64::from(standing.quantity)));
        let index = self.show.area_index.get(category).copied();
        if index.is_none() {
            self.add(
                Check::Standing,
                format!("standing area {category:?} is not in the plan"),
            );
        }
        index.map(|index| (index, standing.quantity))
    }

    fn check_sale(&mut self, expires_at: DateTime<Utc>) {
        let (now, terms) = (self.now(), &self.show.terms);
        let closed = terms.off_sale_at.is_some_and(|off| now >= off);
        if now < terms.on_sale_at || closed || self.show.cancelled_at.is_some() {
            self.add(Check::Limits, "held outside the sale");
        }
        if expires_at - now > self.show.terms.hold {
            self.add(
                Check::Limits,
                format!("held until {expires_at}, longer than the show allows"),
            );
        }
    }

    pub(super) fn extend(&mut self, index: u32, expires_at: DateTime<Utc>) {
        let (now, length) = (self.now(), self.show.terms.hold);
        let entry = &mut self.show.reservations[index as usize];
        let is_held = entry.status == Status::Held && entry.expires_at > now;
        let again = std::mem::replace(&mut entry.extended, true);
        let before = std::mem::replace(&mut entry.expires_at, expires_at);
        if entry.status == Status::Held {
            self.show.expiring.remove(&(before, index));
            self.show.expiring.insert((expires_at, index));
        }
        if !is_held || again || expires_at - before > length {
            self.add(
                Check::Limits,
                format!("extended to {expires_at} against the rules"),
            );
        }
    }

    /// A reservation is given back, runs out, is sold or is undone.
    pub(super) fn change(&mut self, index: u32, moved: &Moved<'_>) {
        self.check_places(index, moved);
        let entry = &self.show.reservations[index as usize];
        let (id, status, now) = (entry.id, entry.status, self.now());
        let void = status == Status::Held && entry.expires_at <= now;
        if entry.customer != moved.customer_id {
            self.add(
                Check::Seats,
                format!("reservation {id} is of another customer"),
            );
        }
        let next = match &self.read.fact {
            Fact::HoldReleased(_) => Status::Released,
            Fact::HoldExpired(_) => Status::Expired,
            Fact::ReservationConfirmed(_) => Status::Confirmed,
            _ => Status::Cancelled,
        };
        let allowed = match next {
            Status::Held => false,
            Status::Released => status == Status::Held,
            Status::Expired => void,
            Status::Confirmed if moved.retaken => status == Status::Expired,
            Status::Confirmed => status == Status::Held && !void,
            Status::Cancelled => status == Status::Confirmed,
        };
        if !allowed {
            let word = if void { "void" } else { "not void" };
            self.add(
                Check::Seats,
                format!("reservation {id} can't become {next:?}: it is {status:?}, {word}"),
            );
        }
        if next == Status::Confirmed && self.show.cancelled_at.is_some() {
            self.add(
                Check::Limits,
                format!("reservation {id} was sold after the show was cancelled"),
            );
        }
        if moved
            .amount
            .is_some_and(|amount| amount != self.show.reservations[index as usize].amount)
        {
            self.add(
                Check::Prices,
                format!(
                    "reservation {id} was sold for {:?}, not its price",
                    moved.amount
                ),
            );
        }
        self.give_back(index);
        let entry = &mut self.show.reservations[index as usize];
        entry.payment = moved.payment_id.or(entry.payment);
        if next == Status::Confirmed {
            self.take(index, next);
        } else {
            entry.status = next;
        }
    }

    /// An event repeats what its reservation takes up: both must agree.
    fn check_places(&mut self, index: u32, moved: &Moved<'_>) {
        let entry = &self.show.reservations[index as usize];
        let told: HashSet<_> = moved
            .seats
            .iter()
            .map(|guid| self.show.seat_index.get(guid.0.as_ref()))
            .collect();
        let taken: HashSet<_> = entry.seats.iter().map(Some).collect();
        let standing = moved.standing.as_ref().map(|told| {
            let area = self.show.area_index.get(told.category.0.as_ref());
            (area.copied().unwrap_or(u32::MAX), told.quantity)
        });
        if told != taken || standing != entry.standing {
            let id = entry.id;
            self.add(
                Check::Seats,
                format!("reservation {id} does not take up what the event says"),
            );
        }
    }

    /// Gives the places of a live reservation back.
    fn give_back(&mut self, index: u32) {
        let show = &mut *self.show;
        let entry = &show.reservations[index as usize];
        if !entry.is_live() {
            return;
        }
        for seat in &entry.seats {
            let seat = &mut show.seats[*seat as usize];
            if *seat == Seat::Taken(index) {
                *seat = Seat::Free;
            }
        }
        if let Some((area, quantity)) = entry.standing {
            let area = &mut show.areas[area as usize];
            area.taken = area.taken.saturating_sub(quantity);
        }
        show.expiring.remove(&(entry.expires_at, index));
        show.live_count -= 1;
        if let Some(live) = show.live.get_mut(&entry.customer) {
            live.retain(|other| *other != index);
            if live.is_empty() {
                show.live.remove(&entry.customer);
            }
        }
    }

    /// Takes a reservation's places, which must be free, within the customer's limit.
    fn take(&mut self, index: u32, status: Status) {
        let now = self.now();
        let show = &mut *self.show;
        let entry = &mut show.reservations[index as usize];
        entry.status = status;
        let mut faults = Vec::new();
        for seat in &entry.seats {
            match std::mem::replace(&mut show.seats[*seat as usize], Seat::Taken(index)) {
                Seat::Free => {}
                other => faults.push((*seat, other)),
            }
        }
        if status == Status::Held {
            show.expiring.insert((entry.expires_at, index));
        }
        show.live_count += 1;
        let (customer, standing, id) = (entry.customer, entry.standing, entry.id);
        show.live.entry(customer).or_default().push(index);
        for (seat, other) in faults {
            let detail = self.describe(seat, other, id);
            self.add(Check::Seats, detail);
        }
        if let Some((area, quantity)) = standing {
            self.findings.checked(Check::Standing, 1);
            let area = &mut self.show.areas[area as usize];
            area.taken = area.taken.saturating_add(quantity);
            if area.taken > area.capacity {
                let detail = format!(
                    "{} of {} standing places are taken",
                    area.taken, area.capacity
                );
                self.add(Check::Standing, detail);
            }
        }
        self.check_limit(customer, now);
    }

    fn describe(&self, seat: u32, other: Seat, id: Uuid) -> String {
        let guid = self
            .show
            .seat_index
            .iter()
            .find(|(_, index)| **index == seat);
        let guid = guid.map_or("?", |(guid, _)| guid);
        match other {
            Seat::Taken(other) => {
                let other = self.show.reservations[other as usize].id;
                format!("seat {guid} is in two live reservations, {other} and {id}")
            }
            Seat::Free | Seat::Blocked => {
                format!("seat {guid} is out of sale, but in reservation {id}")
            }
        }
    }

    fn check_limit(&mut self, customer: Uuid, now: DateTime<Utc>) {
        self.findings.checked(Check::Limits, 1);
        let live = self.show.live.get(&customer).into_iter().flatten();
        let entries = live.map(|index| &self.show.reservations[*index as usize]);
        let counted =
            entries.filter(|entry| entry.status == Status::Confirmed || entry.expires_at > now);
        let places: u64 = counted.map(Reservation::places).sum();
        let limit = self.show.terms.limit;
        if places > limit {
            self.add(
                Check::Limits,
                format!("customer {customer} has {places} places, {limit} are allowed"),
            );
        }
    }

    pub(super) fn house(&mut self, house: &House<'_>, from: Seat, to: Seat) {
        for guid in &house.seats {
            let index = self.show.seat_index.get(guid.0.as_ref()).copied();
            let seat = index.and_then(|index| self.show.seats.get_mut(index as usize));
            let before = seat.map(|seat| std::mem::replace(seat, to));
            if before != Some(from) {
                self.add(
                    Check::Seats,
                    format!("seat {} is {before:?}, not {from:?}", guid.0),
                );
            }
        }
    }
}
