//! The sale window, the limit per customer, and the bounds of what an organizer may set.

use std::collections::BTreeSet;

use super::{Error, Show, command::Schedule};
use crate::{
    ids::CustomerId,
    points::{MAX_AMOUNT, Points},
    time::{Timestamp, check_year},
    waiting_room,
};

/// Longest hold: beyond an hour it is a reservation without payment.
pub const MAX_HOLD_SECONDS: u32 = 3_600;
/// Largest limit per customer; with it one hold stays far below the size of an event.
pub const MAX_PLACES_PER_CUSTOMER: u32 = 100;

impl Show {
    /// Refuses a hold outside the sale.
    pub(super) fn check_on_sale(&self, now: Timestamp) -> Result<(), Error> {
        let terms = self.terms()?;
        if self.is_cancelled() {
            return Err(Error::ShowCancelled);
        }
        if now < terms.on_sale_at {
            return Err(Error::NotOnSaleYet {
                on_sale_at: terms.on_sale_at,
            });
        }
        match terms.off_sale_at {
            Some(off_sale_at) if now >= off_sale_at => Err(Error::OffSale { off_sale_at }),
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses what would bring the customer above the show's limit. A void hold does not count, recorded or not.
    pub(super) fn check_limit(
        &self,
        customer: CustomerId,
        asked: u32,
        now: Timestamp,
    ) -> Result<(), Error> {
        let limit = self.terms()?.max_seats_per_customer;
        let owned = self.reservations.owned(customer, now);
        if owned.saturating_add(asked) > limit {
            return Err(Error::PurchaseLimitExceeded {
                limit,
                owned,
                asked,
            });
        }
        Ok(())
    }
}

/// Checks what an organizer sets.
pub(super) fn check_schedule(schedule: &Schedule) -> Result<(), Error> {
    let within = |at: &'static str, value: u32, max: u32| {
        if (1..=max).contains(&value) {
            return Ok(());
        }
        Err(Error::Invalid {
            at,
            detail: format!("must be 1 to {max}, is {value}"),
        })
    };
    within("hold_seconds", schedule.hold_seconds, MAX_HOLD_SECONDS)?;
    within(
        "max_seats_per_customer",
        schedule.max_seats_per_customer,
        MAX_PLACES_PER_CUSTOMER,
    )?;
    check_years(schedule)?;
    if let Some(room) = &schedule.waiting_room {
        let checked = waiting_room::check_settings(room);
        checked.map_err(|(at, detail)| Error::Invalid { at, detail })?;
    }
    if schedule
        .off_sale_at
        .is_some_and(|off| off <= schedule.on_sale_at)
    {
        let detail = "must be later than on_sale_at".to_owned();
        return Err(Error::Invalid {
            at: "off_sale_at",
            detail,
        });
    }
    check_prices(schedule)
}

fn check_years(schedule: &Schedule) -> Result<(), Error> {
    let instants = [
        ("starts_at", Some(schedule.starts_at)),
        ("on_sale_at", Some(schedule.on_sale_at)),
        ("off_sale_at", schedule.off_sale_at),
    ];
    for (at, instant) in instants {
        if let Some(instant) = instant {
            check_year(instant).map_err(|detail| Error::Invalid { at, detail })?;
        }
    }
    Ok(())
}

fn check_prices(schedule: &Schedule) -> Result<(), Error> {
    let standing = schedule.standing.iter().map(|area| &area.category);
    let categories: BTreeSet<&String> = schedule.categories.iter().chain(standing).collect();
    let priced: BTreeSet<&String> = schedule.prices.keys().collect();
    if categories != priced {
        let names = |names: Vec<&&String>| names.into_iter().map(|name| (*name).clone()).collect();
        return Err(Error::PricesMismatch {
            missing: names(categories.difference(&priced).collect()),
            unknown: names(priced.difference(&categories).collect()),
        });
    }
    let affordable = |price: &Points| (0..=MAX_AMOUNT).contains(price);
    match schedule.prices.iter().find(|(_, price)| !affordable(price)) {
        None => Ok(()),
        Some((category, price)) => Err(Error::Invalid {
            at: "prices",
            detail: format!("{category:?} must cost 0 to {MAX_AMOUNT}, not {price}"),
        }),
    }
}
